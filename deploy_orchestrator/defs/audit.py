"""Whether every commit of the deployments repository is what it had to be."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.resources import AGAIN, Installation


@dg.asset(
    retry_policy=AGAIN,
    group_name="releases",
    kinds={"git"},
    check_specs=[
        dg.AssetCheckSpec(
            "every_commit_holds",
            asset="deployments_audit",
            description="Each release was approved by the rules of its moment and comes of its source, and "
            "nobody but the orchestrator wrote any.",
        )
    ],
)
def deployments_audit(
    installation: dg.ResourceParam[Installation],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Every commit of the deployments repository, held against what it had to be when it was made."""
    with installation.open() as orchestrator:
        found = orchestrator.audit(installation.settings.home)
        signed = orchestrator.deployments.repository.seal is not None
    faults = pages.table(
        ["commit", "check", "about", "what is wrong"],
        [(each.commit, each.check, each.about, each.what) for each in found.standing],
    )
    told = {"faults": faults, "commits": found.count, "releases": found.releases, "signed": signed}
    yield dg.MaterializeResult(metadata=told)
    yield dg.AssetCheckResult(check_name="every_commit_holds", passed=not found.standing, metadata=told)
