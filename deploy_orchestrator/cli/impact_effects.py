"""What becomes of deployments in few lines: told once for all to which the same happens."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from deploy_orchestrator.cli.impact_report import Judged
from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import Diff, ObjectKey
from deploy_orchestrator.releases import Plan
from deploy_orchestrator.risk import Verdict

MAX_VALUE = 60
POD = "spec.template.spec."
"""What the fields of pods begin with; left out, as it says nothing."""


@dataclass(frozen=True, slots=True)
class EffectLine:
    """One line: `sign` is `-`, `+` or `~`, `what` the object, or how many are alike, and `how` it changes."""

    sign: str
    what: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what}{f'  {self.how}' if self.how else ''}"


@dataclass(frozen=True, slots=True)
class Concern:
    """A reason why a change is not safe, and what to `do` about it."""

    verdict: Verdict
    saw: str
    do: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to some deployments. Where they are several, names such as `{tenant}` stand for theirs."""

    judged: tuple[Judged, ...]
    changes: tuple[EffectLine, ...]
    concerns: tuple[Concern, ...]


def effects(judged: Iterable[Judged]) -> list[Effect]:
    """What happens to all whom the upgrade changes, in their order, those alike together."""
    groups: defaultdict[tuple[Any, ...], list[Judged]] = defaultdict(list)
    for each in judged:
        if each.preview and each.difference:
            name = _Names(each.concerned.deployment)
            told = tuple(_changes(each.difference, name)), tuple(_concerns(each.preview.plan, name))
            groups[*told, each.is_released, each.is_overtaken].append(each)
    return [_effect(members, *told[:2]) for told, members in groups.items()]


class _Names:
    """Puts what a name stands for in the place of a deployment's own."""

    def __init__(self, deployment: Deployment) -> None:
        words = {
            deployment.namespace: "{namespace}",
            deployment.tenant.name: "{tenant}",
            deployment.environment.name: "{environment}",
        }
        self._words = words
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(map(re.escape, words))})(?![A-Za-z0-9])")

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda found: self._words[found[1]], text)


def _effect(members: list[Judged], changes: tuple[EffectLine, ...], concerns: tuple[Concern, ...]) -> Effect:
    first = members[0]
    if len(members) == 1 and first.preview:
        changes = tuple(_changes(first.difference, str))
        concerns = tuple(_concerns(first.preview.plan, str))
    return Effect(tuple(members), changes, concerns)


def _changes(difference: Diff, name: Callable[[str], str]) -> Iterator[EffectLine]:
    for gone in difference.removed:
        yield EffectLine("-", name(_object(gone.key)))
    for come in difference.added:
        yield EffectLine("+", name(_object(come.key)))
    changed: defaultdict[str, list[ObjectKey]] = defaultdict(list)
    for change in difference.changed:
        for one in change.fields:
            before, after = _sides(one.before, one.after)
            how = f"{_shortened(name(before))} → {_shortened(name(after))}"
            changed[f"{one.field.removeprefix(POD)}: {how}"].append(change.key)
    for how, keys in sorted(changed.items(), key=lambda each: len(each[1]) > 1):
        yield EffectLine("~", name(_object(keys[0])) if len(keys) == 1 else f"{len(keys)} objects", how)


def _concerns(plan: Plan, name: Callable[[str], str]) -> Iterator[Concern]:
    grave = (each for each in plan.reasons if each.severity is not Verdict.SAFE)
    for reason in sorted(grave, key=lambda each: list(Verdict).index(each.severity), reverse=True):
        where = f"{reason.object}: " if reason.object else ""
        yield Concern(reason.severity, name(f"{reason.rule}: {where}{reason.saw}"), reason.do or "")


def _object(key: ObjectKey) -> str:
    return f"{key.kind} {key.name}"


def _sides(before: Any, after: Any) -> tuple[str, str]:
    """Both values as text; of two lists what only one of them holds."""
    if isinstance(before, list) and isinstance(after, list):
        old, new = cast(list[Any], before), cast(list[Any], after)
        gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
        if gone or come:
            return ", ".join(map(_text, gone)) or "none", ", ".join(map(_text, come)) or "none"
    return _text(before), _text(after)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
