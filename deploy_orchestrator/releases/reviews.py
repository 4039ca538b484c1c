"""Approve by a review: a pull request for a change that waits, and what reviews of exactly that prove.

The branch of the pull request holds one file about one digest, the text of the pull request itself. So a
review of its newest commit, by somebody whom the rules name there, is about exactly these bytes. Nothing of
it is kept: the forge is asked when it counts, and what it said then stands in the release.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Self

from pydantic import TypeAdapter, ValidationError

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.fleet import Reviews
from deploy_orchestrator.git import Changes, GitError, Repository
from deploy_orchestrator.manifests import Diff
from deploy_orchestrator.markdown import code, fence, text
from deploy_orchestrator.releases.layout import Slot
from deploy_orchestrator.releases.model import Approval, Plan
from deploy_orchestrator.terms import Text, Verdict

if TYPE_CHECKING:
    from deploy_orchestrator.forges import Forge, OpenPull

STEM: Final = "review"
"""What the names of all branches of reviews begin with."""
BASE: Final = f"{STEM}s"
"""The branch that pull requests go into; nothing follows it."""
PREFIX: Final = f"{STEM}/"
MAX_LINES: Final = 40_000
"""Characters of the lines that change, as far as the text has them."""
MAX_REASONS: Final = 15_000
"""Characters of the reasons, as far as the text has them: forges take 65,536 in all."""
MAX_TITLE: Final = 250
_AUTHORS: Final = 20
_CLOCKS: Final = timedelta(days=1)
"""How far the clocks of the orchestrator and of a forge may be apart."""
_DIGEST: Final = re.compile(r"^- digest `(sha256:[0-9a-f]{64})`$", re.MULTILINE)
"""The first line of a text that names what it is about, before anything that others wrote."""
_WAIT: Final = "the orchestrator opens it at its next look; see that it can, and close what nobody asked for"
_BEFORE: Final = "in-place-of"
"""The file that names the commits of the branch that said something else."""
_ABOUT: Final = (
    "# Reviews\n\nPull requests into this branch ask people to let changes through. Approving one lets out "
    "exactly what it says; merging one does nothing.\n"
)


def branch_of(plan: Plan) -> str:
    """The branch of the pull request that is about what waits there."""
    return f"{PREFIX}{plan.key}"


def asks_for_review(plan: Plan) -> bool:
    """Whether people let it through, and not the rules alone."""
    return plan.verdict is Verdict.NEEDS_APPROVAL


def title_of(plan: Plan) -> str:
    """The title of the pull request for `plan`."""
    return f"{plan.key}: {plan.verdict.replace('-', ' ')}, {plan.summary}"[:MAX_TITLE]


def text_of(plan: Plan, difference: Diff | None) -> str:
    """The text of the pull request for `plan`: what it is about, why it waits, and the lines that change."""
    reasons = [
        f"- **{each.severity.replace('-', ' ')}** {each.rule}: "
        f"{code(f'{each.object}: {each.saw}' if each.object else each.saw)} {text(each.do)}"
        for each in plan.reasons
    ]
    told = sum(size <= MAX_REASONS for size in accumulate(map(len, reasons)))
    if told < len(reasons):
        reasons[told:] = [f"**There are {len(reasons) - told} more reasons**, all of them on the board."]
    lines = difference.unified() if difference else ""
    cut = "" if len(lines) <= MAX_LINES else "\n\n**There is more**: it is cut here, and whole on the board."
    return "\n".join(
        [
            f"An approving review of this lets exactly these bytes out to {code(plan.key)}, where the policy "
            "names you and you did not write them. Merging does nothing.",
            "",
            f"- digest {code(plan.digest)}",
            f"- what is known of it {code(plan.seen)}",
            f"- {code(str(plan.chart))}, {plan.summary}",
            f"- fleet commit {code(plan.source.commit)} by {code(first_few(plan.source.authors, _AUTHORS))}",
            "",
            *reasons,
            "",
            fence(lines[:MAX_LINES], "diff") + cut,
        ]
    )


@dataclass(frozen=True, slots=True)
class PullRequests:
    """Those that are open on the `forge` of the deployments `repository`, as it had them at one moment, as
    far as they could be read: `unread` says why there may be others. `own` is the account that asks.
    """

    repository: Repository
    forge: "Forge"
    pulls: "tuple[OpenPull, ...]"
    own: str
    unread: str | None = None

    @classmethod
    def read(cls, repository: Repository, forge: "Forge", own: str) -> Self:
        """Raises ForgeError, RepositoryError where the forge cannot tell."""
        from deploy_orchestrator.forges import open_pulls

        found = open_pulls(forge)
        return cls(repository, forge, found.pulls, own, found.unread)

    def given(self, rules: Reviews, plan: Plan, difference: Diff | None) -> list[Approval]:
        """What people whom the `rules` name say of `plan`, as the forge has it now: in the pull request that
        was opened for it, where that is about this plan word by word, what they say of its newest commit.
        Who asked for changes did so in whichever comes from the plan's branch, whatever it says by now, also
        of an earlier commit that names the digest of this plan, that others pushed, or that the branch was
        rewritten without.

        Raises:
            ForgeError, RepositoryError: the forge cannot tell; it has none open that is about this plan, so
                that what was said in one that somebody closed may be missing.
        """
        found = [each for each in self.pulls if each.branch == branch_of(plan)]
        if not any((each.base, each.by) == (BASE, self.own) for each in found):
            from deploy_orchestrator.forges import ForgeError

            unread = f"; not all that are open can be read: {self.unread}" if self.unread else ""
            raise ForgeError(f"no pull request is open for {plan.key} yet{unread}", fix=_WAIT)
        return [each for pull in found for each in self._given(pull, rules, plan, difference)]

    def _given(
        self, pull: "OpenPull", rules: Reviews, plan: Plan, difference: Diff | None
    ) -> Iterator[Approval]:
        from deploy_orchestrator.forges import reviews

        said = text_of(plan, difference)
        is_about = self._is_about(pull, plan, said)
        known = {login.casefold(): who for who, login in rules.people.items()}
        return (
            Approval(
                digest=plan.digest,
                who=known[each.login],
                decision=each.decision,
                reason=_reason(each.text),
                at=each.at,
                commit=each.commit,
                key=account(rules, known[each.login]),
                review=f"{pull.url}#{each.number}",
            )
            for each in reviews(self.forge, pull.number)
            if each.login in known
            and (
                (each.commit == pull.head and (is_about or each.decision == "reject"))
                or (each.decision == "reject" and self._was_about(each.commit, plan))
            )
        )

    def ask(self, plan: Plan, difference: Diff | None) -> None:
        """Have one open that is about `plan` and nothing else. Where one said something else meanwhile, it
        gets another commit, so that no approval of that counts any more. One that was closed is opened again,
        and one that was sent elsewhere is sent back, where it is about the same, or somebody has asked for
        changes there that hold this digest. Who opened one says what is in it, when they like: one of
        somebody else is closed, unless somebody has asked for changes there, and so is one from before what
        is released now.

        Raises:
            GitError: its branch cannot be written.
            ForgeError, RepositoryError: the forge refuses, or cannot be reached.
        """
        said = text_of(plan, difference)
        of_it = [each for each in self.pulls if each.branch == branch_of(plan)]
        elsewhere = [each for each in of_it if each.by == self.own and each.base != BASE]
        if not elsewhere and any(self._is_about(each, plan, said) for each in of_it):
            return
        self._close_those_of_others(plan, of_it)
        since = self._asked_since(plan)
        if self._brought_back(plan, said, elsewhere, since):
            return
        for each in of_it:
            if each.base == BASE and each.by == self.own and each.opened < since:
                self.forge.close(each.number)
        about = Changes("Begin the branch of reviews", {"README.md": _ABOUT.encode()})
        self.repository.write(BASE, lambda _: about)
        files = {f"{plan.key}.md": said.encode()}
        if before := [each.head for each in of_it]:
            files[_BEFORE] = "".join(f"{head}\n" for head in before).encode()
        file = Changes(f"{title_of(plan)}\n\nDigest: {plan.digest}\n", files)
        self.repository.write(branch_of(plan), lambda _: file, onto=BASE)
        self.forge.propose(branch_of(plan), BASE, title_of(plan), said)

    def _close_those_of_others(self, plan: Plan, of_it: "list[OpenPull]") -> None:
        from deploy_orchestrator.forges import ForgeError

        for each in of_it:
            if each.base != BASE or each.by == self.own:
                continue
            if self._is_held(each, plan):
                raise ForgeError(
                    f"somebody asked for changes in {each.url}, which {each.by} opened, and not {self.own}",
                    fix="it is closed, and another opened, once they say something else there, or the review "
                    "is dismissed",
                )
            self.forge.close(each.number)

    def _brought_back(self, plan: Plan, said: str, elsewhere: "list[OpenPull]", since: datetime) -> bool:
        """Have one of those that were closed, or are open `elsewhere`, in place of what is open: where
        somebody has asked for changes that hold the digest of `plan`, or it is about that. Whether it is
        about that. None of another release's is looked at: it was opened before `since`.
        """
        from deploy_orchestrator.forges import closed_pulls, reopen, send

        closed = closed_pulls(self.forge, branch_of(plan), self.own, since)
        own = [*elsewhere, *closed]
        held = (each for each in own if self._is_held(each, plan))
        about = (each for each in own if self._is_about(replace(each, base=BASE), plan, said))
        again = next(held, None) or next(about, None)
        for each in self.pulls:
            is_own = (each.branch, each.by) == (branch_of(plan), self.own)
            if is_own and each != again and (again or each in elsewhere):
                self.forge.close(each.number)
        if again is None:
            return False
        if again in closed:
            reopen(self.forge, again.number)
        if again.base != BASE:
            send(self.forge, again.number, BASE)
        return self._is_about(replace(again, base=BASE), plan, said)

    def _asked_since(self, plan: Plan) -> datetime:
        """When people can have been asked about the digest of `plan` at the earliest: it was planned in place
        of what is released.
        """
        path = Slot(plan.environment, plan.tenant).plan
        first = self.repository.log(str(self.repository.head()), since=plan.replaces, paths=[path])[-1]
        return first.time - _CLOCKS

    def close_others(self, wanted: Iterable[Plan]) -> None:
        """Close those that are about what waits no more. Raises ForgeError, RepositoryError."""
        branches = {branch_of(each) for each in wanted}
        for each in self.pulls:
            if each.base == BASE and each.branch.startswith(PREFIX) and each.branch not in branches:
                self.forge.close(each.number)

    def _is_held(self, pull: "OpenPull", plan: Plan) -> bool:
        """Whether somebody has asked for changes there when it was about the digest of `plan`."""
        from deploy_orchestrator.forges import reviews

        said = reviews(self.forge, pull.number)
        return any(each.decision == "reject" and self._was_about(each.commit, plan) for each in said)

    def _was_about(self, commit: str, plan: Plan) -> bool:
        """Whether what somebody said of a commit holds the digest of `plan`: of any, but for one by which the
        orchestrator asked about another digest.
        """
        try:
            text = self.repository.at(commit).read(f"{plan.key}.md").decode(errors="replace")
        except GitError:
            return True
        named = _DIGEST.search(text)
        if named is None or named[1] == plan.digest:
            return True
        seal = self.repository.seal
        return seal is not None and not self.repository.is_sealed(
            self.repository.commit(commit), branch_of(plan)
        )

    def _is_about(self, pull: "OpenPull", plan: Plan, said: str) -> bool:
        """Whether it is about `plan` and nothing else, and says what is `said` of it, as Git and the forge
        have it.
        """
        if (pull.branch, pull.base, pull.by) != (branch_of(plan), BASE, self.own):
            return False
        if (pull.title, pull.text) != (title_of(plan), said) or pull.head != self.repository.head(
            pull.branch
        ):
            return False
        try:
            return self.repository.at(pull.head).read(f"{plan.key}.md") == said.encode()
        except GitError:
            return False


def account(rules: Reviews, who: str) -> str:
    """What identifies somebody there, in place of a key."""
    return f"{rules.api} {rules.people[who].casefold()}"


def recorded(approvals: Iterable[Approval], rules: Reviews | None) -> tuple[Approval, ...]:
    """Those of the `approvals` of a release that the forge of the `rules` gave then: only it could tell."""
    return tuple(
        each
        for each in approvals
        if each.review and rules and each.who in rules.people and each.key == account(rules, each.who)
    )


def _reason(said: str) -> str:
    try:
        return TypeAdapter[str](Text).validate_python(said)
    except ValidationError:
        return ""
