"""Database migrations, and other work that runs once in a release."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from deploy_orchestrator.manifests import (
    Container,
    FieldChange,
    ImageReference,
    NotAnImage,
    Object,
    hooks,
    untyped,
)
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.defaults import is_filled_in
from deploy_orchestrator.risk.images import TagStep, is_first, repository_of, step, stored_by, version_of
from deploy_orchestrator.risk.metadata import is_inert_annotation, label_of
from deploy_orchestrator.risk.pods import containers_of, image_of, is_gone
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.settings import Setting
from deploy_orchestrator.risk.stores import UNKNOWN, is_beside
from deploy_orchestrator.risk.told import told_to
from deploy_orchestrator.risk.tools import is_tool, tool_in
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_JOB = ("batch", "Job")
_WHAT_RUNS: Final = frozenset({("args",), ("command",), ("image",)})
_SHELLS: Final = frozenset({"ash", "bash", "dash", "sh"})
_STATEMENTS: Final = re.compile(r"\|\||&&|[;|&\n]")
_BEFORE_A_PROGRAM: Final = re.compile(r"!|do|done|else|fi|if|then|until|while|set|-\w+|\w+=\S*|[{}()\[\]]+")
_SUBSTITUTED: Final = re.compile(r"`|\$\(")
_IDLE: Final = frozenset(
    [
        "chgrp",
        "chmod",
        "chown",
        "cp",
        "curl",
        "echo",
        "exit",
        "ln",
        "ls",
        "mkdir",
        "nc",
        "nslookup",
        "pg_isready",
        "ping",
        "printf",
        "sleep",
        "sysctl",
        "test",
        "touch",
        "true",
        "wait",
        "wait-for",
        "wait-for-it",
        "wait-for-it.sh",
        "wget",
    ]
)
"""Programs that an image brings and that migrate nothing, whatever they are told."""


class Migration(Rule):
    id = "migration"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a migration (hook, Job or init container) is new, changed or gone, by its name, image or command; "
        "or the image or command of a container changes that migrates as it starts, by its command"
    )
    why = "It changes the data for good; going back to the release before does not bring the data back."
    do = (
        "Read what it does and how long it takes, make sure of a backup, then approve. Annotate a hook that "
        'cannot be undone with deploy-orchestrator.io/irreversible: "true".'
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if tool := _migrates(each):
                yield Sighting(f"migration ({tool}) is new", each.key, ((),) if _runs_once(each) else ())
        for each in change.removed:
            if (tool := _migrates(each)) and _runs_once(each):
                yield Sighting(f"migration ({tool}) is gone", each.key, ((),))
        for altered in change.altered:
            yield from _altered_migration(altered)


class MayMigrate(FieldRule):
    id = "may-migrate"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "an image is raised to a later minor version where its container is told of a database, by its "
        "variables, arguments or files, the keys of Secrets, or what runs before or beside it, or may be by "
        "variables of a Secret that is not seen, and nothing else in the manifests is seen to migrate that"
    )
    why = (
        "Much software brings its database to its own version when it starts, and the version before may not "
        "be able to use it then."
    )
    do = (
        "Read its release notes for changes of the schema, make sure of a backup, then approve. Where a "
        "hook, a Job or an init container migrates the database, that is judged instead."
    )

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if altered.in_container(field) != ("image",) or _runs_once(altered.after):
            return None
        container = next(
            (each for each in containers_of(altered.after) if each.path == field.path[:-1]), None
        )
        if container is None or container.list != "containers" or stored_by(container, altered.after):
            return None
        try:
            before, after = (ImageReference.parse(untyped.text(each)) for each in (field.before, field.after))
        except NotAnImage:
            return None
        raised = step(before, after) in {TagStep.MINOR, TagStep.PINNED}
        if not raised or step(before, after, UNKNOWN) is not TagStep.MAJOR or is_beside(after.repository):
            return None
        around = _databases_around(container, altered.after, change)
        found = (*_databases(container, altered.after, change), *around)
        told = [each.name or "an argument" for each in found]
        if not told or _is_migrated(container, altered.after, change):
            return None
        return f"{container.name}: {field.before} → {field.after}, told of a database by {min(told)}"


class InitChanged(Rule):
    id = "init-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the image of an init container comes in another version, where that is no sidecar and its command "
        "does not show that it only waits, copies or sets rights"
    )
    why = "It runs to its end before the software starts, as migrations do, and may change data for good."
    do = "Read what it does, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            if _runs_once(altered.after) or _runs_once(altered.before):
                continue
            known = {container.path for container in containers_of(altered.before)}
            unclear = {
                (*container.path, "image")
                for container in containers_of(altered.after)
                if container.list == "initContainers"
                and container.path in known
                and not (_tool_of(container) or _is_idle(container))
            }
            fields = [field for field in altered.fields if field.path in unclear and not _is_rebuilt(field)]
            if fields:
                yield _sighting("what runs before the software starts changes", altered, fields)


class HookChanged(Rule):
    id = "hook-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a hook that is no known migration and no test is new, gone, or changes in more than labels"
    why = "It runs with each release, and what it does cannot be told from outside."
    do = "Read what it does now, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each, word in [
            *((each, "new") for each in change.added),
            *((each, "gone") for each in change.removed),
        ]:
            if _is_plain_hook(each):
                yield Sighting(f"hook for {_events(each)} is {word}", each.key, ((),))
        for altered in change.altered:
            if _is_plain_hook(altered.before) or _is_plain_hook(altered.after):
                fields = list(_work(altered))
                if fields:
                    yield _sighting("hook changes", altered, fields)


class JobRuns(Rule):
    id = "job-runs"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a Job that is no hook and no known migration is new, has another name, or changes after it deleted "
        "itself (ttlSecondsAfterFinished)"
    )
    why = "It runs once as soon as it is applied, and what it does cannot be told from outside."
    do = "Read what it does, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is_plain_job(each):
                yield Sighting("a new Job runs", each.key, ((),))
        for altered in change.altered:
            if altered.renamed and _is_plain_job(altered.after):
                yield _sighting(f"it was {altered.before.name} and runs again", altered, altered.fields)
            elif _is_plain_job(altered.after) and is_gone(altered.before):
                # None of them can be changed in a Job that is still there, harmless or not.
                told = [field for field in altered.defaults if not is_filled_in(altered.template, field)]
                fields = [field for field in (*altered.fields, *told) if altered.in_pod(field) is not None]
                if fields:
                    yield _sighting("it runs again, where it is gone by its TTL", altered, fields)


class HookOrder(Rule):
    id = "hook-order"
    severity = Verdict.NEEDS_APPROVAL
    sees = "hooks or sync waves run in another order than before"
    why = "What one step needs may not be there yet."
    do = "Check that each step still finds what it needs, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        moved = _moved(change)
        if not moved or _order(change, before=True) == _order(change, before=False):
            return
        for altered, field in moved:
            words = f"{field.path[-1]} {field.before or '0'} → {field.after or '0'}"
            yield Sighting(words, altered.key, (field.path,))


class HookOrderKept(Rule):
    id = "hook-order-kept"
    severity = Verdict.SAFE
    sees = "hook weights or sync waves change, and everything still runs in the same order"
    why = "Only the order counts."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        moved = _moved(change)
        if not moved or _order(change, before=True) != _order(change, before=False):
            return
        for altered, field in moved:
            yield Sighting(f"{field.path[-1]} changes, the order stays", altered.key, (field.path,))


class HookRenamed(Rule):
    id = "hook-renamed"
    severity = Verdict.SAFE
    sees = "a hook has another name, as when the name carries a version"
    why = "A hook runs on each release whatever its name. What else changes in it is judged by itself."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            if altered.renamed and hooks.is_hook(altered.after):
                yield Sighting(f"it was {altered.before.name}", altered.key)


class TestChanged(Rule):
    id = "test-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a test (`helm.sh/hook: test`) is new, gone, or changes in more than labels"
    why = "It runs where the release runs, after each sync, and decides whether the release stays."
    do = "Read what it does, and under which account, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each, word in [
            *((each, "new") for each in change.added),
            *((each, "gone") for each in change.removed),
        ]:
            if _is_plain_test(each):
                yield Sighting(f"a test is {word}", each.key, ((),))
        for altered in change.altered:
            if _is_plain_test(altered.before) and _is_plain_test(altered.after):
                fields = list(_work(altered))
                if fields:
                    yield _sighting("a test changes", altered, fields)


def _databases(container: Container, owner: Object, change: Change) -> Iterator[Setting]:
    """What a container is told of databases."""
    return (each for each in told_to(container, owner, change.held) if each.is_database)


def _databases_around(container: Container, owner: Object, change: Change) -> Iterator[Setting]:
    """What stands around the container that an object is for and tells of databases: what is told to those
    that run before it, and what runs beside it, as a proxy or a pooler of connections.
    """
    for each in containers_of(owner) if is_first(container, owner) else ():
        if each.list == "initContainers":
            yield from _databases(each, owner, change)
        elif each.path != container.path:
            beside = Setting(repository_of(image_of(each)), None, "")
            if beside.is_database:
                yield beside


def _where(container: Container, owner: Object, change: Change) -> frozenset[str]:
    """The databases that a container is told of, by their addresses and Secrets: many have one port."""
    return frozenset(
        str(each.after)
        for each in _databases(container, owner, change)
        if each.is_of_secret or (each.is_address and each.after is not None)
    )


def _is_migrated(container: Container, owner: Object, change: Change) -> bool:
    """Whether a step of its own migrates what a container is told of: of its pods, of its software, or told
    of the same.
    """
    steps = [
        (each, owner)
        for each in _migrating(owner)
        if each.list == "initContainers" or each.path == container.path
    ]
    for each in change.after.objects:
        if each.namespace == owner.namespace and _runs_once(each) and _migrates(each):
            steps += [(one, each) for one in containers_of(each)]
    own, where = repository_of(image_of(container)), _where(container, owner, change)
    return any(
        of is owner or repository_of(image_of(one)) == own or not where.isdisjoint(_where(one, of, change))
        for one, of in steps
    )


def _altered_migration(altered: Altered) -> Iterator[Sighting]:
    tool = _migrates(altered.after) or _migrates(altered.before)
    if not tool:
        return
    if _runs_once(altered.after) or _runs_once(altered.before):
        fields = list(_work(altered))
    else:
        steps = {each.path: each.list for each in _migrating(altered.before, altered.after)}
        fields = [
            field
            for field in altered.fields
            if (inner := altered.in_container(field)) is not None
            and (of := steps.get(field.path[: len(field.path) - len(inner)]))
            and (of == "initContainers" or inner[:1] in _WHAT_RUNS)
        ]
    again = altered.renamed and not hooks.is_hook(altered.after)
    if fields or again:
        yield _sighting(
            f"migration ({tool}) changes" if fields else f"migration ({tool}) runs again", altered, fields
        )


def _work(altered: Altered) -> Iterator[FieldChange]:
    """The fields that change what runs: not labels, weights and check sums."""
    for field in altered.fields:
        path = altered.in_pod(field) or field.path
        inert = path[:2] == ("metadata", "annotations") and path[2:3] and is_inert_annotation(path[2])
        if not (label_of(altered, field) or _is_weight(field) or inert):
            yield field


def _migrates(each: Object) -> str | None:
    """The word that tells that an object migrates something."""
    if hooks.is_test(each):
        return next(filter(None, map(_tool_run_by, containers_of(each))), None)
    if _runs_once(each):
        return tool_in(each.name) or next(filter(None, map(_tool_of, containers_of(each))), None)
    return next((_tool_of(container) for container in _migrating(each)), None)


def _migrating(*objects: Object) -> Iterator[Container]:
    """The containers that migrate something before the software starts, or as it starts."""
    for each in objects:
        for container in containers_of(each):
            if _tool_of(container) if container.list == "initContainers" else tool_in(_command(container)):
                yield container


def _tool_of(container: Container) -> str | None:
    image = image_of(container).rpartition("/")[2]
    return tool_in(f"{container.name} {image} {_command(container)}")


def _tool_run_by(test: Container) -> str | None:
    """A test may ask about migrations, as for a page of that name, and runs none."""
    program = image_of(test).rpartition("/")[2].partition(":")[0]
    return next((word.lower() for word in (program, *_command(test).split()) if is_tool(word)), None)


def _command(container: Container) -> str:
    words = [*untyped.items(container.body.get("command")), *untyped.items(container.body.get("args"))]
    return " ".join(map(str, words))


def _is_rebuilt(field: FieldChange) -> bool:
    """Whether an image has the same software in it as before, in the same version."""
    try:
        before, after = (ImageReference.parse(untyped.text(each)) for each in (field.before, field.after))
    except NotAnImage:
        return False
    old, new = version_of(before), version_of(after)
    same = (before.registry, before.repository) == (after.registry, after.repository)
    return same and old is not None and new is not None and old.numbers == new.numbers


def _is_idle(container: Container) -> bool:
    """Whether an init container is a sidecar, or runs nothing but programs that migrate nothing."""
    if container.body.get("restartPolicy") == "Always":
        return True
    words = [str(each) for field in ("command", "args") for each in untyped.items(container.body.get(field))]
    shell = len(words) > 1 and words[0].rpartition("/")[2] in _SHELLS
    scripts = [word for word in words[1:] if not word.startswith("-")] if shell else [" ".join(words)]
    programs = [
        first.rpartition("/")[2]
        for script in scripts
        for line in _STATEMENTS.split(script)
        if (first := next((word for word in line.split() if not _BEFORE_A_PROGRAM.fullmatch(word)), ""))
    ]
    return bool(programs) and _IDLE.issuperset(programs) and not any(map(_SUBSTITUTED.search, scripts))


def _runs_once(each: Object) -> bool:
    return hooks.is_hook(each) or (each.key.group, each.kind) == _JOB


def _is_plain_hook(each: Object) -> bool:
    return hooks.is_hook(each) and not hooks.is_test(each) and not _migrates(each)


def _is_plain_test(each: Object) -> bool:
    return hooks.is_test(each) and not _migrates(each)


def _is_plain_job(each: Object) -> bool:
    return (each.key.group, each.kind) == _JOB and not hooks.is_hook(each) and not _migrates(each)


def _moved(change: Change) -> list[tuple[Altered, FieldChange]]:
    return [(altered, field) for altered in change.altered for field in altered.fields if _is_weight(field)]


def _is_weight(field: FieldChange) -> bool:
    return field.path[:2] == ("metadata", "annotations") and field.path[2:] in {
        (hooks.HELM_WEIGHT,),
        (hooks.ARGO_WAVE,),
    }


def _order(change: Change, *, before: bool) -> list[tuple[str, list[set[str]]]]:
    """The steps of each event: what runs together, in order; of what is there before and after."""
    pairs = [(each.key, each.before if before else each.after) for each in change.altered]
    altered = {key for key, _ in pairs}
    kept = [(each.key, each) for each in change.after.objects if each.key not in altered]
    new = {each.key for each in change.added}
    steps: dict[str, dict[float, set[str]]] = {}
    for key, each in [*pairs, *kept]:
        if key not in new:
            for event in _moments(each):
                steps.setdefault(event, {}).setdefault(_weight(each), set()).add(str(key))
    return [(event, [rank[weight] for weight in sorted(rank)]) for event, rank in sorted(steps.items())]


def _moments(each: Object) -> tuple[str, ...]:
    """What an object is for. That a test runs after a sync too goes without saying."""
    return each.hooks if hooks.is_test(each) else (*each.hooks, *hooks.argo_events(each)) or ("Sync",)


def _weight(each: Object) -> float:
    wave = each.annotations.get(hooks.ARGO_WAVE, each.annotations.get(hooks.HELM_WEIGHT, "0"))
    return float(quantity(wave) or 0)


def _events(each: Object) -> str:
    return ", ".join((*each.hooks, *hooks.argo_events(each)))


def _sighting(saw: str, altered: Altered, fields: Iterable[FieldChange]) -> Sighting:
    listed = list(fields)
    names = ", ".join(field.field for field in listed[:3]) + (" …" if len(listed) > 3 else "")
    return Sighting(f"{saw}: {names}" if listed else saw, altered.key, tuple(field.path for field in listed))


RULES = (
    Migration(),
    MayMigrate(),
    InitChanged(),
    HookChanged(),
    JobRuns(),
    HookOrder(),
    HookOrderKept(),
    HookRenamed(),
    TestChanged(),
)
