"""The tests of a release, and how they went."""

from dataclasses import dataclass

from deploy_orchestrator.delivery.status import Hook, Phase, Status
from deploy_orchestrator.manifests import Manifests, ObjectKey, hooks, pod_of
from deploy_orchestrator.releases import Release


@dataclass(frozen=True, slots=True)
class Verification:
    """A test of a release; `ran` is how its last sync ran it, None where it has not."""

    object: ObjectKey
    ran: Hook | None

    @property
    def passed(self) -> bool:
        return self.ran is not None and self.ran.phase is Phase.SUCCEEDED


def verifications(release: Release, manifests: Manifests, status: Status) -> tuple[Verification, ...]:
    """The tests among the `manifests` of `release`, in the order in which they run."""
    operation = status.operation
    serving = operation.hooks if operation is not None and operation.serves(release) else ()
    ran = {hook.object: hook for hook in serving if hook.stage == "after"}
    tests = [
        each
        for each in manifests.objects
        if hooks.is_test(each) and "PostSync" in hooks.phases(each) and pod_of(each)
    ]
    return tuple(Verification(each.key, ran.get(str(each.key))) for each in sorted(tests, key=hooks.wave))
