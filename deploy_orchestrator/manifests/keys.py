"""What tells Kubernetes objects apart."""

import hashlib
import re
from dataclasses import dataclass

_FILE_NAME = re.compile(r"([a-z0-9-]+\.)*[A-Z][A-Za-z0-9]*(\.[a-z0-9-]+)+")
_FILE_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """What makes an object that object. The core group is `""`; `namespace` is None for the cluster's own.

    `str()` is one line whatever a chart called it: what does not print is spelled out.
    """

    group: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        said = f"{self.kind} {where}{self.name}"
        if said.isprintable():
            return said
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in said)

    def __lt__(self, other: "ObjectKey") -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[str, str, str, str]:
        return (self.group, self.kind, self.namespace or "", self.name)

    @property
    def group_kind(self) -> str:
        """The kind with its API group, as `apps/StatefulSet`; the core group is left out."""
        return f"{self.group}/{self.kind}" if self.group else self.kind

    @property
    def file(self) -> str:
        """A file name that says what is inside: `apps.StatefulSet.analytics-dev.postgresql.yaml`.

        A key with characters that are unsafe in a path, or a very long one, gets a readable part and a hash.
        """
        parts = [part for part in self._order if part]
        plain = ".".join(parts)
        if _FILE_NAME.fullmatch(plain) and len(plain) <= _FILE_NAME_LENGTH:
            return f"{plain}.yaml"
        readable = re.sub(r"[^A-Za-z0-9-]+", "-", plain).strip("-")[:80]
        return f"{readable or 'object'}.{hashlib.sha256(repr(self._order).encode()).hexdigest()[:16]}.yaml"
