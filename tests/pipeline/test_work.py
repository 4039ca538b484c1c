"""Work costs what changed, not what exists: counted for few tenants and for many, and by `make e2e` among 30
deployments and among 600.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy_orchestrator.documents import document
from deploy_orchestrator.git import command, tree
from deploy_orchestrator.manifests import examination, objects
from deploy_orchestrator.manifests.workers import Workers
from deploy_orchestrator.outcomes import raised, values
from deploy_orchestrator.storage import Cache
from tests.desk import TENANT, Desk, copied, inside
from tests.steps import propose, released


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """What is done inside."""
    seen: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for what, module, name in (
            ("git", command, "run"),
            ("documents", document, "read_documents"),
            ("objects", objects, "_read_object"),
            ("manifests", objects, "_read_canonical"),
            ("renders", Workers, "ask"),
            ("checks", examination, "check"),
            ("blobs", tree, "content_of"),
            ("remembered", Cache, "read"),
        ):
            real = getattr(module, name)

            def counting(*given: Any, _what: str = what, _real: Any = real, **named: Any) -> Any:
                seen[_what] += 1
                return _real(*given, **named)

            patch.setattr(module, name, counting)
        yield seen


def with_tenants(desk: Desk, number: int) -> None:
    for each in range(number):
        folder = desk.fleet / "tenants" / f"tenant-{each}"
        folder.mkdir()
        (folder / "tenant.yaml").write_text(TENANT.format(environments="dev, production"))
    desk.commit("tenants/tenant-0/values.yaml", "greeting: hello\n")


def ship_everybody(desk: Desk) -> None:
    """As far as it goes out without anybody."""
    with desk.orchestrator() as orchestrator:
        fleet = orchestrator.fleet()
        for environment in ("dev", "production"):
            wanted = [each for each in fleet.deployments() if each.environment.name == environment]
            previews = [raised(each) for _, each in orchestrator.previews(wanted, fleet)]
            plans = [plan for each in orchestrator.propose(previews) if (plan := raised(each))]
            for each in orchestrator.deliver_all(values(orchestrator.release_all(plans))):
                raised(each[1])


@pytest.fixture(
    scope="module", params=[(2, 12), pytest.param((15, 300), marks=pytest.mark.many)], ids=["few", "many"]
)
def few_and_many(
    request: pytest.FixtureRequest, laid_out: Desk, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Desk, Desk]:
    desks: list[Desk] = []
    for number in request.param:
        desk = copied(laid_out, tmp_path_factory.mktemp(f"of-{number}"))
        with inside(desk.folder):
            with_tenants(desk, number)
            ship_everybody(desk)
            desk.run("plan")
            desk.run("status")
        desks.append(desk)
    return desks[0], desks[1]


def work(desk: Desk, *asked: str) -> Counter[str]:
    with inside(desk.folder), counted() as seen:
        assert desk.run(*asked).code in (0, 1)
    return seen


OF_EACH = {"blobs", "remembered"}
"""What a look at everything takes once for each: what stands there, and what is remembered of it."""
OF_NONE = {"objects", "renders", "checks", "documents"}


def test_a_look_at_what_did_not_change_reads_renders_and_checks_nothing(few_and_many):
    for asked in (["plan", "--environment", "dev"], ["status"]):
        few, many = (work(desk, *asked) for desk in few_and_many)
        assert few["git"] == many["git"]
        assert not OF_NONE & many.keys()


def test_a_second_look_at_what_is_live_reads_nothing_of_git(few_and_many):
    seen: list[Counter[str]] = []
    for desk in few_and_many:
        with inside(desk.folder), desk.orchestrator() as orchestrator:
            orchestrator.live()
            with counted() as counts:
                assert all(not isinstance(each, Exception) for _, each in orchestrator.live())
        seen.append(counts)
    assert seen == [Counter(), Counter()]


def test_as_many_processes_tell_of_few_that_wait_as_of_many(few_and_many, tmp_path):
    seen: list[Counter[str]] = []
    for number, desk in enumerate(few_and_many):
        waiting = copied(desk, tmp_path / str(number))
        waiting.commit("charts/app/values.yaml", "greeting: hello\nlegacy: false\n")
        with inside(waiting.folder):
            ship_everybody(waiting)
            waiting.run("pending")
            seen.append(work(waiting, "pending"))
            told = waiting.run("pending").output
            assert told.count("approval") >= len([*(waiting.fleet / "tenants").glob("tenant-*")])
    assert seen[0]["git"] == seen[1]["git"]
    assert not OF_NONE & seen[1].keys()


def test_one_tenants_change_costs_the_same_among_few_and_among_many(few_and_many):
    seen: list[Counter[str]] = []
    for desk in few_and_many:
        desk.commit("tenants/tenant-1/values.yaml", "greeting: good morning\n")
        with inside(desk.folder), counted() as counts, desk.orchestrator() as orchestrator:
            plan = propose(orchestrator, "dev", "tenant-1")
            assert plan is not None
            orchestrator.deliver(released(orchestrator, plan))
        seen.append(counts)
    assert seen[0] == seen[1]


def test_what_was_just_committed_is_not_read_again_to_release_it(few_and_many):
    desk = few_and_many[0]
    desk.commit("tenants/tenant-1/values.yaml", "greeting: good evening\n")
    with inside(desk.folder), desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "tenant-1")
        assert plan is not None
        with counted() as seen:
            released(orchestrator, plan)
    assert not {"objects", "manifests"} & seen.keys()


def test_a_memory_that_is_lost_costs_time_alone(few_and_many):
    desk = few_and_many[0]

    def told() -> tuple[str, str]:
        """Without how long ago anything was, and how wide its column is: both are others a second later."""
        return re.sub(r" +(?:\d+ (?:s|min)\b)?", " ", desk.run("status").output), desk.run("plan").output

    with inside(desk.folder):
        before = told()
        for kept in (desk.folder / ".local/state/clones").glob("*.kept"):
            shutil.rmtree(kept)
        assert told() == before
