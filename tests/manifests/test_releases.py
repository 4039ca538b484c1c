"""Several Helm releases of one tenant are one set of objects, in the order in which one sync makes them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests import DuplicateObject, Manifests, Object, Workspace, origins, render
from deploy_orchestrator.manifests.hooks import phases, wave
from deploy_orchestrator.manifests.printed import Made
from deploy_orchestrator.manifests.sequence import in_sequence
from tests.manifests.conftest import FleetOnDisk

HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"


def text(name: str, annotations: Mapping[str, str] = {}) -> str:
    metadata: dict[str, Any] = {"name": name, **({"annotations": dict(annotations)} if annotations else {})}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def hook(events: str, weight: int = 0) -> dict[str, str]:
    return {"helm.sh/hook": events, "helm.sh/hook-weight": str(weight)}


STORE = {
    "templates/early.yaml": text("store-early", {WAVE: "-3"}),
    "templates/store.yaml": text("store"),
    "templates/late.yaml": text("store-late", {WAVE: "7"}),
    "templates/before.yaml": text("store-before", hook("pre-install,pre-upgrade", 2)),
    "templates/fill.yaml": text("store-fill", hook("post-install,post-upgrade", 5)),
    "templates/test.yaml": text("store-test", hook("test")),
}
FRONT = {
    "templates/front.yaml": text("front"),
    "templates/last.yaml": text("front-last", {WAVE: "100"}),
    "templates/account.yaml": text("front-account", hook("pre-install,pre-upgrade", -5)),
    "templates/migrate.yaml": text("front-migrate", hook("pre-install,pre-upgrade", 5)),
    "templates/tell.yaml": text("front-tell", hook("post-install", 3)),
}


def release(name: str, *after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "chart": {"name": name, "version": "0.1.0"}, "after": list(after), **more}


Two = Callable[..., Manifests]


@pytest.fixture
def two(on_disk: FleetOnDisk, workspace: Workspace) -> Two:
    """The tenant `ml` of the releases `store`, and `front` after it, or of those that are given."""

    def two(*releases: dict[str, Any]) -> Manifests:
        on_disk.chart("store", STORE)
        on_disk.chart("front", FRONT)
        on_disk.tenant(
            "ml", chart=None, releases=list(releases) or [release("front", "store"), release("store")]
        )
        fleet = on_disk.load()
        return render(fleet.deployment("dev", "ml"), fleet, workspace)

    return two


def placed(manifests: Manifests) -> dict[str, tuple[str, int]]:
    """The phases and the wave of each object by its name."""
    return {
        each.name: (",".join(sorted(phases(each))), wave(each))
        for each in manifests.objects
        if each.name not in ("platform", "ml-platform")
    }


def test_a_release_that_comes_after_another_has_the_waves_behind_it_with_its_hooks(two: Two) -> None:
    assert placed(two()) == {
        "store-before": ("PreSync", 2),
        "store-early": ("", -3),
        "store": ("", 0),
        "store-late": ("", 7),
        "store-fill": ("Sync", 8),
        "front-account": ("Sync", 9),
        "front-migrate": ("Sync", 10),
        "front": ("", 11),
        "front-last": ("", 12),
        "front-tell": ("PostSync", 3),
        "store-test": ("PostSync", 4),
    }


def test_a_hook_that_is_moved_is_still_known_as_helms(two: Two) -> None:
    found = {each.name: each for each in two().objects}
    assert found["front-migrate"].annotations == {
        **hook("pre-install,pre-upgrade", 5),
        HOOK: "Sync",
        WAVE: "10",
    }


def test_releases_without_an_order_keep_their_waves_and_hooks(two: Two) -> None:
    found = placed(two(release("store"), release("front")))
    assert found["front-migrate"] == ("PreSync", 5)
    assert found["store-fill"] == ("PostSync", 5)
    assert found["front"] == ("", 0)


def test_the_plan_names_every_chart_with_its_version(two: Two) -> None:
    chart = two().chart
    assert chart is not None
    assert (str(chart), chart.called) == ("store 0.1.0, front 0.1.0", "store, front")
    assert [each.release for each in chart.releases or ()] == ["store", "front"]


def test_an_object_that_two_releases_would_make_is_told_with_both(
    on_disk: FleetOnDisk, workspace: Workspace
) -> None:
    on_disk.chart("store", {"templates/a.yaml": text("same")})
    both = [release("one"), release("two", chart={"name": "store", "version": "0.1.0"})]
    both[0]["chart"]["name"] = "store"
    on_disk.tenant("ml", chart=None, releases=both)
    fleet = on_disk.load()
    with pytest.raises(DuplicateObject) as refused:
        render(fleet.deployment("dev", "ml"), fleet, workspace)
    assert "ConfigMap ml-dev/same is printed here for the release two" in refused.value.what
    assert "for the release one" in refused.value.what
    assert refused.value.place == Place("charts/store/templates/a.yaml", 1)


def test_one_chart_may_make_two_releases_with_values_of_their_own(
    on_disk: FleetOnDisk, workspace: Workspace
) -> None:
    on_disk.chart(
        "store", {"templates/a.yaml": text("{{ .Release.Name }}") + "data: {a: {{ .Values.a | quote }}}\n"}
    )
    both = [release("one"), release("two", "one")]
    for each in both:
        each["chart"] = {"name": "store", "version": "0.1.0"}
    on_disk.tenant(
        "ml", {"one/values.yaml": "a: 1\n", "two/values.yaml": "a: 2\n"}, chart=None, releases=both
    )
    fleet = on_disk.load()
    deployment = fleet.deployment("dev", "ml")
    found = {
        each.name: each.body.get("data", {}).get("a") for each in render(deployment, fleet, workspace).objects
    }
    assert (found["one"], found["two"]) == ("1", "2")
    assert {
        name: [each.file for each in own] for name, own in origins(deployment, fleet, workspace).items()
    } == {
        "one": ["tenants/ml/one/values.yaml"],
        "two": ["tenants/ml/two/values.yaml"],
    }


def test_a_release_goes_to_the_namespace_that_it_names(two: Two) -> None:
    found = {
        each.name: each.namespace
        for each in two(release("store", namespace="stores-{environment}"), release("front")).objects
    }
    assert (found["store"], found["front"]) == ("stores-dev", "ml-dev")


_OBJECTS = st.lists(
    st.tuples(
        st.sampled_from(["", "pre-install", "post-install", "pre-upgrade,post-upgrade", "test"]),
        st.integers(-9, 9),
    ),
    min_size=1,
    max_size=4,
)


@given(st.lists(_OBJECTS, min_size=2, max_size=4))
def test_nothing_of_a_release_is_made_before_all_of_those_that_it_comes_after(
    releases: list[list[tuple[str, int]]],
) -> None:
    made = [
        Made(str(number), Object(yaml.safe_load(_text(f"r{number}-{at}", events, weight))), Place("x"))
        for number, objects in enumerate(releases)
        for at, (events, weight) in enumerate(objects)
    ]
    chain = {str(number): [str(number - 1)] if number else [] for number in range(len(releases))}
    objects = in_sequence(made, chain)
    assert [each.key for each in objects] == [each.object.key for each in made]
    order = ["PreSync", "Sync", "PostSync"]

    def moments(number: int) -> list[tuple[int, int]]:
        return [
            (order.index(phase), wave(each))
            for one, each in zip(made, objects, strict=True)
            if one.release == str(number) and "test" not in each.hooks
            for phase in (phases(each) or ({"Sync"} if not each.hooks else set()))
        ]

    for number in range(1, len(releases)):
        before, after = moments(number - 1), moments(number)
        assert not before or not after or max(before) < min(after)


def _text(name: str, events: str, weight: int) -> str:
    return text(name, hook(events, weight) if events else {WAVE: str(weight)})
