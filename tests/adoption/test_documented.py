"""What docs/adopt.md shows in place of a Secret is what the checks let pass."""

import re
from pathlib import Path

import pytest
import yaml

from deploy_orchestrator.adoption import Examined
from tests.adoption.conftest import Desk, Originals, application

DOCS = Path(__file__).parents[2] / "docs/adopt.md"
SHOWN = [
    body
    for block in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for body in yaml.safe_load_all(block)
    if isinstance(body, dict) and body.get("kind") in {"ExternalSecret", "SealedSecret", "Secret"}
]


def test_there_is_an_example_of_each() -> None:
    assert [each["kind"] for each in SHOWN] == ["ExternalSecret", "SealedSecret", "Secret"]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda each: each["kind"])
def test_a_chart_may_print_it(desk: Desk, originals: Originals, shown: dict[str, object]) -> None:
    kind, group = str(shown["kind"]), str(shown["apiVersion"]).partition("/")[0]
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": f"{kind.lower()}s"},
            "versions": [
                {
                    "name": str(shown["apiVersion"]).partition("/")[2],
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                }
            ],
        },
    }
    originals.chart("shop", {"templates/a.yaml": yaml.safe_dump(shown)})
    originals.chart("operator", {"templates/a.yaml": yaml.safe_dump(crd)} if kind != "Secret" else {})
    adoption = desk.adopt(
        prod=[application("shop", "shop"), application("operator", "operator", "operators")]
    )
    shop = next(each for each in adoption.outcomes if each.old.name == "shop")
    assert isinstance(shop.examined, Examined)
    wrong = [each for each in shop.examined.findings if each.severity == "error"]
    assert {each.rule for each in wrong} <= {"default-deny"}, wrong
