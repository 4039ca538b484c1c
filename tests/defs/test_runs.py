from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from deploy_orchestrator.defs import pages, runs
from deploy_orchestrator.defs.runs import again, request


@dg.op
def _nothing() -> None:
    pass


@dg.job
def promote() -> None:
    _nothing()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def ask(instance: dg.DagsterInstance) -> str | None:
    """Ask for one run, and run it; its key."""
    wanted = request(instance, "promote", "dev", "shop", "sha256:1")
    if wanted is None:
        return None
    promote.execute_in_process(instance=instance, tags=dict(wanted.tags))
    return wanted.run_key


def test_what_three_runs_did_not_bring_about_is_let_alone(instance: dg.DagsterInstance) -> None:
    assert all(ask(instance) for _ in range(3))
    assert ask(instance) is None


def test_it_is_tried_again_after_a_pause_each_time_as_another_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PAUSE", timedelta(0))

    keys = [ask(instance) for _ in range(6)]

    assert None not in keys
    assert len(set(keys)) == 6


@dg.op(config_schema={"outage": bool}, retry_policy=dg.RetryPolicy(max_retries=1))
def _failing(context: dg.OpExecutionContext) -> None:
    raise dg.Failure("no", allow_retries=context.op_config["outage"])


@dg.job
def ship() -> None:
    _failing()


def fail(instance: dg.DagsterInstance, *, outage: bool) -> None:
    ship.execute_in_process(
        instance=instance,
        tags={"dagster/partition": "dev|shop"},
        run_config={"ops": {"_failing": {"config": {"outage": outage}}}},
        raise_on_error=False,
    )


def test_what_failed_in_an_outage_is_tried_again_once_for_each_failure_and_then_after_a_pause(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert again(instance, "ship", "dev", "shop") is None
    keys: set[str | None] = set()
    for _ in range(2):
        fail(instance, outage=True)
        for _ in range(2):
            wanted = again(instance, "ship", "dev", "shop")
            assert wanted is not None
            keys.add(wanted.run_key)
    assert len(keys) == 2
    fail(instance, outage=True)
    assert again(instance, "ship", "dev", "shop") is None
    monkeypatch.setattr(runs, "PAUSE", timedelta(0))
    assert again(instance, "ship", "dev", "shop")


def test_what_failed_for_its_input_is_let_alone(instance: dg.DagsterInstance) -> None:
    fail(instance, outage=False)
    assert again(instance, "ship", "dev", "shop") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![x](http://evil/p.png)", r"!\[x\](http://evil/p.png)"),
        ("[sign in](http://evil)", r"\[sign in\](http://evil)"),
        ("a|b\r\n~~c~~ *d* _e_", r"a\|b  \~\~c\~\~ \*d\* \_e\_"),
        ("<b> &lt; `x`", r"&lt;b&gt; &amp;lt; \`x\`"),
        ("\x1b[31mred", r"�\[31mred"),
    ],
)
def test_nothing_in_a_cell_is_taken_for_markdown(text: str, shown: str) -> None:
    assert pages.table(["found"], [(text,)]).value.splitlines()[-1] == f"| {shown} |"
