"""A tenant is tested after each roll-out."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import hooks, untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.objects import Manifests, Object


def _untested(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    if not any(map(_tests, manifests.objects)):
        yield Broken(None, "the chart has no test pod")


def _without_end(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for each in manifests.objects:
        endless = untyped.at(each.body, "spec", "restartPolicy") in (None, "Always")
        if (each.key.group, each.kind) == ("", "Pod") and _tests(each) and endless:
            yield Broken(each.key, "its restartPolicy is Always")


def _tests(each: Object) -> bool:
    return bool(hooks.TESTS.intersection(each.hooks)) and hooks.argo_events(each) != ("Skip",)


MANIFEST_CHECKS = (
    ManifestCheck(
        "no-tests",
        "warning",
        "Healthy pods do not tell whether the tenant's services answer and its database takes connections.",
        "add pods with the annotation helm.sh/hook: test to the chart",
        _untested,
    ),
    ManifestCheck(
        "test-without-end",
        "warning",
        "It never ends, and has passed for Argo CD as soon as it is ready, whatever it finds.",
        "set spec.restartPolicy of the test pod to Never",
        _without_end,
    ),
)
