"""What keeps tenants apart, as the board shows it."""

from dataclasses import dataclass

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import ISOLATION_CHECKS
from deploy_orchestrator.outcomes import attempt, failures, values
from deploy_orchestrator.pipeline import Certificate, IsolationAudit


@dataclass(frozen=True, slots=True)
class IsolationCheck:
    """One of the checks, and why it matters."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class IsolationPage:
    """What each release keeps of the `checks`, and `troubles` with what cannot be told."""

    checks: tuple[IsolationCheck, ...]
    certificates: tuple[Certificate, ...]
    troubles: tuple[str, ...]


def isolation_now(audit: IsolationAudit) -> IsolationPage:
    """As it is at this moment."""
    told = attempt(lambda: [*audit.certificates()])
    found = [] if isinstance(told, OrchestratorError) else told
    wrong = [str(told)] if isinstance(told, OrchestratorError) else []
    wrong += [f"{key}: {error}" for key, error in failures(found)]
    wrong += [str(error) for error in audit.orchestrator.deployments.unreadable()]
    checks = tuple(IsolationCheck(each.id, each.reason) for each in ISOLATION_CHECKS)
    return IsolationPage(checks, tuple(values(each for _, each in found)), tuple(wrong))
