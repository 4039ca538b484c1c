from deploy_orchestrator.git import Changes, Repository


def test_a_branch_is_read_as_last_fetched(repository: Repository) -> None:
    repository.write("main", lambda tree: Changes("x", {"a": b"1"}))
    assert repository.branch().read("a") == b"1"


def test_a_missing_branch_is_an_empty_tree(repository: Repository) -> None:
    missing = repository.branch("approvals")
    assert missing.commit is None
    assert missing.files("") == {}
