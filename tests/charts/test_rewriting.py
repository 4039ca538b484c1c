from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.charts import (
    ChartInvalid,
    Constraint,
    Repositories,
    UnsafeChart,
    check_lock,
    load,
    load_package,
    moved,
    rewritten,
    write,
)

MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]
Publish = Callable[..., Repositories]
URL = "https://main.example.com"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
CHART = f"""\
apiVersion: v2
name: shop
version: 1.4.0  # goes up with each change
dependencies:
  # the operator supports 15 and 16
  - name: db
    version: ~15.1.0
    repository: {URL}
  - {{name: cache, version: "7.x.x", repository: {URL}}}
"""


@pytest.fixture
def hub(publish: Publish) -> Repositories:
    return publish(
        main={"db@15.1.0": [], "db@16.0.0": [], "db@16.1.0": [], "cache@7.1.0": [], "cache@7.2.0": []}
    )


def test_a_dependency_moves_on_and_all_else_stays_as_it_was_written(
    hub: Repositories, make_chart: MakeChart
) -> None:
    lock = f"dependencies: [{{name: cache, version: 7.1.0, repository: {URL}}}]\ndigest: x\n"
    folder = make_chart({"name": "shop"}, {"Chart.yaml": CHART, "Chart.lock": lock})
    write(rewritten(load(folder), {"db": "16.0.0"}, hub, NOW))
    text = (folder / "Chart.yaml").read_text()
    assert text == CHART.replace("1.4.0", "2.0.0").replace("~15.1.0", "~16.0.0")
    then = load(folder)
    assert then.lock is not None
    assert [(each.name, each.version) for each in then.lock.dependencies] == [
        ("db", "16.0.0"),
        ("cache", "7.1.0"),
    ]
    assert check_lock(then) == ()


def test_a_constraint_that_allows_the_version_stays_and_the_lock_holds_it(
    hub: Repositories, make_chart: MakeChart
) -> None:
    folder = make_chart({"name": "shop"}, {"Chart.yaml": CHART})
    write(rewritten(load(folder), {"cache": "7.1.0"}, hub, NOW))
    assert '"7.x.x"' in (folder / "Chart.yaml").read_text()
    lock = load(folder).lock
    assert lock is not None
    assert [each.version for each in lock.dependencies] == ["15.1.0", "7.1.0"]


def test_what_is_in_requirements_is_written_there(hub: Repositories, make_chart: MakeChart) -> None:
    needs = f"dependencies:\n- name: db # old\n  version: 15.1.0\n  repository: {URL}\n"
    about = "apiVersion: v1\nname: shop\nversion: 1.4.0\n"
    folder = make_chart({"name": "shop"}, {"Chart.yaml": about, "requirements.yaml": needs})
    files = write(rewritten(load(folder), {"db": "16.0.0"}, hub, NOW))
    assert [file.name for file in files] == ["Chart.yaml", "requirements.yaml", "requirements.lock"]
    assert (folder / "requirements.yaml").read_text() == needs.replace("15.1.0", "16.0.0")
    assert check_lock(load(folder)) == ()


def test_a_package_and_a_link_are_not_written(
    hub: Repositories, make_chart: MakeChart, make_package: MakePackage, tmp_path: Path
) -> None:
    with pytest.raises(ChartInvalid):
        rewritten(load_package(make_package({"name": "a"}), "a.tgz"), {}, hub, NOW)
    folder = make_chart({"name": "shop"}, {"Chart.yaml": CHART, "lock.yaml": "{}"})
    (folder / "Chart.lock").symlink_to(folder / "lock.yaml")
    with pytest.raises(UnsafeChart):
        write(rewritten(load(folder), {"db": "16.0.0"}, hub, NOW))
    assert (folder / "Chart.yaml").read_text() == CHART


@pytest.mark.parametrize(
    ("constraint", "version", "new"),
    [
        ("15.1.0", "16.2.3", "16.2.3"),
        ("=15.1.0", "16.2.3", "=16.2.3"),
        ("v15.1.0", "16.2.3", "v16.2.3"),
        ("^15.1.0", "16.2.3", "^16.2.3"),
        ("~15.1", "16.2.3", "~16.2"),
        ("^15", "16.2.3", "^16"),
        ("15.x.x", "16.2.3", "16.x.x"),
        ("15.1.x", "16.2.3", "16.2.x"),
        ("15.x", "16.2.3", "16.x"),
        ("15.X.*", "16.2.3", "16.X.*"),
        (">=15 <16", "16.2.3", "16.2.3"),
        ("15 - 15.9", "16.2.3", "16.2.3"),
        ("^15.1.0", "16.0.0-rc.1", "^16.0.0-rc.1"),
        ("15.x", "16.0.0-rc.1", "16.0.0-rc.1"),
        (">=15", "16.2.3", ">=15"),
        ("*", "16.2.3", "*"),
    ],
)
def test_a_constraint_moves_on_in_its_own_style(constraint: str, version: str, new: str) -> None:
    assert moved(constraint, version) == new


@given(
    st.sampled_from(("", "=", "^", "~", ">=", "<", "v")),
    st.lists(st.integers(0, 30), min_size=1, max_size=3),
    st.tuples(*[st.integers(0, 30)] * 3),
    st.sampled_from(("", "-rc.1")),
)
def test_what_a_constraint_moves_to_allows_the_version(
    sign: str, parts: list[int], to: tuple[int, ...], pre: str
) -> None:
    version = ".".join(map(str, to)) + pre
    assert Constraint.parse(moved(sign + ".".join(map(str, parts)), version)).allows(version)
