"""The arguments and options of the commands on charts, and what they come to."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from deploy_orchestrator import documents
from deploy_orchestrator.charts import Chart, PublishedChart, Repositories, boundary_of, layered
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.registries import ANYWHERE, Egress, Internet, repository_names, told
from deploy_orchestrator.settings import Settings

NONE: Mapping[str, str] = MappingProxyType({})


_EQUALS = re.compile("=")
_PLACE = re.compile(r"(?:https?|oci)://|[./~]")


class BadOption(OrchestratorError):
    """An option that says nothing sensible."""


def _end_of_day(day: datetime | None) -> datetime | None:
    return day.replace(hour=23, minute=59, second=59, tzinfo=UTC) if day else None


Charts = Annotated[
    list[str], typer.Argument(metavar="CHART...", help="A path, NAME[@VERSION], or URL/NAME[@VERSION].")
]
Repository = Annotated[
    list[str] | None,
    typer.Option(metavar="URL=INDEX", help="Read this repository from an index: a file, folder or URL."),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], callback=_end_of_day, help="As if it were the end of that day (UTC)."),
]
Values = Annotated[list[Path] | None, typer.Option(help="Values file; they switch dependencies on and off.")]


def repositories_at(
    given: Iterable[str] | None,
    charts: Iterable[str] = (),
    mirrors: Mapping[str, str] = NONE,
    egress: Egress = ANYWHERE,
) -> Repositories:
    """The chart repositories where `--repository` says, else where `mirrors` say. Raises BadOption.

    Servers that `--repository` or one of `charts` names may be asked whatever `egress` says; without any, so
    may those that the user has added to Helm.
    """
    first = mirrors_in(given)
    own = repository_names().values() if egress is ANYWHERE else ()
    web = Internet(egress.naming(*first, *first.values(), *charts, *own))
    return Repositories({**first, **mirrors, **first}, Settings().home / "cache" / "repositories", web)


def around(chart: Chart | PublishedChart) -> Path | None:
    """How far `file://` may lead from a chart in a folder."""
    return boundary_of(chart.path) if isinstance(chart, Chart) and chart.path else None


def values_in(files: Iterable[Path] | None) -> dict[str, Any] | None:
    """The values of several files as one, None without files. Raises BadOption and DocumentError."""
    return layered(_mapping(path) for path in files) if files else None


def mirrors_in(given: Iterable[str] | None) -> dict[str, str]:
    """Where `--repository` says that repositories are, by their URL. Raises BadOption."""
    mirrors: dict[str, str] = {}
    for text in given or ():
        url, place = _split(text)
        if not (url and place):
            raise BadOption(
                f"--repository {told(text)!r} is not URL=INDEX",
                fix="write for example --repository https://charts.example.com=index.yaml",
            )
        mirrors[url] = place
    return mirrors


def _split(text: str) -> tuple[str, str]:
    """The URL and the place: at the first `=` that is no part of a query."""
    url, _, place = text.partition("=")
    for sign in _EQUALS.finditer(text):
        before, after = text[: sign.start()], text[sign.end() :]
        if "?" not in before or _PLACE.match(after) or Path(after).exists():
            return before, after
    return url, place


def _mapping(path: Path) -> dict[str, Any]:
    try:
        document = documents.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise BadOption(f"{path} cannot be read: {error.strerror}") from error
    if not isinstance(document.value or {}, dict):
        raise BadOption("expected a mapping of values", fix=f"mend {path}")
    return document.value or {}
