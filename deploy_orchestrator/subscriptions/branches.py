"""The branches of the fleet repository on which upgrades are proposed: they say what was proposed."""

from collections.abc import Mapping
from typing import Final

from deploy_orchestrator.charts import Version, VersionError
from deploy_orchestrator.git import Commit, Repository

UPGRADES: Final = "upgrades/"
"""What their names begin with; then come the name of the subscription, and the version."""

_TRAILER: Final = "Subscription"


def branch_of(subscription: str, version: str) -> str:
    """The branch on which a subscription proposes a version."""
    return f"{UPGRADES}{subscription}/{version}"


def message_of(title: str, subscription: str) -> str:
    """The message of the one commit there."""
    return f"{title}\n\n{_TRAILER}: {subscription}\n"


def proposed(repository: Repository, subscription: str) -> Mapping[str, Commit]:
    """The versions that a subscription has branches for, each with the last commit there."""
    found = repository.heads(branch_of(subscription, ""))
    return {version: repository.commit(commit) for version, commit in found.items() if _is_version(version)}


def is_untouched(commit: Commit, subscription: str) -> bool:
    """Whether the last commit of a branch is the one that proposes, and nobody's after it."""
    return commit.trailers.get(_TRAILER) == subscription


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except VersionError:
        return False
    return True
