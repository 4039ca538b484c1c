"""Which pushes matter, and to which sensors."""

import re
from dataclasses import dataclass

from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web.webhooks.push import Push

_SEPARATOR = re.compile("[/:]")


@dataclass(frozen=True, slots=True)
class FollowedBranch:
    """A branch of the repository at `url`, and the `sensors` that follow it."""

    url: str
    branch: str
    sensors: tuple[str, ...]

    def moved(self, push: Push) -> bool:
        """Whether it is this branch that was pushed. The repository is known by the end of its URL's path,
        whatever name its host has here and there, in whatever case.
        """
        name = push.repository.casefold().split("/")
        path = _SEPARATOR.split(self.url.rstrip("/").removesuffix(".git").casefold())
        return push.branch == self.branch and path[-len(name) :] == name


def followed(settings: Settings) -> tuple[FollowedBranch, ...]:
    """What the sensors follow in the repositories of an installation.

    A fleet commit may also open gates, for policies and `allowed_signers` are read at its head. Nobody but
    the orchestrator pushes to `main` of the deployments repository, and its runs go on by themselves.
    """
    return (
        FollowedBranch(settings.fleet, "main", ("fleet_commits", "open_gates")),
        FollowedBranch(settings.deployments, "approvals", ("open_gates",)),
    )
