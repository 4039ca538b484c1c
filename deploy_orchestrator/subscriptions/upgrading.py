"""An upgrade of charts as a change of the fleet: the files that it writes, and what it comes to in words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deploy_orchestrator import documents
from deploy_orchestrator.charts import Conflict, Taken, explain, moved
from deploy_orchestrator.errors import Place, Transient
from deploy_orchestrator.fleet import Fleet, load
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.markdown import code
from deploy_orchestrator.terms import FieldPath


class FleetMoved(Transient):
    """Somebody changed what an upgrade would write since it was made."""


def unmoved(changes: Changes, read: Tree, now: Tree) -> Changes:
    """`changes`, which were made of what `read` holds.

    Raises:
        FleetMoved: `now` holds something else where they write.
    """
    for path in changes.writes:
        if now.id(path) != read.id(path):
            raise FleetMoved(f"{path} has changed meanwhile", place=Place(path), fix="look again")
    return changes


def written(taken: Sequence[tuple[Path, Taken]], tree: Tree) -> dict[str, bytes]:
    """The files of the fleet that change when charts are `taken`, each by its folder in charts/: theirs, and
    those of tenants whose constraint does not allow the chart's new version.
    """
    files = {
        f"charts/{folder.name}/{name}": data
        for folder, each in taken
        for name, data in each.rewrite.files.items()
    }
    versions = {folder.name: each.rewrite.after.version for folder, each in taken}
    for path, pins in _pins(load(tree), versions):
        document = documents.parse(tree.read(path), path)
        files[path] = documents.edited(document, pins).encode()
    return files


def proof(taken: Sequence[tuple[Path, Taken]]) -> str:
    """Which versions load before and after, and which conflicts appear, get worse or go, in Markdown."""
    return "\n\n".join(_chart(each) for _, each in taken)


def title_of(taken: Sequence[tuple[Path, Taken]], dependency: str) -> str:
    """The title: what is taken, in which charts."""
    found = {
        version
        for _, each in taken
        for one in each.change.impact.charts
        if one.identity.name == dependency
        for version in one.after
    }
    charts = ", ".join(sorted(folder.name for folder, _ in taken))
    to = f" to {', '.join(sorted(found))}" if found else ""
    return f"Upgrade {dependency}{to} in {charts}"


def _pins(fleet: Fleet, versions: Mapping[str, str]) -> Iterator[tuple[str, dict[FieldPath, str]]]:
    for tenant in fleet.tenants.values():
        pins: dict[FieldPath, str] = {
            (*field, "version"): constraint
            for field, chart in tenant.chart_fields
            if chart.repository is None
            and chart.name in versions
            and (constraint := moved(chart.version, versions[chart.name])) != chart.version
        }
        if pins:
            yield f"tenants/{tenant.name}/tenant.yaml", pins


def _chart(taken: Taken) -> str:
    change = taken.change
    rows = [
        f"- {code(one.identity.name)}: {_versions(one.before)} → {_versions(one.after)}"
        for one in change.impact.charts
        if one.identity != change.after.root.identity
    ]
    title = f"### {code(f'{change.before.root} → {change.after.root}')}"
    return "\n".join([title, "", *rows, *_proof(taken)])


def _versions(versions: Sequence[str]) -> str:
    return code(", ".join(versions) or "none")


def _proof(taken: Taken) -> Iterator[str]:
    impact, analysis = taken.change.impact, taken.change.after
    for word, conflicts in (
        ("appears", impact.appearing),
        ("gets worse", impact.worsening),
        ("is gone", impact.going),
    ):
        for each in conflicts:
            yield f"- a conflict {word}, harm {each.harm}: {code(_why(each))}"
    if not (impact.appearing or impact.worsening):
        read = "the packages that load were read" if analysis.contents else "packages are out of reach"
        yield f"- no conflict appears or gets worse, and nothing goes missing ({read})"


def _why(conflict: Conflict) -> str:
    return f"{conflict.name}: {explain(conflict)}"
