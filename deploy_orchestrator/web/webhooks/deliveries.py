import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Which deliveries came before, kept in a file at `path` and so across restarts.

    A delivery is known by its body, which is what a signature covers: its identifier is a header that
    anybody could change. The last `REMEMBERED` are known.
    """

    path: Path

    def is_new(self, body: bytes) -> bool:
        """Whether `body` was never asked about before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS delivery (number INTEGER PRIMARY KEY, body BLOB UNIQUE)"
            )
            digest = hashlib.sha256(body).digest()
            kept = database.execute("INSERT OR IGNORE INTO delivery (body) VALUES (?)", (digest,))
            database.execute(
                "DELETE FROM delivery WHERE number <= (SELECT max(number) FROM delivery) - ?", (REMEMBERED,)
            )
            return kept.rowcount == 1
