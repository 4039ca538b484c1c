"""What stands in the deployments repository: plans, releases, quarantine; and the decisions people sign.

All of it is read back as if somebody else had written it: unknown fields are refused, everything that
becomes part of a path is checked, and a plan or a release whose digest does not fit what it says cannot be
made.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self

import pydantic

from deploy_orchestrator.documents import Record
from deploy_orchestrator.fleet import AS_USUAL, Destination, Syncing, TakeoverEvidence, among
from deploy_orchestrator.git import Commit
from deploy_orchestrator.manifests import NOTHING, ChartUsed
from deploy_orchestrator.releases.digest import digest_of, first_digest_of
from deploy_orchestrator.risk import Reason, Summary
from deploy_orchestrator.terms import CommitId, Digest, Email, Label, Text, Time, Verdict


@lru_cache(maxsize=16_384)
def _alone(name: str) -> re.Pattern[str]:
    """A name where it stands alone, and is no part of another one."""
    return re.compile(rf"(?<![A-Za-z0-9.]){re.escape(name)}(?![A-Za-z0-9.])")


EVERYBODY: Final = "*"
"""Among authors: there are more than are written down."""


class SourceChange(Record):
    """The commit of the fleet repository that a plan was rendered from, and the e-mails of who wrote the
    change.

    `signed` says that every commit of the change is signed by its author; otherwise authors are only a
    claim. Where more people wrote it than are written down, `EVERYBODY` is among them.
    """

    commit: CommitId
    authors: tuple[Text, ...]
    signed: bool

    def is_by(self, who: str) -> bool:
        """Whether somebody may have written it, whatever the case their address is written in."""
        return EVERYBODY in self.authors or among(who, self.authors)


class After(Record):
    """What must be healthy before: the `content` that the same source gives in the `environment` before."""

    environment: Label
    content: Digest


class Behind(Record):
    """A newer change of the fleet that has to wait longer than the plan that goes first, and builds on it.

    `inputs` is the `fleet.basis` of the newer one, `after` what must be healthy before for it. `soaked` is
    for how long the plan that goes first was healthy in the environments before when the newer one came.
    """

    inputs: Digest
    after: tuple[After, ...]
    soaked: timedelta


class Ahead(Record):
    """Who goes first: a `tenant` of an earlier wave, and the newest `commit` of the fleet that changes both.

    It must have that commit, live and healthy for the soak time of its wave.
    """

    tenant: Label
    commit: CommitId


class Unchanged(Record):
    """What the fleet asked for at its commit `since` (the `digest` of a plan or a release), and still did at
    `source`, the newest that was planned.

    It is kept for tenants that others wait for in waves.
    """

    digest: Digest
    since: CommitId
    source: CommitId


Choice = Literal["approve", "reject", "break-glass", "pause", "resume"]
"""What a person decides: on a plan, or on whether anything is released at all."""


class Approval(Record):
    """A decision on one digest, verified: its author signed it, or their provider did.

    `who` is the principal of the signing key in `allowed_signers`, `key` its fingerprint. Where an ID token
    proves it, `who` is the address in there, `key` whom the provider calls so, and nobody else, `issuer` that
    provider, and `signed_by` the fingerprint of its key, if that is one of its keys of now. Where a `review`
    on the forge says it, `commit` is what was reviewed, and `key` the account there.
    """

    digest: Digest
    who: Email
    decision: Choice
    reason: Text
    at: Time
    commit: CommitId
    key: str
    issuer: Text | None = None
    signed_by: Text | None = None
    review: Text | None = None


class Subject(Record):
    """What plans and releases share: which bytes go where, and what they replace.

    `base` is the content that is replaced, None for a first release, and `replaces` the commit that released
    that, or took away what was there; None where nothing ever was. `format` 1 is an
    earlier one: it knows no `server` and no `replaces`, and its digest covers no destination. `images` are
    the digests that names of images led to when it was planned, of those without one, and of those whose tag
    led to the one beside it; None: nobody looked, or there are none. `others` are the namespaces that it goes
    to beside its own; None: no others. `sync` is how it is synced; None: as usual.
    `takeover` is what the cluster said of taking over what is live; None: nobody asked, or nothing is.
    """

    format: Literal[1, 2] = 1
    environment: Label
    tenant: Label
    namespace: Label
    cluster: str
    server: Text | None = None
    others: tuple[Label, ...] | None = None
    sync: Annotated[Syncing, pydantic.PlainSerializer(Syncing.as_json)] | None = None
    takeover: TakeoverEvidence | None = None
    digest: Digest
    content: Digest
    base: Digest | None = None
    replaces: CommitId | None = None
    chart: ChartUsed
    source: SourceChange
    images: dict[Text, Text] | None = None

    @pydantic.model_validator(mode="after")
    def _digest_fits(self) -> Self:
        about = {"environment": self.environment, "tenant": self.tenant}
        expected = (
            first_digest_of(**about, content=self.content, base=self.base)
            if self.format == 1
            else digest_of(
                **about,
                destination=self.destination,
                content=self.content,
                base=self.base,
                replaces=self.replaces,
                takeover=self.takeover,
            )
        )
        if self.digest != expected:
            raise ValueError(f"the digest does not fit: it should be {expected}")
        return self

    @property
    def destination(self) -> Destination:
        """Where it goes, and how."""
        others, sync = self.others or (), self.sync or AS_USUAL
        return Destination(self.cluster, self.server, self.namespace, others, sync)

    @property
    def key(self) -> str:
        return f"{self.environment}/{self.tenant}"

    @property
    def removal(self) -> bool:
        """Whether it takes away all that the tenant has there."""
        return self.content == NOTHING.content


class Plan(Subject):
    """A rendered change to one tenant in one environment, judged. It goes nowhere until it is released.

    `inputs` is the `fleet.basis` that it was planned from; None for a removal. `after` is what must be
    healthy in each environment before this one. `widened` is when a reason that takes an approval was found
    that the same change had not before; None: there was none.
    """

    inputs: Digest | None = None
    verdict: Verdict
    reasons: tuple[Reason, ...]
    after: tuple[After, ...] = ()
    ahead: tuple[Ahead, ...] = ()
    behind: Behind | None = None
    widened: Time | None = None
    summary: Summary

    @property
    def seen(self) -> str:
        """What somebody has seen who looked at it, as 32 hexadecimal digits: its digest, why it is judged so,
        and what its images lead to, of which more may be found later in the same bytes.
        """
        reasons = [each.model_dump(mode="json") for each in self.reasons]
        told = {"digest": self.digest, "reasons": reasons, "images": self.images or {}}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    @pydantic.field_validator("after", mode="before")
    @classmethod
    def _as_an_earlier_version_wrote_it(cls, after: Any) -> Any:
        return (after,) if isinstance(after, dict) else after

    @pydantic.model_validator(mode="after")
    def _verdict_fits(self) -> Self:
        worst = Verdict.worst(reason.severity for reason in self.reasons)
        if self.verdict is not worst:
            raise ValueError(f"the verdict does not fit its reasons: it should be {worst}")
        return self

    def of_any(self, text: str) -> str:
        """A text about it as it would stand in a plan of any other tenant."""
        for name, stands in ((self.namespace, "{namespace}"), (self.tenant, "{tenant}")):
            text = _alone(name).sub(stands, text) if name in text else text
        return text

    def released(self, *, revision: str, approvals: tuple[Approval, ...], at: datetime) -> "ReleaseFile":
        """What is written where this is released, with its manifests as of the commit `revision`."""
        return ReleaseFile(
            **{name: getattr(self, name) for name in Subject.model_fields},
            revision=revision,
            path=f"manifests/{self.key}",
            approvals=approvals,
            released_at=at,
        )


class ReleaseFile(Subject):
    """What Argo CD follows: the objects at `path` of the commit `revision` of the deployments repository."""

    revision: CommitId
    path: str
    approvals: tuple[Approval, ...] = ()
    released_at: Time

    @property
    def glass_broken_by(self) -> tuple[Approval, ...]:
        """By whom it was let past its gates in an emergency."""
        return tuple(each for each in self.approvals if each.decision == "break-glass")

    @pydantic.model_validator(mode="after")
    def _path_fits(self) -> Self:
        if self.path != f"manifests/{self.key}":
            raise ValueError(f"the path does not fit: it should be manifests/{self.key}")
        return self

    def made_by(self, commit: Commit) -> "Release":
        """The release that `commit` made of this file."""
        return Release.model_construct(**dict(self), commit=commit.id)


class Release(ReleaseFile):
    """What is released, and `commit`, which made it so: the release commit, or the revert that brought it
    back.
    """

    commit: CommitId


class Quarantined(Record):
    """A content that was reverted: neither it nor what it changed is released again until a person says so.

    `decided` was written earlier, and says nothing any more.
    """

    content: Digest
    reason: Text
    reverted: CommitId
    at: Time
    decided: CommitId | None = None


@dataclass(frozen=True, slots=True)
class Removals:
    """How many tenants of an environment were removed within `removal.WINDOW`, of how many that it had."""

    made: int
    of: int
