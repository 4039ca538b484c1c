"""Whatever stands in the fleet repository, `load` gives a fleet or a FleetError, and tenants stand alone."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.fleet import Fleet, FleetError, load
from deploy_orchestrator.git import Tree

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PIECES = st.sampled_from([
    *("\n", " ", "\t", "-", ":", "{}", "[]", "''", '"', "'", "&", "*", "!", "!!binary", "<<:", "|", ">", "#"),
    *("---", "...", "%", "&a [*a]", "\0", "é", "null", "~", "1", "-1", "1e400", ".nan", "true", "9" * 30),
    *("0d", "2026-12-20T", "../..", "https://", "file://", "{tenant}", "__tenant__", "name", "chart", "dev"),
])  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at].decode(errors="replace")
        cut = draw(st.integers(0, len(line)))
        piece = draw(PIECES)
        lines[at] = draw(
            st.sampled_from([
                b"",
                lines[at] * 2,
                lines[draw(st.integers(0, len(lines) - 1))],
                (line[:cut] + piece + line[cut:]).encode(),
                (line.partition(":")[0] + ": " + piece + "\n").encode(),
                b" " + lines[at],
                b"\xff" + lines[at],
            ])
        )  # fmt: skip
    return b"".join(lines)


def everything(fleet: Fleet, tenant: str) -> object:
    deployments = [each for each in fleet.deployments() if each.tenant.name == tenant]
    return [(each, fleet.inputs(each), fleet.layers(each), fleet.before(each)) for each in deployments]


@quick
@given(data=st.data())
def test_a_mutated_tenant_changes_nothing_for_the_others(
    data: st.DataObject, files: Files, commit: Commit
) -> None:
    whole = load(commit(files))
    path = data.draw(st.sampled_from([path for path in files if path.startswith("tenants/shop/")]))
    changed = files | {path: data.draw(mutations(str(files[path]).encode()))}
    fleet = load(commit(changed))
    assert "shop" in fleet.tenants or "shop" in fleet.broken
    assert everything(fleet, "blog") == everything(whole, "blog")


@quick
@given(data=st.data())
def test_mutated_files_load_or_end_in_an_error_of_the_fleet(
    data: st.DataObject, files: Files, commit: Commit
) -> None:
    path = data.draw(st.sampled_from([path for path in files if not path.startswith("tenants/")]))
    try:
        fleet = load(commit(files | {path: data.draw(mutations(str(files[path]).encode()))}))
    except FleetError:
        return
    for deployment in fleet.deployments():
        assert fleet.inputs(deployment).startswith("sha256:")


@quick
@given(
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60)
)
def test_any_folder_below_tenants_is_a_tenant_or_says_why_not(
    name: str, files: Files, commit: Commit
) -> None:
    if name in {".", ".."} or name.casefold() in {".git", "git~1"}:
        return
    fleet = load(commit(files | {f"tenants/{name}/tenant.yaml": files["tenants/shop/tenant.yaml"]}))
    assert name in fleet.tenants or name in fleet.broken or name[0] in "_."
    assert {"blog", "shop"} <= fleet.tenants.keys()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text", [BOMB, "[" * 100_000, "- " * 100_000, "a: \0", "x" * 1_000_000, "? " * 10_000]
)
def test_a_hostile_tenant_is_refused_with_its_file_named(files: Files, commit: Commit, text: str) -> None:
    files["tenants/shop/tenant.yaml"] = text
    fleet = load(commit(files))
    assert list(fleet.tenants) == ["blog"]
    assert len(str(fleet.broken["shop"])) < 500
    assert str(fleet.broken["shop"]).startswith("tenants/shop/tenant.yaml:")
