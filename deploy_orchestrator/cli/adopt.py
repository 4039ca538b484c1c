"""`adopt`: take over what somebody else delivers, without touching it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy_orchestrator.adoption import (
    STATES,
    Adoption,
    ChartInGit,
    Checkouts,
    OldRelease,
    Terms,
    api_versions_in,
    custom_kinds_in,
    left,
    objects_in,
    objects_of,
    owners_in,
    read,
    report,
    told,
)
from deploy_orchestrator.adoption import (
    adopt as adopted,
)
from deploy_orchestrator.cli.installation import NotSetUp, described, is_missing, opened, workspace
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import note, plain, progress, say, say_below, show_json
from deploy_orchestrator.cli.shipped import shipped_charts
from deploy_orchestrator.errors import OrchestratorError, instead_of
from deploy_orchestrator.fleet import kubernetes_versions
from deploy_orchestrator.git import Changes, History, Repository, Tree
from deploy_orchestrator.outcomes import Outcome

if TYPE_CHECKING:
    from deploy_orchestrator.delivery import ClusterClient

REPORT = "ADOPTION.md"
LIMIT = timedelta(minutes=15)
"""How long one cluster is read, and how long it is asked."""


class WrongSource(OrchestratorError):
    """An option that names something does not say what, or names it wrongly."""


def adopt(
    context: typer.Context,
    owner: Annotated[str | None, typer.Option(help="The e-mail of who answers for what is adopted.")] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="ENVIRONMENT=PATH",
            help="YAML with Applications, Helm's release Secrets or CustomResourceDefinitions of an "
            "environment: a file or a folder. Again for each.",
        ),
    ] = None,
    clusters: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster",
            metavar="ENVIRONMENT=CONTEXT",
            help="Read the same from the cluster in this context of your kubeconfig, and ask it, by dry "
            "runs, what taking over would change; nothing is written.",
        ),
    ] = None,
    argocd: Annotated[str, typer.Option(help="The namespace of Argo CD in these clusters.")] = "argocd",
    match: Annotated[
        list[str] | None,
        typer.Option(metavar="ENVIRONMENT=GLOB", help="Only those whose names match, in an environment."),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="URL=FOLDER",
            help="A checkout of a repository that Applications name. Again for each.",
        ),
    ] = None,
    charts: Annotated[
        list[str] | None,
        typer.Option(
            "--chart",
            metavar="NAME=FOLDER|URL",
            help="Where a chart of Helm's releases comes from: a folder in Git, or a chart repository.",
        ),
    ] = None,
    manifests: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENVIRONMENT=FOLDER",
            help="What `argocd app manifests NAME` prints, in a file NAME.yaml each, to prove against.",
        ),
    ] = None,
    kubernetes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENVIRONMENT=VERSION",
            help="The cluster's minor version, such as dev=1.34; otherwise what the cluster says.",
        ),
    ] = None,
    expires: Annotated[
        int, typer.Option(min=1, max=730, help="After how many days exceptions for what stands now end.")
    ] = 90,
    write: Annotated[bool, typer.Option("--write", help="Push the branch; without it, only tell.")] = False,
    branch: Annotated[str, typer.Option(help="The branch of the fleet repository to write.")] = "adopt",
    status: Annotated[
        bool, typer.Option("--status", help="Tell what is left of what was adopted, and write nothing.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Write a fleet that gives what somebody else delivers now, and prove it release by release.

    Reads Argo CD's Applications and Helm's releases. Environments are in the order in which they are named.
    Secrets are cut out before anything is written. Nothing is changed in a cluster. A second run changes
    nothing that people have edited.

    With --status it tells instead what is left: what is not released yet, secrets that were cut out,
    exceptions, and what has no counterpart. It exits with 1 while anything is.
    """
    if status:
        _tell_what_is_left(context, clusters or (), argocd, output)
        return
    if owner is None:
        raise WrongSource("nobody answers for what is adopted", fix="name them: --owner somebody@example.com")
    settings = described()
    if is_missing(settings, "fleet"):
        raise NotSetUp(
            "there is no fleet repository to adopt into",
            fix="make an empty one and name it: `git init --bare fleet.git`, then `export "
            "DEPLOY_ORCHESTRATOR_FLEET=$PWD/fleet.git`; or the URL of one on your forge",
        )
    clock = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = _objects(files or (), clusters or (), argocd)
    if not found:
        raise WrongSource("nothing says what runs", fix="name it: --from ENVIRONMENT=PATH")
    versions = _pairs("--kubernetes", kubernetes or (), found)
    asked = {name: _cluster(where) for name, where in _contexts(clusters or ()).items()}
    for version in versions.values():
        if version not in kubernetes_versions():
            raise WrongSource(
                f"--kubernetes: {version!r} is not known", fix=instead_of(version, kubernetes_versions())
            )
    terms = Terms(
        environments=tuple(found),
        kubernetes={each: versions.get(each) or _version(each, asked.get(each)) for each in found},
        owner=owner,
        expires=clock + timedelta(days=expires),
        custom_kinds={name: custom_kinds_in(objects) for name, objects in found.items()},
        api_versions={name: api_versions_in(objects) for name, objects in found.items()},
    )
    releases = list(
        _releases(
            found,
            Checkouts({url: Path(folder) for url, folder in _split("--source", sources or ())}),
            {name: _chart(where) for name, where in _split("--chart", charts or ())},
            {name: Path(each) for name, each in _pairs("--manifests", manifests or (), found).items()},
            _pairs("--match", match or (), found),
        )
    )
    repository = Repository.clone(settings.fleet, settings.home / "clones" / "fleet")
    results: list[Adoption] = []

    def update(tree: Tree) -> Changes:
        with progress("adopting", len(releases)) as done:
            results.append(adopted(releases, terms, shipped_charts(), tree, workspace(context), done, asked))
        return _changes(results[-1])

    if write:
        repository.write(branch, update, onto="main")
    else:
        update(repository.branch("main" if repository.head(branch) is None else branch))
    result = results[-1]
    _show(result, branch if write else None, output)
    if any(_is_open(each.state) for each in result.outcomes) or result.refused:
        raise typer.Exit(1)


def _is_open(state: str) -> bool:
    return state != STATES[0]


def _changes(result: Adoption) -> Changes:
    changes, text = result.changes, report(result)
    return Changes(changes.message, {**changes.writes, REPORT: text.encode()}, changes.deletes)


def _objects(files: Sequence[str], clusters: Sequence[str], argocd: str) -> dict[str, list[Any]]:
    """All objects that were read, by environment and in the order of the options."""
    found: dict[str, list[Any]] = {}
    for name, path in _split("--from", files):
        found.setdefault(name, []).extend(objects_in(Path(path)))
    for name, where in _contexts(clusters).items():
        with progress(f"reading {where}"):
            found.setdefault(name, []).extend(objects_of(_cluster(where), argocd))
    return found


def _contexts(clusters: Sequence[str]) -> dict[str, str]:
    """The context of each environment; a dry run in another one would prove nothing."""
    found: dict[str, str] = {}
    for name, where in _split("--cluster", clusters):
        if found.setdefault(name, where) != where:
            raise WrongSource(f"--cluster: {name} is in two contexts", fix="give each an environment")
    return found


def _version(environment: str, cluster: "ClusterClient | None") -> str:
    """The minor version that its cluster says, or the newest that is known; told where it is not the
    cluster's.
    """
    known = kubernetes_versions()
    said = cluster.kubernetes if cluster else None
    if said in known:
        return said
    why = f", for nothing is known of {said}, which its cluster has" if said else ""
    note(f"{environment} is taken to have Kubernetes {known[-1]}{why}; --kubernetes says otherwise")
    return known[-1]


def _cluster(context: str) -> "ClusterClient":
    from deploy_orchestrator.delivery import ClusterClient

    return ClusterClient(None, context, LIMIT, "deploy-orchestrator-adopt", commands=True)


def _tell_what_is_left(context: typer.Context, clusters: Sequence[str], argocd: str, output: Format) -> None:
    orchestrator = opened(context)
    fleet = orchestrator.fleet()
    for name in _contexts(clusters):
        fleet.environment(name)
    live = {name: owners_in(objects) for name, objects in _objects((), clusters, argocd).items()}
    each, of_all = left(fleet, orchestrator.deployments, live)
    open_ = [one for one in each if one.lines]
    if output is Format.JSON:
        show_json({"left": [asdict(one) for one in open_], "of_all": of_all, "of": len(each)})
    else:
        for one in open_:
            say(plain(f"{one.environment}/{one.tenant or '?'}", "bold"), f"  {one.owner}")
            say_below(("", line) for line in one.lines)
        for line in of_all:
            say(line)
        say(f"{len(each) - len(open_)} of {len(each)} are done")
    if open_ or of_all:
        raise typer.Exit(1)


def _releases(
    found: Mapping[str, Sequence[Any]],
    checkouts: Checkouts,
    charts: Mapping[str, ChartInGit | str],
    manifests: Mapping[str, Path],
    match: Mapping[str, str],
) -> Iterator[tuple[str, Outcome[OldRelease]]]:
    for name, objects in found.items():
        yield from read(name, objects, checkouts, charts, manifests.get(name), match.get(name, "*"))


def _split(option: str, given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for each in given:
        name, equal, value = each.rpartition("=") if option == "--source" else each.partition("=")
        if not (name and equal and value):
            raise WrongSource(f"{option} {each!r} does not say what it is for", fix="write NAME=VALUE")
        yield name, value


def _pairs(option: str, given: Sequence[str], known: Mapping[str, object]) -> dict[str, str]:
    found = dict(_split(option, given))
    for name in found:
        if name not in known:
            raise WrongSource(f"{option}: there is no environment {name!r} here", fix=instead_of(name, known))
    return found


def _chart(where: str) -> ChartInGit | str:
    """Where a chart comes from: a URL, or a folder in a Git working copy as it was last committed."""
    folder = Path(where).absolute()
    if "://" in where:
        return where
    history = History.around(folder)
    if history is None:
        raise WrongSource(f"{where} is in no Git repository", fix="commit it to one, or give a URL")
    root = next(each for each in (folder, *folder.parents) if (each / ".git").exists())
    path = str(folder.relative_to(root))
    return ChartInGit(str(root), "HEAD", path, history.at("HEAD"))


def _show(result: Adoption, branch: str | None, output: Format) -> None:
    if output is Format.JSON:
        show_json(
            {
                "branch": branch,
                "releases": [
                    *(
                        {"release": each.old.key, "state": each.state, "told": list(told(each))}
                        for each in result.outcomes
                    ),
                    *(
                        {"release": owner, "state": STATES[-1], "told": [str(error)]}
                        for owner, error in result.refused
                    ),
                ],
                "decisions": list(result.decisions),
                "edited": list(result.edited),
            }
        )
        return
    for each in result.outcomes:
        say(plain(each.state, "green" if not _is_open(each.state) else "yellow"), f"  {each.old.key}")
        say_below(("", line) for line in told(each))
    for owner, error in result.refused:
        say(plain(STATES[-1], "yellow"), f"  {owner}")
        say_below([("", str(error))])
    say("\nto decide:")
    say_below(("", each) for each in result.decisions)
    for path in result.edited:
        note(f"{path} was edited, and stays as it is")
    say(f"\npushed the branch {branch}" if branch else "\nnothing was written: --write pushes a branch")
