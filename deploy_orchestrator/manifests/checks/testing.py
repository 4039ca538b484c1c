"""A tenant can be tested after a roll-out."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks.rule import Broken, Rule
from deploy_orchestrator.manifests.objects import Manifests


def _untested(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    if not any({"test", "test-success"} & set(object_.hooks) for object_ in manifests.objects):
        yield Broken(None, "the chart has no test pod")


RULES = (
    Rule(
        "no-tests",
        "warning",
        "Healthy pods do not tell whether the tenant's services answer and its database takes connections.",
        "add pods with the annotation helm.sh/hook: test to the chart",
        _untested,
    ),
)
