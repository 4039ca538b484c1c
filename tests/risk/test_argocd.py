"""What Argo CD's own tests say of objects, here too: which are the same, and when hooks run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.manifests import Object, hooks
from deploy_orchestrator.risk import Verdict
from tests.risk.conftest import planned

FACTS = yaml.load((Path(__file__).parents[1] / "data/argocd.yaml").read_text(), yaml.CSafeLoader)


def pod(annotations: dict[str, str]) -> Object:
    return Object({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": annotations}})


@pytest.mark.parametrize("pair", FACTS["same"], ids=lambda pair: pair["name"])
def test_what_the_api_server_fills_in_is_safe_to_write(pair: dict[str, Any]) -> None:
    plan = planned([pair["before"]], [pair["after"]], {})
    assert plan.verdict is Verdict.SAFE, [(each.rule, each.saw) for each in plan.reasons]


@pytest.mark.parametrize("fact", FACTS["hooks"], ids=str)
def test_a_hook_runs_in_the_phases_in_which_argo_cd_runs_it(fact: dict[str, Any]) -> None:
    found = pod(fact["annotations"])
    assert hooks.is_hook(found)
    assert hooks.phases(found) == set(fact["phases"])


@pytest.mark.parametrize("fact", FACTS["waves"], ids=str)
def test_an_object_comes_in_the_wave_in_which_argo_cd_has_it(fact: dict[str, Any]) -> None:
    assert hooks.wave(pod(fact["annotations"])) == fact["wave"]
