"""How previews and what stood in their way are told in JSON."""

from typing import TYPE_CHECKING

from deploy_orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from deploy_orchestrator.pipeline import Preview


def preview_json(preview: "Preview") -> dict[str, object]:
    """The plan, and the lines that change."""
    return {**preview.plan.model_dump(mode="json"), "diff": preview.difference.unified()}


def error_json(key: str, error: OrchestratorError) -> dict[str, object]:
    """What stood in the way of the deployment, or the tenant, called `key`."""
    place = str(error.place) if error.place else None
    return {"deployment": key, "what": error.what, "place": place, "fix": error.fix}
