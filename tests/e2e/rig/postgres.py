"""A PostgreSQL, as a team has one beside its cluster."""

import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rig.processes import Booted, MissingProgram, Process, free_port, listens, unprivileged

USER = DATABASE = "dagster"


class PostgreSQL(Booted):
    """Listens on `address` with one user and one database; a context manager that ends what it started.

    It refuses to run as root, so there it runs as `nobody`.
    """

    def __init__(self, logs: Path, address: str) -> None:
        self.address = address
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._logs = logs
        self._user = unprivileged()

    @property
    def url(self) -> str:
        """As SQLAlchemy wants it."""
        return f"postgresql+psycopg2://{USER}:{self.password}@{self.address}:{self.port}/{DATABASE}"

    def _boot(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-postgres-")))
        password = folder / "password"
        password.write_text(self.password)
        if self._user:
            for path in (folder, password):
                shutil.chown(path, self._user)
        data = folder / "data"
        made = (
            f"--pgdata={data}",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--no-sync",
        )
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"}
        self._once("initdb", *made, environment=environment, folder=folder)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        process = Process(
            "postgres",
            [
                *(
                    _program("postgres"),
                    "-D",
                    str(data),
                    "-h",
                    self.address,
                    "-p",
                    str(self.port),
                    "-k",
                    str(folder),
                ),
                *("-c", "fsync=off"),
            ],
            log=self._logs / "postgres.log",
            environment=environment,
            ready=listens(self.port, self.address),
            user=self._user,
        )
        stack.callback(process.stop)
        process.start()
        environment["PGPASSWORD"] = self.password
        where = ("-h", self.address, "-p", str(self.port), "-U", USER)
        self._once(
            "createdb", *where, "--maintenance-db=postgres", DATABASE, environment=environment, folder=folder
        )

    def _once(self, name: str, *arguments: str, environment: dict[str, str], folder: Path) -> None:
        ran = subprocess.run(
            [_program(name), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=folder,
            user=self._user,
            extra_groups=[] if self._user else None,
        )
        if ran.returncode:
            raise RuntimeError(f"{name}: {ran.stderr.strip()}")


def _program(name: str) -> str:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    if found := shutil.which(name):
        return found
    raise MissingProgram(f"{name} is not installed: `apt-get install postgresql`, or your system's package")
