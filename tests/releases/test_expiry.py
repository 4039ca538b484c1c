from datetime import UTC, datetime, timedelta

import pytest

from deploy_orchestrator.fleet import ApprovalRule
from deploy_orchestrator.releases import Approval, SourceChange, expiries

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SOURCE = SourceChange(commit="a" * 40, authors=("alice@example.com",), signed=True)


def approved(who: str, ago: timedelta) -> Approval:
    return Approval(
        digest="sha256:" + "0" * 64,
        who=who,
        decision="approve",
        reason="",
        at=NOW - ago,
        commit="b" * 40,
        key=f"SHA256:{who}",
    )


def rule(expires: timedelta) -> ApprovalRule:
    return ApprovalRule(approvers=("alice@example.com", "bob@example.com"), required=1, expires=expires)


@pytest.mark.parametrize(
    ("expires", "notice"),
    [(timedelta(days=7), timedelta(days=1)), (timedelta(hours=4), timedelta(hours=1))],
)
def test_an_approval_expires_soon_in_its_last_quarter_and_its_last_day(
    expires: timedelta, notice: timedelta
) -> None:
    decision = approved("bob@example.com", timedelta(hours=1))

    (found,) = expiries([decision], rule(expires), SOURCE, NOW)

    assert found.approval == decision
    assert found.at == decision.at + expires
    assert found.at - found.soon == notice


def test_what_has_expired_is_told_too_and_what_never_counted_is_not() -> None:
    expired = approved("bob@example.com", timedelta(days=8))
    never = [
        approved("alice@example.com", timedelta(days=1)),
        approved("mallory@example.com", timedelta(days=1)),
    ]

    found = expiries([expired, *never], rule(timedelta(days=7)), SOURCE, NOW)

    assert [each.approval for each in found] == [expired]
    assert found[0].at < NOW
    assert expiries([expired], None, SOURCE, NOW) == ()
