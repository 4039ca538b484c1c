"""An upgrade as a commit on a branch of the fleet, with the verdict on every tenant for reviewers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pydantic

from deploy_orchestrator import documents
from deploy_orchestrator.charts import Conflict, explain, moved
from deploy_orchestrator.cli.chart_options import BadOption
from deploy_orchestrator.cli.plan_comment import MARK, comment
from deploy_orchestrator.cli.taking import Taken
from deploy_orchestrator.fleet import Fleet, differing, load
from deploy_orchestrator.foresight import compare
from deploy_orchestrator.forges import NoForge, forge_of
from deploy_orchestrator.git import Changes, Commit, Repository, Tree
from deploy_orchestrator.manifests import Workspace
from deploy_orchestrator.markdown import code
from deploy_orchestrator.outcomes import failures, values
from deploy_orchestrator.settings import ForgeSettings

MAIN = "main"
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|\.lock(?:/|$)))[A-Za-z0-9][\w./-]{0,200}(?<![./])", re.ASCII)


def checked_branch(branch: str) -> str:
    """The name of a branch for an upgrade. Raises BadOption for one that cannot be, and for `main`."""
    if branch == MAIN or not _BRANCH.fullmatch(branch):
        raise BadOption(
            f"--branch {branch!r} is no branch for an upgrade", fix="name one such as upgrade/redis"
        )
    return branch


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
    for path, version in _pins(load(tree), versions):
        document = documents.parse(tree.read(path), path)
        files[path] = documents.edited(document, {("chart", "version"): version}).encode()
    return files


def commit(repository: Repository, branch: str, title: str, files: Mapping[str, bytes]) -> Commit | None:
    """One commit of `files` on `branch`, which begins at main where it is new; None where it has them.

    Raises:
        GitError: as `Repository.write`.
    """
    return repository.write(branch, lambda _: Changes(title, files), onto=MAIN)


def described(
    title: str,
    taken: Sequence[tuple[Path, Taken]],
    tree: Tree,
    files: Mapping[str, bytes],
    workspace: Workspace,
) -> str:
    """What the upgrade does, in Markdown: versions, conflicts with their proof, the plan for every tenant."""
    before, after = load(tree), load(tree.changed(Changes(title, files)))
    wanted = differing(before, after)
    outcomes = list(compare(before, after, wanted, workspace))
    broken = [(name, error) for name, error in after.broken.items() if name not in before.broken]
    plan = comment(
        [each for each in values(outcome for _, outcome in outcomes) if each],
        [*broken, *failures(outcomes)],
        [f"{len(wanted)} of {len(after.deployments())} deployments may change."],
    )
    return "\n\n".join([*(_chart(each) for _, each in taken), plan.removeprefix(MARK).lstrip()])


def pull_request(repository: Repository, branch: str, title: str, text: str) -> str:
    """Open a pull request of `branch`, or bring the open one up to date; where it is.

    Raises:
        NoForge, ForgeError: as `forge_of` and `Forge.propose`; also where the settings are wrong.
        SecretUnreadable: the file with the token cannot be read.
    """
    try:
        settings = ForgeSettings()
    except pydantic.ValidationError as error:
        why = error.errors()[0]["msg"]
        raise NoForge(f"DEPLOY_ORCHESTRATOR_FORGE_… cannot be read: {why}") from error
    forge = forge_of(repository.url, kind=settings.kind, api=settings.api, token=settings.secret())
    found = forge.propose(branch, MAIN, title, text)
    return f"{'opened' if found.new else 'brought up to date'} {found.url}"


def _pins(fleet: Fleet, versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for tenant in fleet.tenants.values():
        chart = tenant.chart
        if chart.repository is None and chart.name in versions:
            constraint = moved(chart.version, versions[chart.name])
            if constraint != chart.version:
                yield f"tenants/{tenant.name}/tenant.yaml", constraint


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
