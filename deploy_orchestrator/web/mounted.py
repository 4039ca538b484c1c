"""Dagster's own web UI, to be put behind the door. The one file of this room that knows Dagster.

Who may do what there goes by the person whom the door knows: `WorkspaceRequestContext` and its permissions
are Dagster's own seam for it, in a private module; `tests/web/test_mounted.py` holds it.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._core.workspace.permissions import (
    EDITOR_PERMISSIONS,
    LOCATION_SCOPED_PERMISSIONS,
    PermissionResult,
    Permissions,
)
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from deploy_orchestrator.web.people import LAUNCHED_BY, NOBODY, Person, Role, person_of

PREFIX: Final = "/dagster"
OPERATING: Final = frozenset(
    {
        Permissions.LAUNCH_PIPELINE_EXECUTION,
        Permissions.LAUNCH_PIPELINE_REEXECUTION,
        Permissions.TERMINATE_PIPELINE_EXECUTION,
        Permissions.LAUNCH_PARTITION_BACKFILL,
        Permissions.CANCEL_PARTITION_BACKFILL,
    }
)
"""What whoever operates may do in Dagster: start and end runs. They stop no sensor, and report nothing."""


@contextmanager
def dagster_ui(workspace: Path) -> Generator[ASGIApp]:
    """An application that serves the web UI below `PREFIX`, for the instance of `DAGSTER_HOME` and the code
    locations that the file `workspace` names, which run until this ends.
    """
    with (
        DagsterInstance.get() as instance,
        _Workspace(
            instance, WorkspaceFileTarget([str(workspace)]), version=__version__, read_only=False
        ) as context,
    ):
        yield DagsterWebserver(context, PREFIX).create_asgi_app()  # pyright: ignore[reportUnknownMemberType]


class _Workspace(WorkspaceProcessContext):
    def create_request_context(self, source: object | None = None) -> WorkspaceRequestContext:
        return _Request(
            instance=self._instance,
            current_workspace=self.get_current_workspace(),
            process_context=self,
            version=self.version,
            source=source,
            read_only=self._read_only,
        )


class _Request(WorkspaceRequestContext):
    """What somebody asks of Dagster. What has no request of a person behind it may do nothing."""

    @property
    def _person(self) -> Person:
        source: Any = self.source
        return person_of(source.scope) if isinstance(source, HTTPConnection) else NOBODY

    @property
    def permissions(self) -> Mapping[str, PermissionResult]:
        role = self._person.role
        return {each: _result(_may(role, each, given)) for each, given in EDITOR_PERMISSIONS.items()}

    def permissions_for_location(self, *, location_name: str) -> Mapping[str, PermissionResult]:
        return {
            each: result for each, result in self.permissions.items() if each in LOCATION_SCOPED_PERMISSIONS
        }

    def get_viewer_tags(self) -> dict[str, str]:
        return {LAUNCHED_BY: self._person.who} if self._person.signed_in else {}


def _may(role: Role, permission: str, given: bool) -> bool:
    return given and (role is Role.ADMINISTERS or (role is Role.OPERATES and permission in OPERATING))


def _result(enabled: bool) -> PermissionResult:
    return PermissionResult(enabled, None if enabled else "your role here does not allow it")
