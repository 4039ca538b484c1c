"""What happens to plans and releases, said in the log with whom it is about beside the words."""

import logging
from collections.abc import Iterable
from typing import Final

from deploy_orchestrator.outcomes import Outcome, values
from deploy_orchestrator.releases import Delivered, Plan, Release

_LOG: Final = logging.getLogger(__name__)


def proposed(plans: Iterable[Outcome[Plan | None]]) -> None:
    for plan in filter(None, values(plans)):
        _say(plan, f"{plan.key}: {plan.verdict} is pending, {plan.digest}")


def released(releases: Iterable[Outcome[Release]]) -> None:
    for each in values(releases):
        _say(each, f"{each.key}: released, {each.digest}")


def reverted(release: Release, now_released: Release, reason: str) -> None:
    _say(release, f"{release.key}: reverted, {now_released.digest} is released again: {reason}")


def delivered(release: Release, told: Delivered) -> None:
    _say(release, f"{release.key}: {told.outcome}")


def _say(about: Plan | Release, words: str) -> None:
    who = {"environment": about.environment, "tenant": about.tenant, "source": about.source.commit}
    _LOG.info("%s", words, extra=who | ({"release": about.commit} if isinstance(about, Release) else {}))
