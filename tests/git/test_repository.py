import base64
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy_orchestrator.git import (
    Changes,
    GitError,
    Remote,
    RemoteUnreachable,
    Repository,
    RevisionNotFound,
    UnsafeRemote,
)


def test_a_clone_that_is_there_is_used_again_and_brought_up_to_date(repository, remote, tmp_path, write):
    again = Repository.clone(str(remote), tmp_path / "other.git")
    commit = write({"a": b"1"})
    assert again.head() is None
    assert Repository.clone(str(remote), tmp_path / "other.git").head() == commit.id
    assert again.head() == commit.id


def test_what_is_fetched_is_there_as_a_whole_or_not_at_all(repository, remote, tmp_path, write):
    """Of objects that come one by one a commit may be seen before its files."""
    other = Repository.clone(str(remote), tmp_path / "other.git")
    commit = write({"a": b"1", "b/c": b"2"})
    other.fetch()
    assert other.head() == commit.id
    assert not list((tmp_path / "other.git/objects").glob("[0-9a-f][0-9a-f]/*"))
    assert len(list((tmp_path / "other.git/objects/pack").glob("*.pack"))) == 1


def test_a_clone_of_another_remote_is_refused_and_left_alone(repository, tmp_path, git, write):
    write({"a": b"1"})
    git("init", "--bare", "--quiet", tmp_path / "another.git")
    with pytest.raises(GitError, match=r"is a clone of .*remote\.git, not of .*another\.git"):
        Repository.clone(str(tmp_path / "another.git"), repository.path)
    assert repository.at("main").read("a") == b"1"


def test_a_folder_that_is_no_clone_is_refused_even_inside_of_another_repository(remote, tmp_path, git):
    git("init", "--quiet", tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(GitError, match="is not a clone"):
        Repository.clone(str(remote), tmp_path / "folder")


def test_a_repository_of_sha_256_objects_is_refused_and_says_so(tmp_path, git):
    git("init", "--quiet", "--object-format=sha256", "-b", "main", tmp_path / "other")
    git("commit", "--quiet", "--allow-empty", "--message", "x", cwd=tmp_path / "other")
    with pytest.raises(RemoteUnreachable, match="SHA-256 objects") as raised:
        Repository.clone(str(tmp_path / "other"), tmp_path / "clone")
    assert "--object-format=sha1" in (raised.value.fix or "")
    assert not (tmp_path / "clone").exists()


def test_a_clone_that_fails_leaves_nothing_and_can_be_made_again(remote, tmp_path):
    away = remote.rename(tmp_path / "away")
    with pytest.raises(RemoteUnreachable, match=r"remote\.git"):
        Repository.clone(str(remote), tmp_path / "clone")
    assert not (tmp_path / "clone").exists()
    away.rename(remote)
    assert Repository.clone(str(remote), tmp_path / "clone").head() is None


def test_a_clone_that_a_power_cut_has_damaged_says_what_to_do_and_is_made_again(repository, remote, write):
    commit = write({"a": b"1"})
    (repository.path / "refs/heads/main").write_text("")
    with pytest.raises(RemoteUnreachable) as raised:
        Repository.clone(str(remote), repository.path)
    assert f"where that works, remove {repository.path}" in (raised.value.fix or "")
    shutil.rmtree(repository.path)
    assert Repository.clone(str(remote), repository.path).head() == commit.id


def test_what_a_killed_clone_left_behind_is_no_hindrance(remote, tmp_path):
    (tmp_path / ".clone.cloning" / "objects").mkdir(parents=True)
    assert Repository.clone(str(remote), tmp_path / "clone").head() is None
    assert not (tmp_path / ".clone.cloning").exists()


def test_many_threads_may_open_one_clone_at_once(remote, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        clones = list(pool.map(lambda _: Repository.clone(str(remote), tmp_path / "clone"), range(8)))
    assert len(set(clones)) == 1


def test_locks_that_a_killed_fetch_left_behind_are_taken_away(repository, remote, tmp_path, write):
    write({"a": b"1"})
    late = Repository.clone(str(remote), tmp_path / "late.git")
    commit = write({"a": b"2"})
    (late.path / "refs/heads/main.lock").touch()
    (late.path / "packed-refs.lock").touch()
    late.fetch()
    assert late.head() == commit.id


def test_branches_that_are_gone_from_the_remote_are_gone_after_a_fetch(repository, remote, git, write):
    commit = write({"a": b"1"})
    git("branch", "side", commit.id, cwd=remote)
    git("tag", "v1", commit.id, cwd=remote)
    repository.fetch()
    assert repository.head("side") == repository.resolve("v1") == commit.id
    git("branch", "-D", "side", cwd=remote)
    repository.fetch()
    assert repository.head("side") is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "-upload-pack=touch /tmp/x",
        "--upload-pack=x",
        "ext::sh -c true",
        "fd::17",
        "git://example.com/x",
        "ftp://example.com/x",
        "transport::file:///x",
        "ssh://-oProxyCommand=true/x",
        "ssh://-l@host/x",
        "-oProxyCommand=true:x",
        "user@-oProxyCommand=true:x",
        "https://example.com/a\nb",
        "https://[::1/x",
    ],
)
def test_an_address_that_could_run_something_is_refused(address, tmp_path):
    with pytest.raises(UnsafeRemote):
        Repository.clone(address, tmp_path / "clone")
    assert not (tmp_path / "clone").exists()


@pytest.mark.parametrize("template", ["{}", "file://{}", "{}/../remote.git"])
def test_a_folder_may_be_given_as_a_path_or_as_a_url(template, remote, tmp_path):
    assert Repository.clone(template.format(remote), tmp_path / "clone").head() is None


def test_a_relative_folder_means_the_same_from_everywhere(remote, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clone = Repository.clone("remote.git", Path("clone"))
    monkeypatch.chdir("/")
    clone.fetch()
    assert clone.url == str(remote)


@pytest.mark.parametrize("address", ["https://ann:hush@127.0.0.1:1/x", "https://hush@127.0.0.1:1/x"])
def test_a_secret_in_the_address_is_neither_shown_nor_stored(address, tmp_path):
    with pytest.raises(RemoteUnreachable) as raised:
        Repository.clone(address, tmp_path / "clone")
    assert "hush" not in str(raised.value)
    with pytest.raises(UnsafeRemote) as refused:
        Repository.clone(address.replace("https", "gopher"), tmp_path / "clone")
    assert "hush" not in str(refused.value)


ADVERTISED = b"001e# service=git-upload-pack\n0000003e%s refs/heads/main\0\n0000" % (b"1" * 40)
"""What a forge says that has one branch: https://git-scm.com/docs/http-protocol."""


class Forge(ThreadingHTTPServer):
    """Notes which login it was given: asks for one, is `open` to all, or sends everybody `elsewhere`."""

    def __init__(self, *, open: bool = False, elsewhere: str = "") -> None:  # noqa: A002
        received: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                received.append(self.headers["Authorization"])
                if elsewhere:
                    self.send_response(302)
                    self.send_header("Location", elsewhere + self.path)
                elif open:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
                else:
                    self.send_response(401 if received[-1] is None else 404)
                    self.send_header("WWW-Authenticate", 'Basic realm="x"')
                said = ADVERTISED if open else b""
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.received = received
        Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def test_a_password_in_the_address_reaches_the_server_and_no_list_of_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Forge() as server, pytest.raises(RemoteUnreachable):
        Repository.clone(f"http://ann:hu%2Fsh@127.0.0.1:{server.server_port}/x", tmp_path / "clone")
    assert server.received == [None, "Basic " + base64.b64encode(b"ann:hu/sh").decode()]
    trace = (tmp_path / "trace").read_text()
    assert "git-remote-http" in trace
    assert "hu%2Fsh" not in trace
    assert "hu/sh" not in trace


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_password_goes_to_its_own_server_and_to_none_that_it_sends_to(host, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with Forge(open=True) as other, Forge(elsewhere=f"http://{host}:{other.server_port}") as server:
        with pytest.raises(RemoteUnreachable) as raised:
            Repository.clone(f"http://ann:hush@127.0.0.1:{server.server_port}/x", tmp_path / "clone")
        assert other.received == [None, None]
    assert "hush" not in str(raised.value)


def test_a_password_is_stored_by_no_helper_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / ".gitconfig").write_text(f"[credential]\n\thelper = store --file={tmp_path / 'stored'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    with Forge() as server, pytest.raises(RemoteUnreachable):
        Repository.clone(f"http://ann:hush@127.0.0.1:{server.server_port}/x", tmp_path / "clone")
    assert any(server.received)
    assert not (tmp_path / "stored").exists()


@pytest.mark.parametrize("login", ["ann:x%0Ahost=elsewhere", ":x"])
def test_a_login_that_is_not_a_name_and_a_password_is_refused(login, tmp_path):
    with pytest.raises(UnsafeRemote):
        Repository.clone(f"http://{login}@127.0.0.1:1/x", tmp_path / "clone")


@pytest.mark.parametrize(
    "login", ["ann:hu/sh", "ann:12/hush", "hu/sh", "ann:hu?sh", "ann:hu#sh", "a@b:hu/sh"]
)
@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_password_that_ends_the_host_is_refused_and_not_shown(scheme, login, tmp_path):
    with pytest.raises(UnsafeRemote) as raised:
        Repository.clone(f"{scheme}://{login}@127.0.0.1:1/x", tmp_path / "clone")
    assert "hu" not in str(raised.value)


def test_a_name_in_the_address_that_may_be_a_token_is_not_shown_when_the_server_refuses_it(
    tmp_path, monkeypatch
):
    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(RemoteUnreachable, match="could not read Password") as raised:
            Repository.clone(f"http://hush@127.0.0.1:{server.server_port}/x", tmp_path / "clone")
        server.shutdown()
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("revision", ["nowhere", "", "^", "main..main", "-x", "0" * 40, "x\0", "main:a"])
def test_a_revision_that_names_no_commit_is_not_found(revision, repository, write):
    write({"a": b"1"})
    with pytest.raises(RevisionNotFound):
        repository.at(revision)


@pytest.mark.parametrize("branch", ["-x", "a..b", "", "a b", "x:y", "a.lock"])
def test_a_name_that_no_branch_may_have_is_refused(branch, repository):
    with pytest.raises(GitError, match="not the name of a branch"):
        repository.write(branch, lambda _: Changes("x", {"a": b""}))


def test_a_tag_cannot_hide_a_branch_nor_a_branch_a_commit(repository, remote, git, write):
    first, second = write({"a": b"1"}), write({"a": b"2"})
    git("tag", "main", first.id, cwd=remote)
    git("update-ref", f"refs/heads/{first.id}", second.id, cwd=remote)
    repository.fetch()
    assert repository.resolve("main") == second.id
    assert repository.resolve(first.id) == first.id
    assert repository.resolve("refs/tags/main") == first.id


def test_a_branch_may_take_the_place_of_a_folder_of_branches(repository, remote, git, write):
    commit = write({"a": b"1"})
    git("branch", "team/fix", commit.id, cwd=remote)
    repository.fetch()
    git("branch", "-D", "team/fix", cwd=remote)
    git("branch", "team", commit.id, cwd=remote)
    repository.fetch()
    assert repository.branch("team").read("a") == b"1"
    assert repository.branch("team/fix").names("") == []


def test_the_log_is_newest_first_and_limited_to_what_was_asked_for(repository, write):
    first, second, third = (write(files) for files in ({"a/x": b"1"}, {"b": b"1"}, {"a/y": b"1"}))
    assert [commit.id for commit in repository.log("main")] == [third.id, second.id, first.id]
    assert [commit.id for commit in repository.log("main", since=first.id)] == [third.id, second.id]
    assert [commit.id for commit in repository.log("main", paths=["a"])] == [third.id, first.id]
    assert [commit.id for commit in repository.log("main", paths=["a"], limit=1)] == [third.id]
    assert repository.log("main", paths=["*"]) == repository.log("main", paths=["--all"]) == []


def test_a_commit_is_its_own_ancestor_and_that_of_what_follows(repository, write):
    first, second = write({"a": b"1"}), write({"a": b"2"})
    assert repository.is_ancestor(first.id, second.id)
    assert repository.is_ancestor("main", "main")
    assert not repository.is_ancestor(second.id, first.id)
    assert repository.leads_to(first.id, second.id)
    assert not repository.leads_to(second.id, first.id)
    assert not repository.leads_to("0" * 40, second.id)


def test_a_repository_and_its_trees_can_be_sent_to_another_process(repository, write):
    write({"a": b"1"})
    sent, tree = pickle.loads(pickle.dumps((repository, repository.at("main"))))
    assert sent == repository
    assert tree == repository.at("main")
    assert tree.read("a") == b"1"


def test_settings_of_the_caller_that_would_redirect_git_are_of_no_account(
    repository, remote, monkeypatch, write
):
    commit = write({"a": b"1"})
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
    repository.fetch()
    assert [found.id for found in repository.log("main")] == [commit.id]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://u:p@Git.example.com/acme/fleet.git/", "https git.example.com None acme/fleet"),
        ("http://127.0.0.1:3000/acme/fleet", "http 127.0.0.1 3000 acme/fleet"),
        ("ssh://git@git.example.com:2222/acme/fleet.git", "ssh git.example.com 2222 acme/fleet"),
        ("git@git.example.com:acme/fleet.git", "ssh git.example.com None acme/fleet"),
        ("[::1]:acme/fleet", "ssh ::1 None acme/fleet"),
        ("https://[::1]:3000/acme/fleet", "https ::1 3000 acme/fleet"),
    ],
)
def test_a_remote_says_where_on_which_server_it_is(text: str, place: str) -> None:
    found = Remote.parse(text)
    assert found
    assert f"{found.scheme} {found.host} {found.port} {found.path}" == place


@pytest.mark.parametrize(
    "text",
    ["", "x", "/srv/fleet.git", "file:///srv/fleet.git", "https://git.example.com/", "https://h:99999/a"],
)
def test_what_is_on_no_server_is_no_remote(text: str) -> None:
    assert Remote.parse(text) is None


def test_of_some_branches_nothing_else_is_fetched(remote, git, write, repository, tmp_path):
    first = write({"a": b"1"})
    git("branch", "side", first.id, cwd=remote)
    git("tag", "v1", first.id, cwd=remote)
    clone = Repository.clone(str(remote), tmp_path / "some.git", branches=("main", "decisions"))
    assert (clone.head(), clone.head("side"), clone.head("decisions")) == (first.id, None, None)
    with pytest.raises(RevisionNotFound):
        clone.resolve("v1")
    git("branch", "decisions", first.id, cwd=remote)
    clone.fetch()
    assert clone.head("decisions") == first.id
    git("branch", "-D", "decisions", cwd=remote)
    clone.fetch()
    assert clone.head("decisions") is None
    clone.fetch_all()
    assert clone.head("side") == clone.resolve("v1") == first.id


def test_of_some_branches_a_remote_without_any_is_told_from_one_out_of_reach(remote, tmp_path):
    clone = Repository.clone(str(remote), tmp_path / "some.git", branches=("main",))
    assert clone.head() is None
    shutil.rmtree(remote)
    with pytest.raises(RemoteUnreachable):
        clone.fetch()
