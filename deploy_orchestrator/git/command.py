import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy_orchestrator.git.errors import GitError

_REDIRECTING = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_DATE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
_FIXED = {
    "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_GRACE = 2.0
_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "i18n.commitEncoding=UTF-8")


class TimedOut(GitError):
    """Git did not finish within its limit."""


@dataclass(frozen=True, slots=True)
class Output:
    code: int
    output: bytes
    errors: str


def run(
    arguments: Sequence[str],
    *,
    repository: Path | None = None,
    settings: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002
    limit: float,
    interactive: bool = False,
) -> Output:
    """Runs one git command for at most `limit` seconds: with the user's settings, but none of their hooks.

    `interactive` leaves the terminal to it, for the passphrase of a key.

    Raises:
        TimedOut: it and all that it started were ended.
        GitError: git is not installed.
    """
    command = ["git", *(["--git-dir", str(repository)] if repository else [])]
    for setting in (*_SETTINGS, *settings):
        command += ["-c", setting]
    return run_program(
        [*command, *arguments],
        environment=environment,
        input=input,
        limit=limit,
        interactive=interactive,
        name=f"git {arguments[0]}",
        fix="install Git 2.34 or later",
    )


def run_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002
    limit: float,
    interactive: bool = False,
    name: str,
    fix: str,
) -> Output:
    """As `run` for any program, which errors call `name`; `fix` says what to do where it is missing."""
    kept = {each: value for each, value in os.environ.items() if each not in _REDIRECTING}
    try:
        process = subprocess.Popen(
            command,
            env={**kept, **_FIXED, **(environment or {})},
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=not interactive,
        )
    except FileNotFoundError as error:
        raise GitError(f"the command `{command[0]}` is missing", fix=fix) from error
    with process:
        try:
            output, errors = process.communicate(input, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{name} did not finish within {limit:g} seconds") from error
        finally:
            if process.poll() is None:
                _end(process, group=not interactive)
        code = process.wait()
    return Output(code, output, errors.decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes], *, group: bool) -> None:
    """Lets Git take its lock files away before it is ended by force."""
    target = -process.pid if group else process.pid
    os.kill(target, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.kill(target, signal.SIGKILL)
