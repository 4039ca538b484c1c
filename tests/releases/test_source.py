"""Who made the change that a plan is rendered from, and whether that is more than a claim."""

import pytest

from deploy_orchestrator.git import Changes, Ident
from deploy_orchestrator.releases import authors_of, source_change


@pytest.fixture
def change(repository):
    """Commits to a fleet repository, one for each author, signed by whom is given with it."""

    def make(*authors):
        for number, (author, signer) in enumerate(authors):
            changes = Changes("x", {"fleet.yaml": str(number).encode()}, author=author)
            repository.write("main", lambda _, changes=changes: changes, signer=signer)
        return repository.log("main", limit=len(authors))

    return make


def test_authors_are_told_once_and_in_lower_case(change, repository):
    ann, bob = Ident("Ann", "Ann@Example.com"), Ident("Bob", "bob@example.com")
    commits = change((ann, None), (bob, None), (ann, None))
    source = source_change(repository, "main", commits, b"")
    assert source.authors == ("ann@example.com", "bob@example.com")
    assert source.commit == repository.head()
    assert not source.signed


@pytest.mark.parametrize(
    "message",
    [
        "Change it\n\nCo-authored-by: Bob <Bob@Example.com>\n",
        "Change it (#7)\n\n* one\n\n* two\n\n---------\n\nCo-authored-by: Bob <bob@example.com>\n",
        "Change it\n\nco-authored-by: <bob@example.com>\r\nReviewed-by: Cy <cy@example.com>\r\n",
        "Change it\n\nCo-Authored-By: Bob <bob@example.com>\nand more words below\n",
    ],
)
def test_a_co_author_is_an_author(repository, message):
    author = Ident("Ann", "ann@example.com")
    repository.write("main", lambda _: Changes(message, {"fleet.yaml": b"x"}, author=author))

    source = source_change(repository, "main", repository.log("main", limit=1), b"")

    assert source.authors == ("ann@example.com", "bob@example.com")


def test_a_change_is_signed_when_each_commit_is_signed_by_its_author(change, repository, people):
    ann, bob = people("ann@example.com"), people("bob@example.com")
    commits = change((None, ann.signer), (None, bob.signer))
    assert source_change(repository, "main", commits, ann.allowed + bob.allowed).signed


def test_one_unsigned_commit_leaves_the_change_unsigned(change, repository, people):
    ann = people("ann@example.com")
    commits = change((None, ann.signer), (ann.person, None))
    assert not source_change(repository, "main", commits, ann.allowed).signed


def test_a_key_that_is_not_allowed_signs_nothing(change, repository, people):
    ann, bob = people("ann@example.com"), people("bob@example.com")
    commits = change((None, ann.signer))
    assert not source_change(repository, "main", commits, bob.allowed).signed


def test_without_commits_the_revision_speaks_for_itself(change, repository):
    change((Ident("Ann", "ann@example.com"), None))
    assert source_change(repository, "main", [], b"").authors == ("ann@example.com",)


@pytest.mark.parametrize("named", [500, 501, 2_000])
def test_of_more_co_authors_than_are_written_down_everybody_is_one(repository, named):
    others = "".join(f"Co-authored-by: X <x{each}@example.com>\n" for each in range(named - 1))
    made = Changes(f"Change it\n\n{others}", {"fleet.yaml": b"x"}, author=Ident("Z", "z@example.com"))
    repository.write("main", lambda _: made)
    source = source_change(repository, "main", repository.log("main", limit=1), b"")
    assert source.is_by("x1@example.com")
    assert source.is_by("nobody-of-them@example.com") is (named > 500)
    assert len(source.authors) <= 501
    assert ("*" in authors_of([*source.authors, "more@example.com"])) is (named >= 500)
