"""Adopting on one page: from what runs now to a fleet that gives the same, and what is left to decide."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.cutting import cuts_in
from deploy_orchestrator.adoption.drafting import (
    Adopted,
    AdoptionDraft,
    Terms,
    by_tenant,
    drafted,
    tenant_yaml,
)
from deploy_orchestrator.adoption.errors import AdoptionError, NotAdoptable
from deploy_orchestrator.adoption.found import OldRelease
from deploy_orchestrator.adoption.live import tried
from deploy_orchestrator.adoption.profile import ProfileNeeds, exceptions_for, needs_of, unknown_kinds
from deploy_orchestrator.adoption.proof import Proof, original_of, proved
from deploy_orchestrator.adoption.record import Recorded, recorded, settled
from deploy_orchestrator.delivery import ClusterClient
from deploy_orchestrator.documents import dotted
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Deployment, Fleet, TakeoverEvidence, load, takeover_path
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.manifests import Finding, Manifests, Workspace, examine, render
from deploy_orchestrator.outcomes import Outcome, attempt, failures, raised, values


@dataclass(frozen=True, slots=True)
class Examined:
    """Our objects of a release with what the checks find in them, held against the original's: the `proof`,
    or why there is none.
    """

    manifests: Manifests
    findings: tuple[Finding, ...]
    proof: Outcome[Proof]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of one release: as it stands in the fleet, and examined; or why not. `takeover` is what its
    cluster says of applying it over what is live; None where it was not asked.
    """

    old: OldRelease
    adopted: Outcome[Adopted]
    examined: Outcome[Examined]
    takeover: Outcome[TakeoverEvidence] | None = None

    @property
    def state(self) -> str:
        """`equal`, `differs`, `not proved`, or `not carried over`."""
        if isinstance(self.adopted, OrchestratorError) or isinstance(self.examined, OrchestratorError):
            return "not carried over"
        if isinstance(self.examined.proof, OrchestratorError):
            return "not proved"
        return "equal" if self.examined.proof.holds else "differs"


@dataclass(frozen=True, slots=True)
class Adoption:
    """The `changes` of the fleet, what came of each release, the files that stay as people edited them, and
    what is to be decided. `refused` are those that could not even be read, by their owners.
    """

    changes: Changes
    outcomes: tuple[Outcomes, ...]
    edited: tuple[str, ...]
    decisions: tuple[str, ...]
    refused: tuple[tuple[str, OrchestratorError], ...] = ()


def adopt(
    read: Sequence[tuple[str, Outcome[OldRelease]]],
    terms: Terms,
    shipped: Mapping[str, bytes],
    tree: Tree,
    workspace: Workspace,
    done: Callable[[], None] = lambda: None,
    clusters: Mapping[str, ClusterClient] = MappingProxyType({}),
) -> Adoption:
    """The fleet in `tree` with what was `read`, rendered and proved; nothing is written. One that fails stops
    no other; `done` is told of each. The `clusters` of environments are asked, by dry runs, what applying it
    would change.

    Raises:
        AdoptionError: nothing could be read, or the record of an earlier run cannot be.
        FleetError: with a `fleet.yaml` that somebody edited there is no fleet.
    """
    releases = values(outcome for _, outcome in read)
    refused = tuple(failures(read))
    if not releases:
        raise _nothing(refused)
    gone = _gone(tree, read)
    terms = replace(terms, taken=_taken(tree, gone))
    draft = drafted(releases, terms, shipped)
    fleet = _fleet(tree, draft, gone)
    found = [_examined(each, adopted, fleet, workspace, done) for each, adopted in draft.releases]
    needs = {name: needs_of(_manifests(found, name), fleet.environment(name)) for name in _present(fleet)}
    if any(needs.values()):
        draft = drafted(releases, _with(terms, needs), shipped)
        fleet = _fleet(tree, draft, gone)
        found = [_examined(each, adopted, fleet, workspace, lambda: None) for each, adopted in draft.releases]
    found = [_tried(each, fleet, clusters.get(each.old.environment)) for each in found]
    files = {**draft.files, **_excused(found, terms), **_taken_over(found)}
    changes, edited = settled(tree, files, list(_recorded(read, found)), gone)
    decisions = (
        *draft.decisions,
        *_needed(needs),
        *_unknown(found, _present(fleet)),
        *_asked_of(gone),
        *_broken(fleet, gone),
    )
    told = tuple(_mended(each, fleet.tree, edited) for each in found)
    return Adoption(changes, told, edited, decisions, refused)


def _mended(outcome: Outcomes, tree: Tree, edited: Collection[str]) -> Outcomes:
    """With what is still cut out of the files that somebody `edited`, and of the others all that was."""
    if isinstance(outcome.adopted, OrchestratorError):
        return outcome
    values = f"tenants/{outcome.adopted.tenant}/adopted-{outcome.old.environment}.yaml"

    def is_still(cut: str) -> bool:
        file, _, path = cut.rpartition(": ")
        return (file or values) not in edited or path in _cuts_in(tree, file or values)

    return replace(
        outcome, adopted=replace(outcome.adopted, cut=tuple(filter(is_still, outcome.adopted.cut)))
    )


def _cuts_in(tree: Tree, file: str) -> list[str]:
    found = attempt(lambda: documents.parse(tree.read(file), file).value) if tree.exists(file) else None
    return [] if isinstance(found, OrchestratorError) else [dotted(each) for each in cuts_in(found)]


def _nothing(refused: Sequence[tuple[str, OrchestratorError]]) -> AdoptionError:
    if not refused:
        return AdoptionError(
            "there is nothing to adopt",
            fix="name files with Applications or release Secrets with --from, or a cluster with --cluster",
        )
    owner, first = refused[0]
    return AdoptionError(
        f"none of {len(refused)} can be adopted; the first is {owner}: {first.what}", fix=first.fix
    )


def _gone(tree: Tree, read: Sequence[tuple[str, Outcome[OldRelease]]]) -> tuple[Recorded, ...]:
    """What an earlier run adopted and this one did not find, where its tenant is still in the fleet."""
    there = {key for key, _ in read}
    known = attempt(recorded, tree)
    if isinstance(known, OrchestratorError):
        return ()  # There was none, or one of before; one that is broken is refused where it is written.
    return tuple(
        each
        for each in known
        if each.tenant
        and f"{each.environment}: {each.owner}" not in there
        and tree.exists(f"tenants/{each.tenant}/tenant.yaml")
    )


def _taken(tree: Tree, gone: Sequence[Recorded]) -> dict[str, list[str]]:
    """The namespaces of those that are `gone`, and whose tenants stay, by environment."""
    fleet = attempt(load, tree) if gone else None
    found: defaultdict[str, list[str]] = defaultdict(list)
    if isinstance(fleet, Fleet):
        for each in gone:
            deployment = attempt(fleet.deployment, each.environment, each.tenant or "")
            if isinstance(deployment, Deployment):
                found[each.environment].append(deployment.namespace)
    return found


def _broken(fleet: Fleet, gone: Sequence[Recorded]) -> Iterator[str]:
    for name in dict.fromkeys(each.tenant for each in gone):
        if error := fleet.broken.get(name or ""):
            yield f"what to do with tenants/{name}, which the fleet has no more like this: {error.what}"


def _asked_of(gone: Sequence[Recorded]) -> Iterator[str]:
    for each in gone:
        yield (
            f"whether {each.owner} of {each.environment}, which is not there now, was handed over: "
            f"tenants/{each.tenant} stays as it is until somebody deletes it"
        )


def _fleet(tree: Tree, draft: AdoptionDraft, gone: Sequence[Recorded]) -> Fleet:
    changes, _ = settled(tree, draft.files, gone=gone)
    return load(tree.changed(changes))


def _present(fleet: Fleet) -> list[str]:
    return [each.name for each in fleet.environments]


def _examined(
    old: OldRelease,
    adopted: Outcome[Adopted],
    fleet: Fleet,
    workspace: Workspace,
    done: Callable[[], None],
) -> Outcomes:
    if isinstance(adopted, OrchestratorError):
        done()
        return Outcomes(old, adopted, adopted)
    examined = attempt(_examine, adopted, fleet, workspace)
    done()
    return Outcomes(old, adopted, examined)


def _examine(adopted: Adopted, fleet: Fleet, workspace: Workspace) -> Examined:
    deployment = fleet.deployment(adopted.old.environment, adopted.tenant)
    manifests = render(deployment, fleet, workspace)
    if any(each.kind in {"Application", "ApplicationSet"} for each in manifests.objects):
        raise NotAdoptable(
            "it makes Applications, which are adopted one by one",
            fix="leave it until they are handed over, then delete it without cascade",
        )
    findings = examine(manifests, deployment, fleet, workspace)

    def proof() -> Proof:
        return proved(manifests, original_of(adopted.old, deployment, fleet, workspace))

    return Examined(manifests, findings, attempt(proof))


def _recorded(
    read: Sequence[tuple[str, Outcome[OldRelease]]], found: Sequence[Outcomes]
) -> Iterator[Recorded]:
    for each in found:
        owner, environment = each.old.owner, each.old.environment
        if isinstance(each.examined, OrchestratorError):
            yield Recorded(owner=owner, environment=environment, why=each.examined.what)
        else:
            yield Recorded(owner=owner, environment=environment, tenant=raised(each.adopted).tenant)
    for key, error in failures(read):
        environment, _, owner = key.partition(": ")
        yield Recorded(owner=owner, environment=environment, why=error.what)


def _tried(outcome: Outcomes, fleet: Fleet, cluster: ClusterClient | None) -> Outcomes:
    if (
        cluster is None
        or isinstance(outcome.adopted, OrchestratorError)
        or isinstance(outcome.examined, OrchestratorError)
    ):
        return outcome
    deployment = fleet.deployment(outcome.old.environment, outcome.adopted.tenant)
    takeover = attempt(tried, cluster, deployment.namespace, outcome.examined.manifests)
    return replace(outcome, takeover=takeover)


def _taken_over(found: Sequence[Outcomes]) -> dict[str, bytes]:
    return {
        takeover_path(each.adopted.tenant, each.old.environment): documents.dump(each.takeover.as_json())
        for each in found
        if isinstance(each.adopted, Adopted) and isinstance(each.takeover, TakeoverEvidence)
    }


def _manifests(found: Sequence[Outcomes], environment: str) -> Iterator[Manifests]:
    for each in found:
        if each.old.environment == environment and isinstance(each.examined, Examined):
            yield each.examined.manifests


def _with(terms: Terms, needs: Mapping[str, ProfileNeeds]) -> Terms:
    known = {name: {**each.custom_kinds, **terms.custom_kinds.get(name, {})} for name, each in needs.items()}
    permitted = {name: each.cluster_scoped for name, each in needs.items()}
    return replace(terms, custom_kinds=known, cluster_scoped=permitted)


def _needed(needs: Mapping[str, ProfileNeeds]) -> Iterator[str]:
    for name, each in needs.items():
        if each.cluster_scoped:
            kinds = ", ".join(each.cluster_scoped)
            yield f"whether tenants of {name} may make {kinds}: its policy lets them, as they do now"


def _unknown(found: Sequence[Outcomes], environments: Sequence[str]) -> Iterator[str]:
    for name in environments:
        examined = [
            each.examined
            for each in found
            if each.old.environment == name and isinstance(each.examined, Examined)
        ]
        if kinds := unknown_kinds(finding for each in examined for finding in each.findings):
            yield (
                f"the scope of {', '.join(kinds)} in {name}: run adopt again with --cluster, or "
                "with `kubectl get crds -o yaml` among --from, or say it in `customKinds` in fleet.yaml"
            )


def _excused(found: Sequence[Outcomes], terms: Terms) -> dict[str, bytes]:
    """The files of tenants in which the checks find something today: exceptions that expire."""
    tenants = by_tenant(raised(each.adopted) for each in found if isinstance(each.adopted, Adopted))
    return {
        f"tenants/{tenant}/tenant.yaml": tenant_yaml(tenant, parts, terms, tenants, exceptions)
        for tenant, parts in tenants.items()
        if (
            exceptions := exceptions_for(
                (
                    finding
                    for each in found
                    if isinstance(each.adopted, Adopted)
                    and each.adopted.tenant == tenant
                    and isinstance(each.examined, Examined)
                    for finding in each.examined.findings
                ),
                terms.expires,
            )
        )
    }
