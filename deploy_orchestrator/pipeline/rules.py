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
    standings,
)


def rules_now(
    fleet: Fleet, repository: Repository, deployments: Deployments, now: datetime
) -> dict[str, RulesStanding]:
    """How it stands with the rules that the `fleet`, of this `repository`, wants for each environment."""
    released = deployments.rules()

    def source(environment: str, base: ReleasedRules | None, signers: bytes) -> SourceChange:
        known = [base] if base else sorted(released.values(), key=lambda each: each.released_at)[:1]
        since = known[0].source.commit if known else None
        return source_of_rules(repository, fleet.revision, environment, since, signers)

    return standings(
        {each.name: rules_of(fleet, each.name) for each in fleet.environments},
        released,
        source=source,
        decisions=lambda digest, signers: deployments.approvals(digest, signers)[0],
        now=now,
    )


def in_force(fleet: Fleet, rules: Mapping[str, RulesStanding]) -> Fleet:
    """The `fleet` with the policies and the keys that count."""
    return under(fleet, {name: each.in_force for name, each in rules.items()})


def settlement(fleet: Fleet, rules: Mapping[str, RulesStanding], now: datetime) -> Settlement | None:
    """What is to be written down of these rules; None for nothing."""
    due = tuple(each for each in rules.values() if each.recorded)
    made = [source for each in due if each.change for source in each.change.sources.values()]
    authors = {author for source in made for author in source.authors}
    source = SourceChange(
        commit=fleet.revision,
        authors=tuple(sorted(authors)),
        signed=bool(made) and all(each.signed for each in made),
    )
    return Settlement(due, source, now) if due else None
