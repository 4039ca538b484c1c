"""What `fleet.yaml` and `tenant.yaml` say, as data."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic.alias_generators import to_camel

from deploy_orchestrator.fleet.base import Model
from deploy_orchestrator.fleet.fields import (
    ChartName,
    ClusterKind,
    Duration,
    EnvironmentName,
    FieldPath,
    FleetPath,
    Host,
    ImagePlace,
    IssuerUrl,
    KubernetesVersion,
    Line,
    NamespaceName,
    NamespaceTemplate,
    PlatformName,
    ReleaseName,
    RepositoryUrl,
    ServerUrl,
    Share,
    ValuePath,
    ValuesPath,
    VersionConstraint,
    WebUrl,
    steps_of,
)
from deploy_orchestrator.fleet.ordering import in_order
from deploy_orchestrator.fleet.recurrence import (
    HORIZON,
    Clock,
    Recurrence,
    ZoneName,
    coming,
    is_shown_twice,
    moment,
    times,
)
from deploy_orchestrator.fleet.syncing import AS_USUAL, Syncing
from deploy_orchestrator.terms import Digest, Email, Label, Quantity, Time, Verdict, may_speak_for

Count = Annotated[StrictInt, Field(ge=1)]


class ArgoCDInstance(Model):
    """An Argo CD: a `name` of your own, its `namespace`, and the `url` of its web pages, for links."""

    name: Label
    namespace: Label = "argocd"
    url: WebUrl | None = None


class Cluster(Model):
    """A Kubernetes cluster, with the URL of its API server as its Argo CD knows it.

    `argocd` names the Argo CD that deploys to it; None: the first one.
    """

    name: Label
    server: ServerUrl
    argocd: Label | None = None


class Issuer(Model):
    """An OpenID provider whose ID tokens prove decisions: a `name` of your own, its `url` exactly as it says
    it, and the `client` there that asks for decisions and for nothing else.

    `domains` are those of the addresses that it may speak for, `verified` is the claim that says that an
    address is verified. `max_age`: how long before a decision somebody may have proved themselves to the
    provider; None: they need not do so anew.
    """

    name: Label
    url: IssuerUrl
    client: Line
    domains: tuple[Host, ...] = Field(min_length=1)
    verified: Line = "email_verified"
    max_age: Duration | None = None

    def speaks_for(self, email: str) -> bool:
        """Whether its domains have the address."""
        return may_speak_for(self.domains, email)


class MachineToken(Model):
    """A token by which a machine asks the board: a `name` of your own, the `hash` of the token, and what the
    machine `may` do there: see everything, or also operate: sync and roll back. No token decides anything.

    It counts until it `expires`. `deploy-orchestrator token new` makes one.
    """

    name: Label
    hash: Digest
    may: Literal["see", "operate"] = "see"
    expires: Time


_OF_A_FORGE: Final = re.compile(r"(?:\d+\+)?([^@+]+)@(?:[^@]+\.)?noreply\.[^@]+")


class Reviews(Model):
    """The forge that has the deployments repository, where an approving review of a pull request approves a
    change: its `kind`, the URL of its `api`, and the `project` there.

    `people` are their logins there, by address: whoever has the login decides as that person.
    """

    kind: Literal["github", "gitea"]
    api: IssuerUrl
    project: Line
    people: dict[Email, Line] = Field(min_length=1)

    def with_people(self, others: "Reviews | None") -> "Reviews | None":
        """The same with those of its people who are among those of `others` at the same place; None: none."""
        place = (self.kind, self.api, self.project)
        if others is None or place != (others.kind, others.api, others.project):
            return None
        people = {who: login for who, login in self.people.items() if others.people.get(who) == login}
        return self.model_copy(update={"people": people}) if people else None

    def people_behind(self, authors: Iterable[str]) -> tuple[str, ...]:
        """Those of the people who are among `authors` by an address that a forge makes of their login:
        https://docs.github.com/en/account-and-profile/reference/email-addresses-reference.
        """
        logins = {found[1].casefold() for each in authors if (found := _OF_A_FORGE.fullmatch(each))}
        return tuple(who for who, login in self.people.items() if login.casefold() in logins)


class ApprovalRule(Model):
    """Who may approve a change, how many of them it takes, and for how long an approval is good.

    `self_approval` lets authors count for their own change.
    """

    approvers: tuple[Email, ...] = Field(min_length=1)
    required: Count = 1
    self_approval: StrictBool = False
    expires: Duration = Field(default=timedelta(days=7), json_schema_extra={"default": "7d"})


class PauseRule(Model):
    """Who may stop the line, and who may start it again (`resumers`; none: the same people)."""

    pausers: tuple[Email, ...] = Field(min_length=1)
    resumers: tuple[Email, ...] = ()


class BreakGlass(Model):
    """The `people` of whom two can let one change past the gates, each for as long as it `expires`."""

    people: tuple[Email, ...] = Field(min_length=2)
    expires: Duration = Field(default=timedelta(hours=4), json_schema_extra={"default": "4h"})


class Freeze(Model):
    """A window, from `start` until before `end` (UTC), in which nothing is released."""

    start: Time
    end: Time
    reason: Line

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("expected the freeze to start before it ends")
        return self


class Window(Model):
    """A time that comes again, and why: `every` (a rule of RFC 5545) from `start` on, each time for as long
    as `lasts`, by the clock of `time_zone`.

    It begins at the first moment at which the clock shows its start, or jumps over it, and ends likewise.
    """

    every: Recurrence
    start: Clock
    lasts: Duration
    time_zone: ZoneName
    reason: Line

    @model_validator(mode="after")
    def _comes(self) -> Self:
        if not timedelta(0) < self.lasts <= timedelta(days=366):
            raise ValueError("expected it to last for longer than nothing, and for 366d at most")
        if next(coming(self.every, self.start, self.start.date(), self.start.date() + HORIZON), None) is None:
            raise ValueError("expected a rule by which it comes within 12 years of its start")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def clocks(self, first: date, last: date) -> tuple[datetime, ...]:
        """When it begins, from the day `first` to the day `last`, as the clock shows it."""
        return times(self.every, self.start, first, last)

    def until(self, now: datetime) -> datetime | None:
        """When it ends (UTC), where it has begun by `now`; None where it is not under way."""
        today = now.astimezone(self.zone).date()
        begun = self.clocks(today - self.lasts - timedelta(days=1), today + timedelta(days=1))
        spans = ((moment(each, self.zone), moment(each + self.lasts, self.zone)) for each in begun)
        return max((end for start, end in spans if start <= now < end), default=None)

    def next(self, now: datetime) -> datetime | None:
        """When it begins next (UTC); None where it does not come within 12 years."""
        today = now.astimezone(self.zone).date()
        clocks = self.clocks(today - timedelta(days=1), today + HORIZON)
        return next((at for each in clocks if (at := moment(each, self.zone)) > now), None)

    def is_ambiguous(self, now: datetime) -> bool:
        """Whether its beginning or its end is shown twice by the clock at some time to come."""
        today = now.astimezone(self.zone).date()
        shown = self.clocks(today - self.lasts, today + HORIZON)
        return any(
            is_shown_twice(each, self.zone) or is_shown_twice(each + self.lasts, self.zone) for each in shown
        )


class RuleOverride(Model):
    """Another verdict for a risk rule, or for what a check finds, than its own, and why."""

    severity: Verdict
    reason: Line


class IgnoredField(Model):
    """A field whose changes nobody need look at until `expires` (UTC) where no risk rule knows them; and why.

    `kind` is that of the objects, as `cert-manager.io/Certificate`, `name` the only one; None: all. `path` is
    the field with all below it, as plans write it: `spec.template.metadata.annotations["a/b"]`; `[*]` stands
    for any item of a list.
    """

    kind: ClusterKind
    name: Line | None = None
    path: FieldPath
    reason: Line
    expires: Time

    def covers(self, group_kind: str, name: str, path: Sequence[str]) -> bool:
        """Whether the field at the steps of a `path` in an object is this one, or below it."""
        steps = steps_of(self.path)
        return (
            self.kind == group_kind
            and self.name in (None, name)
            and len(path) >= len(steps)
            and all(
                wanted == step or (wanted == "[*]" and step.startswith("["))
                for wanted, step in zip(steps, path, strict=False)
            )
        )


class CheckException(Model):
    """A check that a tenant need not pass until `expires` (UTC), and why.

    `rule` is its id, `object` the only one that it is for, as `Kind/name`; None: for all.
    """

    rule: Label
    object: Line | None = None
    reason: Line
    expires: Time


class Wave(Model):
    """Tenants that a change reaches together; the next wave starts when it was healthy here for `soak`."""

    tenants: tuple[Label, ...] = Field(min_length=1)
    soak: Duration = Field(default=timedelta(0), json_schema_extra={"default": "0s"})


class ImagePolicy(Model):
    """What an environment asks of the images that run there. Where it is given, even empty, each image is
    read from its registry before it is released.

    `by_digest`: each is named by its digest. `platforms`: those that each is there for, as `linux/arm64`.
    `download` and `disk`: what one may take, as it is pulled and unpacked; `tenant_download` and
    `tenant_disk`: what all of a tenant may, layers that they share counted once. `max_age`: how long ago it
    may have been built. `non_root`: none runs as root. `sbom` and `signature`: there is one; it is not
    verified.
    """

    by_digest: StrictBool = False
    platforms: tuple[PlatformName, ...] = ()
    download: Quantity | None = None
    disk: Quantity | None = None
    tenant_download: Quantity | None = None
    tenant_disk: Quantity | None = None
    max_age: Duration | None = None
    non_root: StrictBool = False
    sbom: StrictBool = False
    signature: StrictBool = False


class Policy(Model):
    """What an environment asks of a change and of its release.

    `approval`; None: changes that need approval go on without. `pause`: who may stop and start the line;
    None: the approvers. `break_glass`: who, in an emergency, lets a change past what it waits for. `soak`:
    how long the change must have been healthy in the environment before. `deadline`: by when a sync must be
    healthy. `rollback_after`: how long a release may be unhealthy before it is reverted. `waves`: who goes
    before whom; tenants that no wave names go last. `removals`: the share of the tenants that may be removed
    within a day, in percent; one at least, unless it is 0. `freezes` and `freeze_windows`: when nothing is
    released; where there are `release_windows`, something is released only in one of them. `rules` by the id
    of the risk rule; `checks` by that of the check whose findings have another verdict than the risk rule
    `check-failed` gives them. `ignore`: fields whose changes need nobody while no rule knows them.
    `registries`: where images may come from, as `ghcr.io` or `ghcr.io/acme`; none: from anywhere.
    `images`: what else is asked of them; None: nothing, and no registry is asked.
    `cluster_scoped`: what tenants may make outside of their namespaces, as
    `rbac.authorization.k8s.io/ClusterRole`. `shared_namespaces`: those that several tenants may live in
    together, of which each says so too.
    """

    approval: ApprovalRule | None = None
    pause: PauseRule | None = None
    break_glass: BreakGlass | None = None
    soak: Duration = Field(default=timedelta(0), json_schema_extra={"default": "0s"})
    deadline: Duration = Field(default=timedelta(minutes=10), json_schema_extra={"default": "10m"})
    rollback_after: Duration = Field(default=timedelta(minutes=5), json_schema_extra={"default": "5m"})
    waves: tuple[Wave, ...] = ()
    removals: Share = Field(default=10, json_schema_extra={"default": "10%"})
    freezes: tuple[Freeze, ...] = ()
    freeze_windows: tuple[Window, ...] = ()
    release_windows: tuple[Window, ...] = ()
    rules: dict[Label, RuleOverride] = Field(default_factory=dict[str, RuleOverride])
    checks: dict[Label, RuleOverride] = Field(default_factory=dict[str, RuleOverride])
    ignore: tuple[IgnoredField, ...] = ()
    registries: tuple[Line, ...] = ()
    images: ImagePolicy | None = None
    cluster_scoped: tuple[ClusterKind, ...] = ()
    shared_namespaces: tuple[Label, ...] = ()

    @property
    def pausers(self) -> tuple[str, ...]:
        """Who may stop the line."""
        if self.pause:
            return self.pause.pausers
        return self.approval.approvers if self.approval else ()

    @property
    def resumers(self) -> tuple[str, ...]:
        """Who may start it again."""
        return (self.pause.resumers if self.pause else ()) or self.pausers

    def wave_of(self, tenant: str) -> int:
        """Which of the `waves` `tenant` is in; their number for one that goes last."""
        named = (number for number, wave in enumerate(self.waves) if tenant in wave.tenants)
        return next(named, len(self.waves))

    def is_awaited(self, tenant: str) -> bool:
        """Whether others wait for `tenant` in waves."""
        return self.wave_of(tenant) < len(self.waves)

    def ahead_of(self, tenant: str) -> list[str]:
        """The tenants of all waves before that of `tenant`, the first wave first."""
        return [each for wave in self.waves[: self.wave_of(tenant)] for each in wave.tenants]


Scope = Literal["Cluster", "Namespaced"]
"""Where objects of a kind are, as a CustomResourceDefinition says it."""


MAX_WINDOWS: Final = 50
"""Freezes, freeze windows or release windows in the policy of an environment, as the fleet says it."""


class Environment(Model):
    """A stage that changes are promoted through: a cluster, its minor version of Kubernetes, and a policy.

    `after` names the environments that a change must have been healthy in before, in `healthy_in` all or any
    of them; None: the one before in the list. `api_versions` are those that the cluster serves beside the
    built-in ones, as `monitoring.coreos.com/v1`. `custom_kinds` tell whether a kind of a
    CustomResourceDefinition that no chart brings is in a namespace or the cluster's own:
    `external-secrets.io/ExternalSecret: Namespaced`. `platform` tells whether tenants get the platform chart
    here.
    """

    name: EnvironmentName
    cluster: Label
    kubernetes: KubernetesVersion
    api_versions: tuple[Line, ...] = ()
    custom_kinds: dict[ClusterKind, Scope] = Field(default_factory=dict[str, Scope])
    namespace: NamespaceTemplate = "{tenant}-{environment}"
    platform: StrictBool = True
    after: tuple[Label, ...] | None = None
    healthy_in: Literal["all", "any"] = "all"
    policy: Policy = Policy()

    @model_validator(mode="after")
    def _windows_are_few(self) -> Self:
        """Not so the rules that count: those of before are among them until others are approved."""
        for name in ("freezes", "freeze_windows", "release_windows"):
            if len(getattr(self.policy, name)) > MAX_WINDOWS:
                raise ValueError(f"expected at most {MAX_WINDOWS} {to_camel(name)} in its policy")
        return self

    def namespace_of(self, tenant: str, template: str | None = None) -> str:
        """The namespace of `tenant` here; made of a `template` of its own where it has one."""
        return (template or self.namespace).replace("{tenant}", tenant).replace("{environment}", self.name)


class ChartRepository(Model):
    """A chart repository by name; what it publishes is read from `mirror` where there is one."""

    name: Label
    url: RepositoryUrl
    mirror: RepositoryUrl | None = None


class ImageMirror(Model):
    """Where images are read from: those `of` a registry or a part of one, as `docker.io/library`, from
    another place, as `registry.example.com/hub`, in `environments`; None: in all.
    """

    of: ImagePlace
    to: ImagePlace
    environments: tuple[Label, ...] | None = None


class ImageField(Model):
    """Where the fleet names a version of an image: a `field` of a YAML `file`, as `image.tag` or `tag`,
    which holds the tag alone or the whole image.
    """

    file: FleetPath
    field: ValuePath


class Subscription(Model):
    """What is followed: a `chart` wherever the fleet needs it, or an `image` where `fields` name it; a newer
    version is proposed as a commit on the branch `upgrades/<name>/<version>`.

    `repository` is the name of the chart's in `repositories`; None: whichever the fleet has it from.
    `constraint` is what versions are followed, as in a `Chart.yaml`; pre-releases of these where what they
    begin with is in `prereleases`, as `rc`. `cadence`: how often it is looked for.
    """

    name: Label
    chart: ChartName | None = None
    repository: Label | None = None
    image: ImagePlace | None = None
    fields: tuple[ImageField, ...] = ()
    constraint: VersionConstraint = "*"
    prereleases: tuple[Label, ...] = ()
    cadence: Duration = Field(default=timedelta(days=1), json_schema_extra={"default": "1d"})

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.chart is None) == (self.image is None):
            raise ValueError("expected either a chart or an image")
        if self.image is not None and (not self.fields or "/" not in self.image):
            raise ValueError("expected an image such as ghcr.io/acme/shop, and fields that name it")
        if self.image is not None and self.repository is not None:
            raise ValueError("expected a repository for a chart only")
        if self.chart is not None and self.fields:
            raise ValueError("expected fields for an image only")
        if self.cadence < timedelta(minutes=1):
            raise ValueError("expected a cadence of at least 1m")
        return self


class ChartReference(Model):
    """A chart: `charts/<name>` of the fleet in a version that the constraint `version` allows, or, with the
    URL of a `repository`, exactly that version of what is published there.
    """

    name: ChartName
    version: Line
    repository: Line | None = None


class Quota(Model):
    """What all pods and volumes of a tenant in one environment may claim, as Kubernetes quantities."""

    cpu: Quantity
    memory: Quantity
    storage: Quantity
    pods: Count


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class TenantNamespace(Model):
    """The namespace of a tenant where it is not the one that the environment gives.

    `name` may have `{tenant}` and `{environment}` in it; None: the environment's. `existing`: somebody else
    has made it, so that the platform chart's Namespace is left out. `shared`: other tenants live in it, too,
    which the environment's policy has to say as well; of these the `keeper` brings the platform chart.
    """

    name: NamespaceName | None = None
    existing: StrictBool = False
    shared: StrictBool = False
    keeper: StrictBool = False

    @model_validator(mode="after")
    def _keeps_for_others(self) -> Self:
        if self.keeper and not self.shared:
            raise ValueError("expected keeper only where the namespace is shared")
        return self


Namespace = Annotated[TenantNamespace, BeforeValidator(_named, json_schema_input_type=str | TenantNamespace)]


class Placement(Model):
    """What is another for a tenant in one environment: the name of its Helm release, its namespace, and how
    it is synced.
    """

    release: ReleaseName | None = None
    namespace: Namespace | None = None
    sync: Syncing | None = None


class ValueSource(Model):
    """Where values come from: a `file` of the fleet, which may be missing if it is `optional`, or `inline`,
    by the name of the environment.

    `{chart}/` at its beginning is the chart's folder, or its package; `{environment}`, `{cluster}`,
    `{tenant}` and `{release}` are put in.
    """

    file: ValuesPath | None = None
    optional: StrictBool = False
    inline: dict[str, dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.file is None) == (self.inline is None):
            raise ValueError("expected either a file or inline values")
        return self


Values = tuple[Annotated[ValueSource, BeforeValidator(_file, json_schema_input_type=str | ValueSource)], ...]


class TenantRelease(Model):
    """One Helm release of a tenant: its `name`, its chart, and where its values come from; None: as for all
    of the tenant.

    It is made once those that it comes `after` are healthy. `namespace` is one that exists already, where it
    goes in place of the tenant's; it may have `{tenant}` and `{environment}` in it.
    """

    name: ReleaseName
    chart: ChartReference
    values: Values | None = None
    namespace: NamespaceName | None = None
    after: tuple[ReleaseName, ...] = ()


class TenantFile(Model):
    """The fields of `tenant.yaml`: one `chart`, or several `releases` that move together.

    `release` is the name of the only Helm release, where it is not the tenant's; `namespace` where that is
    not the environment's; `sync` how Argo CD is told to sync it; `per_environment` what of these is another
    in one of them. `values`: where they come from, later ones winning; None: as `fleet.yaml` says.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["chart"]}, {"required": ["releases"]}]}
    )

    chart: ChartReference | None = None
    releases: tuple[TenantRelease, ...] | None = Field(default=None, min_length=1)
    environments: tuple[str, ...] = Field(min_length=1)
    quota: Quota
    owners: tuple[Line, ...] = Field(min_length=1)
    exceptions: tuple[CheckException, ...] = ()
    release: ReleaseName | None = None
    namespace: Namespace | None = None
    sync: Syncing = AS_USUAL
    per_environment: dict[str, Placement] = Field(default_factory=dict[str, Placement])
    values: Values | None = None

    def namespace_in(self, environment: str) -> TenantNamespace:
        """What it says of its namespace in an environment."""
        own = self.per_environment.get(environment, Placement())
        return own.namespace or self.namespace or TenantNamespace()

    def sync_in(self, environment: str) -> Syncing:
        """How it is synced in an environment."""
        own = self.per_environment.get(environment, Placement()).sync
        return self.sync if own is None else own

    @property
    def chart_fields(self) -> tuple[tuple[tuple[str | int, ...], ChartReference], ...]:
        """What it runs, each with the field of the file that says so."""
        if self.chart:
            return ((("chart",), self.chart),)
        return tuple((("releases", at, "chart"), each.chart) for at, each in enumerate(self.releases or ()))

    @property
    def charts(self) -> tuple[ChartReference, ...]:
        """What it runs, in the order of the file."""
        return tuple(chart for _, chart in self.chart_fields)

    def releases_of(self, tenant: str, environment: str) -> tuple[TenantRelease, ...]:
        """The Helm releases of the `tenant` whose file it is, in an environment, as they stand there."""
        if self.releases is not None:
            return self.releases
        own = self.per_environment.get(environment, Placement())
        name = own.release or self.release or tenant
        return tuple(TenantRelease.model_construct(name=name, chart=each) for each in self.charts)


class Tenant(TenantFile):
    """Who runs which charts, in which environments; `name` is that of the folder."""

    name: str

    def releases_in(self, environment: str) -> tuple[TenantRelease, ...]:
        """Its Helm releases in an environment, each behind those that it comes after."""
        named = {each.name: each for each in self.releases_of(self.name, environment)}
        after = {name: each.after for name, each in named.items()}
        return tuple(named[name] for name in (in_order(after) if any(after.values()) else after))


class FleetFile(Model):
    """The fields of `fleet.yaml`.

    `values`: where those of every tenant that names none itself come from; None: as `DEFAULT_VALUES`.

    `egress`: the servers that charts and registries may be read from, as `charts.example.com`,
    `*.example.com` or `registry.example.com:5000`; None: any public one. Those of `repositories` are among
    them. `image_mirrors`: where images are read from in place of where charts say, the first that has one
    counting. `issuers`: the OpenID providers whose ID tokens prove who approves or rejects a change.
    `reviews`: the forge whose reviews approve. `tokens`: the machines that the board lets in.
    `subscriptions`: charts and images whose newer versions are proposed.
    """

    argocd: tuple[ArgoCDInstance, ...] = Field(default=(ArgoCDInstance(name="argocd"),), min_length=1)
    clusters: tuple[Cluster, ...] = Field(min_length=1)
    environments: tuple[Environment, ...] = Field(min_length=1)
    repositories: tuple[ChartRepository, ...] = ()
    egress: tuple[Host, ...] | None = None
    image_mirrors: tuple[ImageMirror, ...] = ()
    values: Values | None = None
    issuers: tuple[Issuer, ...] = ()
    reviews: Reviews | None = None
    tokens: tuple[MachineToken, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    platform: ChartReference
