from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from deploy_orchestrator.defs import pages, runs
from deploy_orchestrator.defs.runs import request


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
