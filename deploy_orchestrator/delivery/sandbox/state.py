from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydantic
from filelock import FileLock, Timeout

from deploy_orchestrator.delivery.errors import DeliveryError, EngineUnreachable
from deploy_orchestrator.delivery.sandbox.application import SandboxApplication
from deploy_orchestrator.errors import Place
from deploy_orchestrator.storage import write_whole
from deploy_orchestrator.terms import is_label

_LOCK_LIMIT = 30.0


class BrokenState(DeliveryError):
    """A file of state that this version did not write."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """The state of one tenant in one environment, as a file below `folder`."""

    folder: Path
    environment: str
    tenant: str

    def __post_init__(self) -> None:
        check_label(self.environment)
        check_label(self.tenant)

    @property
    def file(self) -> Path:
        return self.folder / self.environment / f"{self.tenant}.json"

    @property
    def version(self) -> tuple[int, int] | None:
        """What is another whenever something was stored; None where nothing was yet."""
        try:
            told = self.file.stat()
        except FileNotFoundError:
            return None
        return told.st_mtime_ns, told.st_ino

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keeps other threads and processes out. The lock of a process that was killed is free.

        Raises:
            EngineUnreachable: they took too long.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.file.with_suffix(".lock"), timeout=_LOCK_LIMIT):
                yield
        except Timeout as error:
            raise EngineUnreachable(
                f"{self.environment}/{self.tenant}: in use by another process for {_LOCK_LIMIT:g} seconds",
                fix="try again",
            ) from error

    def load(self) -> SandboxApplication | None:
        """None where nothing was stored yet.

        Raises:
            BrokenState: the file was written by somebody else.
        """
        try:
            return SandboxApplication.model_validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return None
        except pydantic.ValidationError as error:
            raise BrokenState(
                "the state of the sandbox cannot be read",
                place=Place(str(self.file)),
                fix="remove the file, then sync again",
            ) from error

    def store(self, application: SandboxApplication) -> None:
        data = application.model_dump_json(indent=1).encode()
        write_whole(self.file, data, durable=True, mode=0o644)


def check_label(name: str) -> None:
    if not is_label(name):
        raise DeliveryError(
            f"not a name that a folder may have: {name!r}",
            fix="use lower-case letters, digits and hyphens",
        )
