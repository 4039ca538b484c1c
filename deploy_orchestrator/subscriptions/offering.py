"""Propose the highest version that is safe for every tenant: once, and whatever a crash left undone is done
by the next look.

What was proposed stands in Git: a branch for each version of a subscription, with one commit. The pull
request is opened after the branch is there, and what it supersedes is closed after that, the branch last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from deploy_orchestrator.charts import Repositories, Version
from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.fleet import Fleet, Subscription
from deploy_orchestrator.forges import Forge
from deploy_orchestrator.git import Changes, Repository, is_branch_name
from deploy_orchestrator.manifests import Workspace
from deploy_orchestrator.markdown import code
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.subscriptions.branches import branch_of, is_untouched, message_of, proposed
from deploy_orchestrator.subscriptions.consequences import outlook
from deploy_orchestrator.subscriptions.following import Followed, followed
from deploy_orchestrator.subscriptions.upgrading import unmoved

MAIN: Final = "main"
MAX_TRIED: Final = 5
"""The most versions that are rendered to find one that is safe for every tenant, the newest first."""


class Offered(StrEnum):
    """What became of a look at a subscription."""

    CURRENT = "current"
    """Nothing newer is published that it allows."""
    NONE_SAFE = "none is safe"
    """There are newer versions, and each does harm to somebody."""
    FOUND = "found"
    """There is one, and nobody asked to propose it."""
    PROPOSED = "proposed"
    """It is proposed with this look."""
    WAITS = "waits"
    """It was proposed before, and people have not decided."""
    DECLINED = "declined"
    """It was proposed before, and people closed it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a look at a subscription came to.

    `version` is the highest that is safe for all tenants, with its `branch`, `title`, the `text` where that
    was made anew, and the `url` of its pull request, where there is a forge. `unsafe` are the newer versions,
    each with why it is not, `superseded` those whose branch went with this look.
    """

    subscription: str
    state: Offered
    version: str | None = None
    branch: str | None = None
    title: str = ""
    text: str = ""
    url: str | None = None
    unsafe: tuple[tuple[str, str], ...] = ()
    superseded: tuple[str, ...] = ()


def offer(
    subscription: Subscription,
    fleet: Fleet,
    repository: Repository,
    repositories: Repositories,
    workspace: Workspace,
    forge: Forge | None,
    *,
    propose: bool,
) -> Offer:
    """Look for newer versions of what a subscription follows, of `fleet` at the head of its `repository`, and
    `propose` the highest that is safe for all; may be called again after a crash at any line.

    Raises:
        FleetError: as `followed`.
        ChartError, RepositoryError: what is published cannot be looked up.
        GitError, ForgeError: something cannot be written.
        FleetMoved: somebody has changed a file meanwhile that it would write.
        Transient: something is out of reach that tells whether a version is safe.
    """
    at = repository.commit(MAIN).time
    with followed(subscription, fleet, repositories, at) as found:
        look = _Look(subscription, fleet, repository, workspace, forge, found)
        chosen = look.chosen()
        return look.without_superseded(look.proposed(chosen)) if propose else chosen.offer


class _Chosen(NamedTuple):
    """What a look came to, and the files that it would write."""

    offer: Offer
    files: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Look:
    subscription: Subscription
    fleet: Fleet
    repository: Repository
    workspace: Workspace
    forge: Forge | None
    found: Followed

    def chosen(self) -> _Chosen:
        name, unsafe = self.subscription.name, list[tuple[str, str]]()
        if not self.found.newer:
            return _Chosen(Offer(name, Offered.CURRENT))
        for version in self.found.newer[:MAX_TRIED]:
            if not is_branch_name(branch_of(name, version)):
                unsafe.append((version, "no branch can be called so"))
                continue
            known = self._known(version)
            if known is not None:
                return _Chosen(replace(known, unsafe=tuple(unsafe)))
            made = attempt(self._made, version, unsafe)
            if isinstance(made, Transient):
                raise made
            if isinstance(made, _Chosen):
                return made
            unsafe.append((version, made.what if isinstance(made, OrchestratorError) else made))
        return _Chosen(Offer(name, Offered.NONE_SAFE, unsafe=tuple(unsafe)))

    def _known(self, version: str) -> Offer | None:
        """As it was proposed before; None where it was not, or where that was not finished."""
        branch = branch_of(self.subscription.name, version)
        commit = proposed(self.repository, self.subscription.name).get(version)
        pull = self.forge.proposed(branch, MAIN) if self.forge else None
        if pull is None and (commit is None or self.forge):
            return None
        title = commit.subject if commit else ""
        state = Offered.WAITS if pull is None or pull.is_open else Offered.DECLINED
        return Offer(self.subscription.name, state, version, branch, title, url=pull and pull.url)

    def _made(self, version: str, unsafe: Sequence[tuple[str, str]]) -> _Chosen | str:
        """What is to be proposed, or why it is not safe for all."""
        change = self.found.change(version)
        if not change.files:
            return "the fleet has it already"
        then = outlook(self.fleet.tree, change.files, self.workspace)
        if (outage := next((why for _, why in then.broken if isinstance(why, Transient)), None)) is not None:
            raise outage
        if then.objection is not None:
            return then.objection
        name = self.subscription.name
        safe = f"{code(version)} is the highest version that is safe for all tenants."
        parts = (safe, *map(_unsafe, unsafe), change.told, then.text)
        text = "\n\n".join(filter(None, parts))
        branch = branch_of(name, version)
        offer = Offer(name, Offered.FOUND, version, branch, change.title, text, unsafe=tuple(unsafe))
        return _Chosen(offer, change.files)

    def proposed(self, chosen: _Chosen) -> Offer:
        offer, files = chosen
        if offer.state is not Offered.FOUND or offer.branch is None:
            return offer
        tip = self.repository.tip(offer.branch)
        if tip is not None and not self._holds(tip, files):
            self.repository.remove(offer.branch, tip)
            tip = None
        if tip is None:
            changes = Changes(message_of(offer.title, self.subscription.name), files)
            self.repository.write(offer.branch, lambda now: unmoved(changes, self.fleet.tree, now), onto=MAIN)
        pull = self.forge and self.forge.propose(offer.branch, MAIN, offer.title, offer.text)
        return replace(offer, state=Offered.PROPOSED, url=pull and pull.url)

    def _holds(self, tip: str, files: Mapping[str, bytes]) -> bool:
        """Whether a branch is one commit on top of what was merged, with these `files` and nothing else: who
        may push may have been there first, and what is proposed is said to be safe.
        """
        tree, parents = self.repository.at(tip), self.repository.commit(tip).parents
        return (
            len(parents) == 1
            and self.repository.is_ancestor(parents[0], MAIN)
            and files.keys() >= {*self.repository.changed(tip)}
            and all(tree.exists(path) and tree.read(path) == data for path, data in files.items())
        )

    def without_superseded(self, chosen: Offer) -> Offer:
        """What a newer proposal, or the fleet itself, has overtaken is closed; what people added to stays."""
        gone: list[str] = []
        for version, commit in proposed(self.repository, self.subscription.name).items():
            if not self._is_overtaken(version, chosen.version):
                continue
            branch = branch_of(self.subscription.name, version)
            pull = self.forge.proposed(branch, MAIN) if self.forge else None
            is_own = is_untouched(commit, self.subscription.name)
            if self.forge and pull and pull.is_open and is_own:
                self.forge.supersede(pull)
            elif self.forge and pull and pull.is_open:
                self.forge.close(pull.number)
            if is_own and self.repository.remove(branch, commit.id):
                gone.append(version)
        return replace(chosen, superseded=tuple(gone))

    def _is_overtaken(self, version: str, by: str | None) -> bool:
        return version not in self.found.newer or (
            by is not None and Version.parse(version) < Version.parse(by)
        )


def _unsafe(each: tuple[str, str]) -> str:
    version, why = each
    return f"- {code(version)} is not: {code(why)}"
