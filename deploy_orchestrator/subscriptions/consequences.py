"""What a change of the fleet would do to every tenant."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy_orchestrator.errors import OrchestratorError, first_few
from deploy_orchestrator.fleet import differing, load
from deploy_orchestrator.foresight import MARK, Proposal, comment, compare
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.manifests import Workspace
from deploy_orchestrator.outcomes import failures, values
from deploy_orchestrator.risk import Verdict


@dataclass(frozen=True, slots=True)
class Outlook:
    """The verdict on every deployment that may change, of which there are `changing` of `all`; `broken` are
    those that do not render, or cannot be read, then, with why.
    """

    proposals: tuple[Proposal, ...]
    broken: tuple[tuple[str, OrchestratorError], ...]
    changing: int
    all: int

    @property
    def objection(self) -> str | None:
        """For whom it is not safe, and why; None where every tenant renders and none is blocked."""
        blocked = [
            each.deployment.key for each in self.proposals if each.judgement.verdict is Verdict.BLOCKED
        ]
        if self.broken:
            key, error = self.broken[0]
            names = first_few([name for name, _ in self.broken], _NAMED)
            return f"{names} cannot be rendered: {key}: {error.what}"
        return f"blocked for {first_few(blocked, _NAMED)}" if blocked else None

    @property
    def text(self) -> str:
        """The plan for every tenant, in Markdown."""
        notes = [f"{self.changing} of {self.all} deployments may change."]
        return comment(self.proposals, self.broken, notes).removeprefix(MARK).lstrip()


_NAMED = 5


def outlook(tree: Tree, files: Mapping[str, bytes], workspace: Workspace) -> Outlook:
    """What it would do to the fleet in `tree` to write these files.

    Raises:
        FleetError: fleet.yaml itself is broken then.
    """
    before, after = load(tree), load(tree.changed(Changes("", files)))
    wanted = differing(before, after)
    outcomes = list(compare(before, after, wanted, workspace))
    broken = [(name, error) for name, error in after.broken.items() if name not in before.broken]
    return Outlook(
        tuple(each for each in values(outcome for _, outcome in outcomes) if each),
        (*broken, *failures(outcomes)),
        len(wanted),
        len(after.deployments()),
    )
