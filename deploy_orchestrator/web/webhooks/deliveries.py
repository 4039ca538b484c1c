import hashlib
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_orchestrator.web.webhooks.errors import WebhookError

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Which deliveries were acted on, kept in a file at `path` and so across restarts.

    A delivery is known by its body, which is what a signature covers: its identifier is a header that
    anybody could change. The last `REMEMBERED` are known. Methods raise WebhookError where the file cannot
    be read or written.
    """

    path: Path

    def knows(self, body: bytes) -> bool:
        """Whether `body` was acted on before."""
        with self._opened() as database:
            found = database.execute("SELECT 1 FROM delivery WHERE body = ?", (_digest(body),))
            return found.fetchone() is not None

    def remember(self, body: bytes) -> None:
        """`body` was acted on, and is not to be again."""
        with self._opened() as database:
            database.execute("INSERT OR IGNORE INTO delivery (body) VALUES (?)", (_digest(body),))
            database.execute(
                "DELETE FROM delivery WHERE number <= (SELECT max(number) FROM delivery) - ?", (REMEMBERED,)
            )

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path)) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS delivery (number INTEGER PRIMARY KEY, body BLOB UNIQUE)"
                )
                yield database
        except (sqlite3.Error, OSError) as error:
            raise WebhookError(f"{self.path}: what was delivered cannot be kept there: {error}") from error


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
