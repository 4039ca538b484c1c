"""Frequent commits starve no environment: what has soaked is not replaced by something newer that has to.

It stays what is planned, with the approvals that it has, while the newer one soaks, as long as the newer one
takes nothing of it back.
"""

from deploy_orchestrator.manifests import Manifests, diff
from deploy_orchestrator.pipeline.moment import Moment
from deploy_orchestrator.pipeline.preview import Preview
from deploy_orchestrator.releases import Behind, Deployments, GateState, Plan, builds_on


def is_rival(older: Plan | None, newer: Plan) -> bool:
    """Whether both would replace the same release by something else, after the same environments."""
    return (
        older is not None
        and older.digest != newer.digest
        and not older.removal
        and not newer.removal
        and (older.replaces, older.base, older.destination) == (newer.replaces, newer.base, newer.destination)
        and [each.environment for each in older.after] == [each.environment for each in newer.after] != []
    )


def first(
    preview: Preview, older: Plan, moment: Moment, deployments: Deployments
) -> tuple[Plan, Manifests] | None:
    """The `older` plan with its manifests, where it goes before what the `preview` would have in its place;
    None where that takes its place.
    """
    newer = preview.plan
    manifests = deployments.manifests(older.environment, older.tenant)
    soaked = moment.soaked(older)
    if (
        newer.inputs is None
        or soaked is None
        or manifests is None
        or manifests.content != older.content
        or any(gate.state is GateState.CLOSED and gate.key != "fleet" for gate in moment.gates(older))
        or moment.is_promoted(newer, newer.after)
        or not builds_on(diff(preview.released, preview.manifests), diff(preview.released, manifests))
    ):
        return None
    behind = Behind(inputs=newer.inputs, after=newer.after, soaked=soaked)
    return older.model_copy(update={"behind": behind}), manifests
