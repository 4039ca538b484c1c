"""Dagster's own web UI, to be put behind the door. The one file of this room that knows Dagster."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.types import ASGIApp

PREFIX: Final = "/dagster"


@contextmanager
def dagster_ui(workspace: Path) -> Generator[ASGIApp]:
    """An application that serves the web UI below `PREFIX`, for the instance of `DAGSTER_HOME` and the code
    locations that the file `workspace` names, which run until this ends.
    """
    with (
        DagsterInstance.get() as instance,
        WorkspaceProcessContext(
            instance, WorkspaceFileTarget([str(workspace)]), version=__version__, read_only=False
        ) as context,
    ):
        yield DagsterWebserver(context, PREFIX).create_asgi_app()  # pyright: ignore[reportUnknownMemberType]
