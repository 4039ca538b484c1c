"""Which rules count for each environment: those that were approved, and what the fleet takes away of them."""

from collections.abc import Mapping
from datetime import datetime

from deploy_orchestrator.fleet import Fleet, rules_of, under
from deploy_orchestrator.git import Repository
from deploy_orchestrator.pipeline.sources import source_of_rules
from deploy_orchestrator.releases import (
    Deployments,
    ReleasedRules,
    RulesStanding,
    Settlement,
    SourceChange,
    authors_of,
    standings,
)


def rules_now(
    fleet: Fleet, repository: Repository, deployments: Deployments, now: datetime
) -> dict[str, RulesStanding]:
    """How it stands with the rules that the `fleet`, of this `repository`, wants for each environment."""
    released = deployments.rules()

    def source(environment: str, signers: bytes) -> SourceChange:
        since = _since(released, repository)
        return source_of_rules(repository, fleet.revision, environment, since, signers)

    return standings(
        {each.name: rules_of(fleet, each.name) for each in fleet.environments},
        released,
        source=source,
        decisions=lambda digest, by: deployments.approvals(digest, by.allowed_signers, by.issuers)[0],
        now=now,
    )


def _since(released: Mapping[str, ReleasedRules], repository: Repository) -> str | None:
    """The fleet's commit up to which no change of any rules waits; None where its history has it no more."""
    commits = {each.source.commit for each in released.values()}
    oldest = (each for each in commits if all(repository.leads_to(each, other) for other in commits))
    return next(oldest, None)


def in_force(fleet: Fleet, rules: Mapping[str, RulesStanding]) -> Fleet:
    """The `fleet` with the policies and the keys that count."""
    return under(fleet, {name: each.in_force for name, each in rules.items()})


def settlement(
    fleet: Fleet,
    rules: Mapping[str, RulesStanding],
    repository: Repository,
    deployments: Deployments,
    now: datetime,
) -> Settlement | None:
    """What is to be written down of these rules; None for nothing.

    As long as a change of any rules waits, the commit that is written down stays the one before all that
    wait, so that whoever wrote them is told from it.
    """
    due = tuple(each for each in rules.values() if each.recorded)
    made = [source for each in due if each.change for source in each.change.sources.values()]
    waits = any(each.pending for each in rules.values())
    source = SourceChange(
        commit=(_since(deployments.rules(), repository) if waits else None) or fleet.revision,
        authors=authors_of(author for source in made for author in source.authors),
        signed=bool(made) and all(each.signed for each in made),
    )
    return Settlement(due, source, now) if due else None
