"""The rules of an environment: what lets a change in. They change under the rules before them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from deploy_orchestrator.fleet.base import Model
from deploy_orchestrator.fleet.fields import NamespaceTemplate, ServerUrl
from deploy_orchestrator.fleet.fleet import Fleet
from deploy_orchestrator.fleet.model import (
    ApprovalRule,
    BreakGlass,
    ImagePolicy,
    Issuer,
    MachineToken,
    PauseRule,
    Policy,
    Reviews,
    RuleOverride,
)
from deploy_orchestrator.fleet.signers import lines, principals
from deploy_orchestrator.terms import Label, Verdict, quantity

_Each = TypeVar("_Each")


class Rules(Model):
    """What lets a change into an environment: its `policy`, whose keys count, where it is, and what must come
    `before` it: of those that come together right before it (`beside` each other), `healthy_in` all or any.

    `signers` are the lines of allowed_signers, without comments, `issuers` the providers whose tokens prove
    decisions, `reviews` is the forge whose reviews approve, `tokens` those of the machines that the board
    lets in, `argocd` the name and the namespace of what deploys there.
    """

    argocd: str
    cluster: str
    server: ServerUrl
    namespace: NamespaceTemplate
    before: tuple[Label, ...] = ()
    beside: tuple[Label, ...] = ()
    healthy_in: Literal["all", "any"] = "all"
    policy: Policy = Policy()
    signers: tuple[str, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    reviews: Reviews | None = None
    tokens: tuple[MachineToken, ...] = ()

    @property
    def allowed_signers(self) -> bytes:
        """Whose keys count, in OpenSSH's format."""
        return "".join(f"{line}\n" for line in self.signers).encode()

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where the environment is."""
        return self.argocd, self.cluster, self.server, self.namespace

    @property
    def order(self) -> tuple[object, ...]:
        """What must come before it."""
        return self.before, self.beside, self.healthy_in

    def only(self, signers: Collection[str]) -> "Rules":
        """The same with those of its keys that are among `signers`."""
        return self.model_copy(update={"signers": tuple(each for each in self.signers if each in signers)})

    def without_past(self, now: datetime) -> "Rules":
        """The same without freezes that are over."""
        left = tuple(each for each in self.policy.freezes if each.end > now)
        return self.model_copy(update={"policy": self.policy.model_copy(update={"freezes": left})})

    @property
    def can_be_changed(self) -> bool:
        """Whether enough approvers who can prove who they are are left to approve others."""
        rule = self.policy.approval
        signing = principals(self.allowed_signers)
        able = (
            each in signing or any(issuer.speaks_for(each) for issuer in self.issuers)
            for each in (rule.approvers if rule else ())
        )
        return rule is None or sum(able) >= rule.required


def rules_of(fleet: Fleet, environment: str) -> Rules:
    """What the fleet wants the rules of an environment to be. Raises FleetError where it has no such one."""
    found = fleet.environment(environment)
    together = found.after or ()
    instance = fleet.argocd_of(environment)
    return Rules(
        argocd=f"{instance.name} in {instance.namespace}",
        cluster=found.cluster,
        server=fleet.cluster(found.cluster).server,
        namespace=found.namespace,
        before=tuple(fleet.passed_before(found)),
        beside=together if len(together) > 1 else (),
        healthy_in=found.healthy_in,
        policy=found.policy,
        signers=lines(fleet.allowed_signers),
        issuers=fleet.issuers,
        reviews=fleet.reviews,
        tokens=fleet.tokens,
    )


def under(fleet: Fleet, rules: Mapping[str, Rules]) -> Fleet:
    """The `fleet` with the policies and the keys of these `rules` in place of its own, by environment."""
    return replace(
        fleet,
        environments=tuple(
            each.model_copy(update={"policy": rules[each.name].policy}) if each.name in rules else each
            for each in fleet.environments
        ),
        keys={name: each.allowed_signers for name, each in rules.items()},
        proving={name: each.issuers for name, each in rules.items()},
        reviewed={name: each.reviews for name, each in rules.items()},
    )


def restricted(old: Rules, new: Rules) -> Rules:
    """What counts of `new` before it is approved under `old`: what it takes away, and nothing that it gives.

    Whoever and whatever passes by the result passes by `old`; a key or an approver passes only where `new`
    has them too. Where something is neither more nor less than before, the old holds.
    """
    before = old if _is_looser(old, new) else new
    policy = _policy(old.policy, new.policy)
    return new.only(frozenset(old.signers)).model_copy(
        update={
            **_placed(old),
            "policy": policy,
            "issuers": tuple(each for each in new.issuers if each in old.issuers),
            "reviews": new.reviews and new.reviews.with_people(old.reviews),
            "tokens": tuple(each for each in new.tokens if each in old.tokens),
            "before": before.before,
            "beside": before.beside,
            "healthy_in": new.healthy_in if old.healthy_in == "any" else "all",
        }
    )


def neighbours(environment: str, rules: Mapping[str, Rules]) -> Mapping[str, Rules]:
    """The rules of those other environments in the cluster of an `environment` that ask for approvals, by
    name: they have a say in what it does to others there. Nobody has, where it has no rules itself.
    """
    own = rules.get(environment)
    return {
        name: each
        for name, each in rules.items()
        if own
        and name != environment
        and each.policy.approval is not None
        and (each.cluster == own.cluster or each.server == own.server)
    }


def differences(old: Rules | None, new: Rules) -> tuple[str, ...]:
    """What is another in `new`, in words; everything where there is no `old`."""
    return tuple(_differences(old, new))


def _placed(rules: Rules) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in ("argocd", "cluster", "server", "namespace")}


def _policy(old: Policy, new: Policy) -> Policy:
    return old.model_copy(
        update={
            "approval": _approval(old.approval, new.approval),
            "pause": _pause(old, new),
            "break_glass": _break_glass(old.break_glass, new.break_glass),
            "soak": max(old.soak, new.soak),
            "removals": min(old.removals, new.removals),
            "freezes": _all(old.freezes, new.freezes),
            "freeze_windows": _all(old.freeze_windows, new.freeze_windows),
            "release_windows": old.release_windows or new.release_windows,
            "waves": old.waves or new.waves,
            "rules": _overrides(old.rules, new.rules),
            "ignore": tuple(each for each in new.ignore if each in old.ignore),
            "checks": _overrides(old.checks, new.checks),
            "registries": new.registries if _only_from(new.registries, old.registries) else old.registries,
            "images": _images(old.images, new.images),
            "cluster_scoped": tuple(each for each in new.cluster_scoped if each in old.cluster_scoped),
            "shared_namespaces": tuple(
                each for each in new.shared_namespaces if each in old.shared_namespaces
            ),
        }
    )


def _all(old: tuple[_Each, ...], new: tuple[_Each, ...]) -> tuple[_Each, ...]:
    return (*new, *(each for each in old if each not in new))


def _approval(old: ApprovalRule | None, new: ApprovalRule | None) -> ApprovalRule | None:
    if old is None or new is None:
        return old or new
    return old.model_copy(
        update={
            "approvers": tuple(each for each in new.approvers if each in old.approvers),
            "required": max(old.required, new.required),
            "self_approval": old.self_approval and new.self_approval,
            "expires": min(old.expires, new.expires),
        }
    )


def _pause(old: Policy, new: Policy) -> PauseRule | None:
    kept = tuple(each for each in new.resumers if each in old.resumers)
    if old.pause is None or new.pause is None or not kept:
        return old.pause
    return old.pause.model_copy(update={"resumers": kept} if new.pause.resumers else {})


def _break_glass(old: BreakGlass | None, new: BreakGlass | None) -> BreakGlass | None:
    people = tuple(each for each in new.people if each in old.people) if old and new else ()
    if old is None or new is None or len(people) < 2:
        return None
    return BreakGlass(people=people, expires=min(old.expires, new.expires))


def _overrides(old: Mapping[str, RuleOverride], new: Mapping[str, RuleOverride]) -> dict[str, RuleOverride]:
    kept = {
        rule: new[rule] if rule in new and _as_grave(new[rule], each) else each
        for rule, each in old.items()
        if rule in new or each.severity is not Verdict.SAFE
    }
    return kept | {
        rule: each for rule, each in new.items() if rule not in old and each.severity is Verdict.BLOCKED
    }


def _as_grave(one: RuleOverride, other: RuleOverride) -> bool:
    return Verdict.worst([one.severity, other.severity]) is one.severity


def _images(old: ImagePolicy | None, new: ImagePolicy | None) -> ImagePolicy | None:
    if old is None or new is None:
        return old or new
    budgets = ("download", "disk", "tenant_download", "tenant_disk")
    wanted = ("by_digest", "non_root", "sbom", "signature")
    ages = [each for each in (old.max_age, new.max_age) if each is not None]
    return old.model_copy(
        update={
            **{name: _least(getattr(old, name), getattr(new, name)) for name in budgets},
            **{name: getattr(old, name) or getattr(new, name) for name in wanted},
            # Those that none is asked for are judged all: to ask for some is to judge fewer.
            "platforms": _all(old.platforms, new.platforms) if old.platforms else (),
            "max_age": min(ages, default=None),
        }
    )


def _least(*budgets: str | None) -> str | None:
    return min(filter(None, budgets), key=lambda each: quantity(each) or 0, default=None)


def _only_from(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    """Whether registries are all among others; none stand for any."""
    if not outer:
        return True
    return bool(inner) and all(
        any(each == other or each.startswith(f"{other}/") for other in outer) for each in inner
    )


def _is_looser(old: Rules, new: Rules) -> bool:
    """Whether what must come before lets in what the `old` would not: any of more is one more way in."""
    awaited, wanted = _awaited(old), _awaited(new)
    more_ways = old.healthy_in == new.healthy_in == "any" and bool(awaited) and not wanted <= awaited
    return more_ways or not awaited <= wanted or not _is_within(old.before, new.before)


def _awaited(rules: Rules) -> frozenset[str]:
    """What comes right before."""
    return frozenset(rules.beside or rules.before[-1:])


def _is_within(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether `others` has `some` in their order."""
    left = iter(others)
    return all(each in left for each in some)


def _differences(old: Rules | None, new: Rules) -> Iterator[str]:
    was, now = (_flat(each) if each else {} for each in (old, new))
    for name in sorted({*was, *now}):
        before, after = was.get(name), now.get(name)
        if isinstance(before or after, list):
            yield from (f"{name}: - {each}" for each in before or () if each not in (after or ()))
            yield from (f"{name}: + {each}" for each in after or () if each not in (before or ()))
        elif before != after:
            yield f"{name}: {_said(before)} → {_said(after)}" if old else f"{name}: {_said(after)}"


def _flat(rules: Rules) -> dict[str, Any]:
    found = rules.model_dump(mode="json", by_alias=True, exclude_none=True)
    policy = found.pop("policy")
    approval = policy.pop("approval", {})
    return {
        **found,
        **{f"policy.{name}": value for name, value in policy.items()},
        **{f"policy.approval.{name}": value for name, value in approval.items()},
    }


def _said(value: Any) -> str:
    return str(value) if value else "none"
