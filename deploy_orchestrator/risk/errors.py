"""Why a change cannot be judged."""

from deploy_orchestrator.errors import OrchestratorError


class UnknownRule(OrchestratorError, LookupError):
    """A policy is about a rule that does not exist."""


class EmptyCandidate(OrchestratorError, ValueError):
    """What was rendered has no objects, or does not tell which chart it is from."""
