"""A plan as SARIF: what checks and risk rules found, at the files of the fleet repository."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from deploy_orchestrator.cli.sarif import Level, SarifResult, SarifRule
from deploy_orchestrator.cli.template_lines import line_of
from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.foresight import Proposal
from deploy_orchestrator.git import GitError
from deploy_orchestrator.manifests import CHECKS, Finding, ObjectKey
from deploy_orchestrator.risk import RULES, Reason, Verdict

CHARTS: Final = "charts"
TENANTS: Final = "tenants"
NOT_RENDERED: Final = SarifRule(
    "not-rendered",
    "a tenant that is broken, or whose chart does not render",
    "Nothing of it can be released. Mend what the message names.",
)
_CHECKS: Final = {
    each.id: SarifRule(each.id, each.reason, f"{each.reason} To do: {each.fix}.") for each in CHECKS
}
_RISKS: Final = {each.id: SarifRule(each.id, each.sees, f"{each.why} {each.do}") for each in RULES}
_LEVELS: Final[Mapping[Verdict, Level]] = {
    Verdict.SAFE: "note",
    Verdict.NEEDS_APPROVAL: "warning",
    Verdict.BLOCKED: "error",
}
_TOLD_BY_CHECKS: Final = frozenset({"check-failed", "dependency-conflict"})


def results(
    proposals: Sequence[Proposal], failures: Iterable[tuple[str, OrchestratorError]], fleet: Fleet
) -> list[SarifResult]:
    """What a change brings: findings that are new, and reasons that are not safe, each once for all
    deployments that it is about, which stand as `environment/tenant` with the object in `about`.
    """
    together: defaultdict[SarifResult, list[str]] = defaultdict(list)
    for proposal in proposals:
        for result in _results(proposal, fleet):
            together[replace(result, about=())] += result.about
    broken = [_broken(key, error, fleet) for key, error in failures]
    return [*broken, *(replace(result, about=tuple(about)) for result, about in together.items())]


def _results(proposal: Proposal, fleet: Fleet) -> Iterator[SarifResult]:
    deployment = proposal.deployment
    templates = {str(key): file for key, file in proposal.manifests.templates.items()}
    for finding in proposal.findings:
        if finding in proposal.new:
            yield _of_finding(finding, deployment, templates, fleet)
    for reason in proposal.judgement.reasons:
        if reason.severity is not Verdict.SAFE and reason.rule not in _TOLD_BY_CHECKS:
            yield _of_reason(reason, deployment, templates, fleet)


def _of_finding(
    finding: Finding, deployment: Deployment, templates: Mapping[str, str], fleet: Fleet
) -> SarifResult:
    template = templates.get(str(finding.object), "")
    place = finding.place or Place(template)
    file = _file(place.file, deployment, fleet)
    there = place.line if file == place.file else None
    if finding.place is None and finding.object and file == template:
        there = _line(template, finding.object.kind, finding.object.name, finding.message, fleet)
    return SarifResult(
        rule=_CHECKS[finding.rule],
        level=_level(finding, deployment),
        message=f"{_name(finding.object, deployment)}{finding.message} To do: {finding.fix}.",
        file=file,
        line=there or 1,
        about=(_about(deployment, finding.object),),
    )


def _line(template: str, kind: str, name: str, said: str, fleet: Fleet) -> int:
    return line_of(fleet.tree.read(template).decode(errors="replace"), kind, name, said)


def _level(finding: Finding, deployment: Deployment) -> Level:
    """As the policy takes the finding."""
    override = deployment.environment.policy.checks.get(finding.rule)
    if override is None or finding.severity == "warning":
        return finding.severity
    return _LEVELS[override.severity]


def _of_reason(
    reason: Reason, deployment: Deployment, templates: Mapping[str, str], fleet: Fleet
) -> SarifResult:
    template = templates.get(reason.object or "", "")
    file, line = _file(template, deployment, fleet), 1
    if reason.object and file == template:
        kind, _, name = reason.object.partition(" ")
        line = _line(template, kind, name.rpartition("/")[2], reason.saw, fleet)
    return SarifResult(
        rule=_RISKS.get(reason.rule) or SarifRule(reason.rule, reason.why, f"{reason.why} {reason.do}"),
        level="error" if reason.severity is Verdict.BLOCKED else "warning",
        message=f"{_name(reason.object, deployment)}{reason.saw}. {reason.why} {reason.do}",
        file=file,
        line=line,
        about=(_about(deployment, reason.object),),
    )


def _broken(key: str, error: OrchestratorError, fleet: Fleet) -> SarifResult:
    place = error.place or Place("fleet.yaml")
    there = _exists(place.file, fleet)
    return SarifResult(
        rule=NOT_RENDERED,
        level="error",
        message=f"{key}: {error.what}" + (f" To do: {error.fix}." if error.fix else ""),
        file=place.file if there else "fleet.yaml",
        line=place.line or 1 if there else 1,
        about=(key,),
    )


def _name(object_: ObjectKey | str | None, deployment: Deployment) -> str:
    """The same in every environment, so that one thing is told once."""
    return f"{object_}: ".replace(f" {deployment.namespace}/", " ", 1) if object_ else ""


def _about(deployment: Deployment, object_: ObjectKey | str | None) -> str:
    return f"{deployment.key}: {object_}" if object_ else deployment.key


def _file(file: str, deployment: Deployment, fleet: Fleet) -> str:
    """The file of the fleet repository to look at: `file` or, where it came in with a dependency, the chart
    that asked for that; else what the tenant says.
    """
    chart, inside, below = file.partition("/charts/")
    for candidate in (file, f"{CHARTS}/{below.rpartition('/charts/')[2]}", f"{chart}/Chart.yaml"):
        if file and (inside or candidate == file) and _exists(candidate, fleet):
            return candidate
    folder = f"{TENANTS}/{deployment.tenant.name}"
    values = [each.path for each in fleet.layers(deployment) if each.path.startswith(f"{folder}/")]
    return values[-1] if values else f"{folder}/tenant.yaml"


def _exists(file: str, fleet: Fleet) -> bool:
    try:
        fleet.tree.read(file)
    except GitError:
        return False
    return True
