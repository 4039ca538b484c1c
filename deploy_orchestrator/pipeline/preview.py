"""What releasing a fleet commit would change: rendered, checked, compared with what is released, judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Deployment, Destination, Fleet, FleetError, basis
from deploy_orchestrator.git import Repository
from deploy_orchestrator.images import examine_images
from deploy_orchestrator.manifests import (
    NOTHING,
    Diff,
    Finding,
    ManifestError,
    Manifests,
    Workspace,
    diff,
    render,
)
from deploy_orchestrator.pipeline.hosts import taken
from deploy_orchestrator.pipeline.moved import moved_since
from deploy_orchestrator.pipeline.packages import republished
from deploy_orchestrator.pipeline.places import require_place
from deploy_orchestrator.pipeline.sources import commits_since, source_of, source_of_removal
from deploy_orchestrator.pipeline.waves import ahead
from deploy_orchestrator.releases import (
    After,
    Deployments,
    Plan,
    ReleaseError,
    make_plan,
    make_removal,
)
from deploy_orchestrator.risk import Reason
from deploy_orchestrator.terms import Verdict

PLAIN_SECRET = "plain-secret"  # noqa: S105
"""The check that a Secret fails when it holds values that anybody could read."""

PASSED_BY = "promotion-shortened"
"""The reason that a tenant leaves the environments which its changes had to pass."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one deployment would apply at a fleet commit, what the checks found in it, and the digests that
    its `images` lead to, by their names, where its environment asks something of images.
    """

    fleet: Fleet
    deployment: Deployment
    manifests: Manifests
    findings: tuple[Finding, ...]
    images: Mapping[str, str]


@dataclass(frozen=True)
class Preview:
    """What releasing a fleet commit would change for one deployment, and the verdict on it. Nothing is
    written.

    `released` are the manifests that are released, and `destination` is where they went; None for nothing.
    `awaited` tells whether other tenants wait for this one in waves.
    """

    plan: Plan
    manifests: Manifests
    findings: tuple[Finding, ...]
    released: Manifests | None
    destination: Destination | None
    awaited: bool = False

    @cached_property
    def difference(self) -> Diff:
        """What changes, with secrets hidden in its text."""
        return diff(self.released, self.manifests).between(self.destination, self.plan.destination)


@dataclass(frozen=True, slots=True)
class Previews:
    """Previews of what the fleet repository asks for, against what the deployments repository holds."""

    fleet_repository: Repository
    deployments: Deployments
    workspace: Workspace

    def checked(self, fleet: Fleet, deployment: Deployment) -> Rendered:
        """The manifests of a deployment with what the checks find in them."""
        from deploy_orchestrator.manifests import examine

        manifests = render(deployment, fleet, self.workspace)
        images = examine_images(manifests, deployment, fleet, self.workspace)
        findings = (*examine(manifests, deployment, fleet, self.workspace), *images.findings)
        return Rendered(fleet, deployment, manifests, findings, images.digests)

    def change(self, fleet: Fleet, deployment: Deployment) -> Preview | None:
        """As `of`; None where these manifests are released there."""
        content = render(deployment, fleet, self.workspace).content
        if self.deployments.is_released(deployment, content):
            return None
        return self.of(fleet, deployment)

    def of(self, fleet: Fleet, deployment: Deployment) -> Preview:
        """What releasing what `checked` gives would change, judged."""
        rendered = self.checked(fleet, deployment)
        released = self.deployments.release(deployment.environment.name, deployment.tenant.name)
        released_manifests = self.deployments.released_manifests(released) if released else None
        paths = fleet.paths(deployment)
        commits, known = commits_since(self.fleet_repository, fleet.revision, paths, released)
        plan = make_plan(
            deployment,
            source=source_of(
                self.fleet_repository,
                fleet.revision,
                deployment.environment.name,
                paths,
                released,
                fleet.signers(deployment.environment.name),
            ),
            candidate=rendered.manifests,
            released=released,
            released_manifests=released_manifests,
            emptied=None
            if released
            else self.deployments.emptied(deployment.environment.name, deployment.tenant.name),
            inputs=basis(fleet, deployment),
            findings=rendered.findings,
            after=[self._after(fleet, before) for before in fleet.before(deployment)],
            ahead=ahead(deployment, commits, self.fleet_repository, self.workspace) if known else (),
            reasons=(
                *taken(
                    self.deployments,
                    deployment.key,
                    deployment.destination.cluster,
                    rendered.manifests,
                    released_manifests,
                ),
                *self._passed_by(fleet, deployment),
                *republished(self.deployments, deployment.environment.name, rendered.manifests, released),
                *moved_since(released, rendered.images),
            ),
            images=rendered.images,
            takeover=None if released else fleet.takeover(deployment),
        )
        objects = frozenset(each.key.file for each in rendered.manifests.objects)
        require_place(fleet, self.deployments, plan, objects)
        where = released.destination if released else None
        awaited = deployment.environment.policy.is_awaited(deployment.tenant.name)
        manifests, before = rendered.manifests.at_rest(), released_manifests and released_manifests.at_rest()
        return Preview(plan, manifests, rendered.findings, before, where, awaited)

    def of_removal(self, environment: str, tenant: str, fleet: Fleet) -> Preview:
        """See `Orchestrator.preview_removal`."""
        released = self.deployments.release(environment, tenant)
        policy = fleet.environment(environment).policy
        if fleet.asks_for(environment, tenant):
            raise FleetError(
                f"the fleet asks for {tenant} in {environment}",
                place=Place(f"tenants/{tenant}"),
                fix="remove that folder, or the environment from its tenant.yaml, with a commit first",
            )
        if released is None or released.removal:
            raise ReleaseError(f"{environment}/{tenant}: nothing is released that could be removed")
        manifests = self.deployments.released_manifests(released)
        source = source_of_removal(
            self.fleet_repository, fleet.revision, released, fleet.signers(environment)
        )
        plan = make_removal(released, manifests, source, policy)
        return Preview(plan, NOTHING, (), manifests, released.destination)

    def _passed_by(self, fleet: Fleet, deployment: Deployment) -> Iterator[Reason]:
        """A reason for each environment before, where the tenant is released and no longer asks to be."""
        for name in fleet.passed_before(deployment.environment):
            released = self.deployments.release(name, deployment.tenant.name)
            if released and not released.removal and name not in deployment.tenant.environments:
                yield Reason(
                    rule=PASSED_BY,
                    severity=Verdict.NEEDS_APPROVAL,
                    saw=f"{name}, where it is released, is not among its environments any more",
                    why="The change comes from nowhere: nothing shows that it works, and for how long.",
                    do=f"Put {name} back into its tenant.yaml, or remove what is released there first.",
                )

    def _after(self, fleet: Fleet, before: Deployment) -> After:
        content = render(before, fleet, self.workspace).content
        return After(environment=before.environment.name, content=content)


def committable(preview: Preview) -> tuple[Plan, Manifests]:
    """What is committed of a preview. Raises ManifestError where Git must not have it."""
    for finding in preview.findings:
        if finding.rule == PLAIN_SECRET and finding.severity == "error":
            raise ManifestError(
                f"{preview.plan.key}: {finding.object}: {finding.message} Nothing was committed",
                fix=finding.fix,
            )
    return preview.plan, preview.manifests
