"""Reviews of what waits, on the forge of the deployments repository: asked for, and read."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from deploy_orchestrator.fleet import Fleet, Reviews
from deploy_orchestrator.outcomes import attempt, raised
from deploy_orchestrator.releases import (
    Approval,
    Deployments,
    Plan,
    PullRequests,
    RulesStanding,
    asks_for_review,
)
from deploy_orchestrator.settings import ReviewSettings

if TYPE_CHECKING:
    from deploy_orchestrator.forges import Forge

Given = Callable[[Plan], tuple[Approval, ...]]
"""What people say of a plan in reviews. Raises ForgeError, RepositoryError where the forge cannot tell."""


def forge_of(rules: Reviews) -> "Forge":
    """The forge that the rules name, with the token of this installation. Raises NoForge without one."""
    from deploy_orchestrator.forges import Forge, NoForge, web_of

    token = ReviewSettings().secret()
    if not token:
        raise NoForge(
            f"there is no token for the forge {rules.api}, whose reviews approve",
            fix="set DEPLOY_ORCHESTRATOR_REVIEWS_TOKEN to one that may open pull requests there",
        )
    return Forge(rules.kind, rules.api.rstrip("/"), rules.project, token, web_of(rules.api))


def given(deployments: Deployments, fleet: Fleet, rules: Mapping[str, RulesStanding]) -> Given:
    """What is said of plans at this moment; each forge is asked once for what is open there. By the rules
    that are holding still, who asked for changes has done so, whatever a commit takes away.
    """
    opened: dict[tuple[str, str], PullRequests] = {}

    def asked(by: Reviews, plan: Plan) -> list[Approval]:
        place = by.api, by.project
        if place not in opened:
            opened[place] = _pulls(deployments, by)
        return opened[place].given(by, plan, deployments.difference(plan))

    def said(plan: Plan) -> tuple[Approval, ...]:
        if not asks_for_review(plan):
            return ()
        counting, standing = fleet.reviewing(plan.environment), rules.get(plan.environment)
        found = asked(counting, plan) if counting else []
        before = standing.holding if standing else None
        if before is None or before.reviews in (None, counting):
            return tuple(found)
        known = {each.review for each in found}
        held = (each for each in asked(before.reviews, plan) if each.decision == "reject")
        return (*found, *(each for each in held if each.review not in known))

    return said


def ask(deployments: Deployments, fleet: Fleet, waiting: Iterable[Plan]) -> None:
    """Have a pull request open for each plan that people let through, where the rules name a forge, and none
    for what waits no more.

    Raises:
        ForgeError, RepositoryError: the forge refuses, or cannot be reached.
        GitError: a branch cannot be written.
    """
    plans = [each for each in waiting if asks_for_review(each)]
    reviewed = {each.name: rules for each in fleet.environments if (rules := fleet.reviewing(each.name))}
    for rules in {(each.api, each.project): each for each in reviewed.values()}.values():
        pulls = _pulls(deployments, rules)
        here = [each for each in plans if _is_at(reviewed.get(each.environment), rules)]
        asked = [attempt(pulls.ask, plan, deployments.difference(plan)) for plan in here]
        pulls.close_others(here)
        for each in asked:
            raised(each)


def _pulls(deployments: Deployments, rules: Reviews) -> PullRequests:
    forge = forge_of(rules)
    own = ReviewSettings().account
    return PullRequests.read(deployments.repository, forge, own.casefold() if own else _account(forge))


@lru_cache(maxsize=8)
def _account(forge: "Forge") -> str:
    return forge.account()


def _is_at(one: Reviews | None, other: Reviews) -> bool:
    return one is not None and (one.api, one.project) == (other.api, other.project)
