from deploy_orchestrator.git import Changes
def test_smoke(repository, tmp_path):
    c = repository.write("main", lambda t: Changes("one\n\nA: b", {"a/b": b"x", "a/c": b"y"}))
    assert repository.head() == c.id and c.trailers == {"A": "b"}
    t = repository.at("main")
    assert t.files("a") == {"b": b"x", "c": b"y"} and t.names("") == ["a"]
    assert repository.write("main", lambda t: Changes("one", {"a/b": b"x"})) is None
    d = repository.write("main", lambda t: Changes("two", {"z": b"x"}, deletes=["a"]))
    assert repository.at(d.id).names("") == ["z"]
    assert [x.id for x in repository.log("main")] == [d.id, c.id]
    p = t.export("a", tmp_path/"cache"); assert (p/"b").read_bytes() == b"x"
    e = repository.write("main", lambda t: t.reverting(d.id))
    assert repository.at(e.id).files("") == {"a/b": b"x", "a/c": b"y"}
