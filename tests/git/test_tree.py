from concurrent.futures import ThreadPoolExecutor

import pygit2
import pytest
from pygit2.enums import FileMode, ObjectType

from deploy_orchestrator.errors import Place
from deploy_orchestrator.git import PathNotFound, Repository, Tree, UnsafeTree

FILE, PROGRAM, LINK, FOLDER, SUBMODULE = (
    f"{mode:o}".encode()
    for mode in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK, FileMode.TREE, FileMode.COMMIT)
)


class Crafted:
    """Makes trees that git itself would refuse to make."""

    def __init__(self, repository: Repository) -> None:
        self.objects = pygit2.Repository(str(repository.path))
        self.repository = repository

    def blob(self, content: bytes) -> pygit2.Oid:
        return self.objects.create_blob(content)

    def folder(self, *entries: tuple[bytes, bytes, pygit2.Oid]) -> pygit2.Oid:
        raw = b"".join(mode + b" " + name + b"\0" + oid.raw for mode, name, oid in entries)
        return self.objects.odb.write(ObjectType.TREE, raw)

    def tree(self, *entries: tuple[bytes, bytes, pygit2.Oid]) -> Tree:
        person = pygit2.Signature("x", "x@example.com")
        commit = self.objects.create_commit(None, person, person, "x", self.folder(*entries), [])
        return self.repository.at(str(commit))


@pytest.fixture
def crafted(repository: Repository) -> Crafted:
    return Crafted(repository)


def test_a_tree_is_read_by_path(repository, write):
    write({"a/b/c.yaml": b"c", "a/d": b"d", "e": b"e", "ö/ß": b"utf-8"})
    tree = repository.at("main")
    assert tree.read("a/b/c.yaml") == b"c"
    assert tree.names("") == ["a", "e", "ö"]
    assert tree.names("a") == tree.names("a/") == ["b", "d"]
    assert tree.files("a") == {"b/c.yaml": b"c", "d": b"d"}
    assert tree.names("e") == tree.names("nowhere") == []
    assert tree.files("e") == tree.files("nowhere") == {}
    assert tree.exists("a/b")
    assert tree.exists("e")
    assert not tree.exists("e/b")


@pytest.mark.parametrize("path", ["nowhere", "a/nowhere", "a/file/below", "a", ""])
def test_reading_what_is_no_file_says_which_path_at_which_commit(path, repository, write):
    commit = write({"a/file": b""})
    with pytest.raises(PathNotFound) as raised:
        repository.at("main").read(path)
    assert raised.value.place == Place(path)
    assert commit.id in raised.value.what


@pytest.mark.parametrize(
    "path", ["../x", "a/../b", "/a", "./a", ".git", "a//b", "\0", "\udcff", "a/" * 65 + "a"]
)
def test_a_path_that_no_commit_may_hold_is_refused(path, repository, write):
    write({"a/b": b""})
    for question in (Tree.read, Tree.exists, Tree.names, Tree.files, Tree.id):
        with pytest.raises(UnsafeTree):
            question(repository.at("main"), path)


def test_an_id_is_of_the_content_alone(repository, write):
    write({"a/x": b"1", "b/x": b"1", "c/x": b"2"})
    tree = repository.at("main")
    assert tree.id("a") == tree.id("b") != tree.id("c")
    assert tree.id("a/x") == tree.id("b/x")
    assert tree.id("nowhere") is None
    write({"other": b""})
    assert repository.at("main").id("a") == tree.id("a")
    assert repository.at("main").id("") != tree.id("")


def test_an_export_keeps_content_mode_and_inner_links(crafted, tmp_path):
    inner = crafted.folder((LINK, b"link", crafted.blob(b"../run")), (FILE, b"x", crafted.blob(b"x")))
    tree = crafted.tree(
        (
            FOLDER,
            b"chart",
            crafted.folder((FOLDER, b"inner", inner), (PROGRAM, b"run", crafted.blob(b"#!/bin/sh"))),
        )
    )
    folder = tree.export("chart", tmp_path / "cache")
    assert folder == tmp_path / "cache" / tree.id("chart")
    assert (folder / "run").stat().st_mode & 0o111
    assert not (folder / "inner/x").stat().st_mode & 0o111
    assert (folder / "inner/link").read_text() == "#!/bin/sh"


def test_an_export_that_is_there_is_used_again(repository, write, tmp_path):
    write({"a/x": b"1", "copy/x": b"1"})
    tree = repository.at("main")
    folder = tree.export("a", tmp_path)
    (folder / "mark").touch()
    assert tree.export("copy", tmp_path) == folder
    assert (folder / "mark").exists()


def test_many_may_export_one_folder_at_once(repository, write, tmp_path):
    write({f"a/{number}": b"x" * number for number in range(100)})
    tree = repository.at("main")
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: tree.export("a", tmp_path / "cache"), range(8)))
    assert len(folders) == 1
    assert list((tmp_path / "cache").iterdir()) == list(folders)
    assert len(list(folders.pop().iterdir())) == 100


def test_an_export_of_what_is_no_folder_is_refused(repository, write, tmp_path):
    write({"a": b"1"})
    for path in ("a", "nowhere"):
        with pytest.raises(PathNotFound, match="no such folder"):
            repository.at("main").export(path, tmp_path / "cache")


@pytest.mark.parametrize(
    "target", [b"/etc/passwd", b"../secret", b"..", b"deep/../../secret", b"", b"a\0b", b"x" * 5000]
)
def test_a_link_that_leads_out_is_refused_and_leaves_nothing(target, crafted, tmp_path):
    tree = crafted.tree((FOLDER, b"deep", crafted.folder()), (LINK, b"link", crafted.blob(target)))
    with pytest.raises(UnsafeTree) as raised:
        tree.export("", tmp_path / "cache")
    assert raised.value.place == Place("link")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_link_that_leads_out_by_way_of_another_is_refused(crafted, tmp_path):
    deep = crafted.folder((FOLDER, b"er", crafted.folder((FILE, b"x", crafted.blob(b"")))))
    tree = crafted.tree(
        (FOLDER, b"deep", deep),
        (LINK, b"hop", crafted.blob(b"deep/er")),
        (LINK, b"out", crafted.blob(b"hop/../../../x")),
    )
    with pytest.raises(UnsafeTree, match="leads out"):
        tree.export("", tmp_path / "cache")


def test_a_folder_behind_a_link_of_the_same_name_does_not_lead_out(crafted, tmp_path):
    (tmp_path / "outside").mkdir()
    tree = crafted.tree(
        (LINK, b"d", crafted.blob(str(tmp_path / "outside").encode())),
        (FOLDER, b"d", crafted.folder((FILE, b"planted", crafted.blob(b"x")))),
    )
    with pytest.raises(UnsafeTree):
        tree.export("", tmp_path / "cache")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"git~1", b"a/b", b"\xff"])
def test_a_name_that_no_folder_may_have_is_refused(name, crafted, tmp_path):
    tree = crafted.tree((FOLDER, b"chart", crafted.folder((FILE, name, crafted.blob(b"x")))))
    for question in (lambda: tree.export("chart", tmp_path / "cache"), lambda: tree.files("chart")):
        with pytest.raises(UnsafeTree) as raised:
            question()
        assert raised.value.place == Place("chart")


def test_two_entries_of_one_name_are_refused(crafted, tmp_path):
    tree = crafted.tree((FILE, b"a", crafted.blob(b"1")), (FILE, b"a", crafted.blob(b"2")))
    with pytest.raises(UnsafeTree, match="two entries with one name"):
        tree.export("", tmp_path / "cache")


def test_links_and_submodules_are_not_read_as_files(crafted):
    missing = pygit2.Oid(hex="1" * 40)
    tree = crafted.tree((LINK, b"link", crafted.blob(b"/etc/passwd")), (SUBMODULE, b"sub", missing))
    assert tree.names("") == ["link", "sub"]
    for path, kind in (("link", "symbolic link"), ("sub", "submodule")):
        with pytest.raises(UnsafeTree, match=kind):
            tree.read(path)
        with pytest.raises(UnsafeTree):
            tree.files("")


def test_an_entry_that_is_not_what_its_folder_says_is_refused(crafted):
    blob, folder = crafted.blob(b"x"), crafted.folder()
    missing = pygit2.Oid(hex="1" * 40)
    for mode, oid in ((FOLDER, blob), (FILE, folder), (FILE, missing), (FOLDER, missing)):
        tree = crafted.tree((mode, b"a", oid))
        for question in (Tree.files, Tree.read):
            with pytest.raises(UnsafeTree):
                question(tree, "a" if question is Tree.read else "")


def test_a_few_objects_that_unfold_to_very_many_files_are_refused(crafted, tmp_path):
    folder = crafted.folder((FILE, b"f", crafted.blob(b"x" * 1000)))
    for _ in range(10):
        folder = crafted.folder(*((FOLDER, b"%d" % number, folder) for number in range(10)))
    tree = crafted.tree((FOLDER, b"bomb", folder))
    with pytest.raises(UnsafeTree, match="more than 100,000 files"):
        tree.files("bomb")
    with pytest.raises(UnsafeTree, match="more than 100,000 files"):
        tree.export("bomb", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_tree_of_endless_depth_is_refused(crafted):
    folder = crafted.folder((FILE, b"f", crafted.blob(b"x")))
    for _ in range(70):
        folder = crafted.folder((FOLDER, b"d", folder))
    with pytest.raises(UnsafeTree, match="deeper than 64"):
        crafted.tree((FOLDER, b"d", folder)).files("")


def test_a_file_beyond_all_measure_is_refused(crafted):
    tree = crafted.tree((FILE, b"huge", crafted.blob(b"\0" * (64 * 2**20 + 1))))
    with pytest.raises(UnsafeTree, match="larger than 67,108,864 bytes"):
        tree.read("huge")
