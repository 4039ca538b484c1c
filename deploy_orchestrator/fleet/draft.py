"""A tree of the fleet repository with edits that nobody has committed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from deploy_orchestrator import documents
from deploy_orchestrator.charts import Constraint, ConstraintError
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet.layout import LAYER_PREFIX
from deploy_orchestrator.fleet.reading import read_document
from deploy_orchestrator.git import Changes, Tree
from deploy_orchestrator.terms import FieldPath


@dataclass(frozen=True, slots=True)
class Edit:
    """What has to be written for an upgrade: at `place`, `after` in the place of `before`."""

    place: Place
    before: str
    after: str


class Draft:
    """Edits on top of `tree`; `edits` are those that a person would have to make."""

    def __init__(self, tree: Tree) -> None:
        self.edits: list[Edit] = []
        self._before = tree
        self._values: dict[str, Any] = {}
        self._writes: dict[str, bytes] = {}
        self._deletes: list[str] = []

    @property
    def tree(self) -> Tree:
        """The tree with all edits."""
        dumped = {file: documents.dump(value) for file, value in self._values.items()}
        return self._before.changed(Changes("", {**self._writes, **dumped}, self._deletes))

    def value(self, file: str) -> Any:
        """What the YAML `file` says."""
        return self._values[file] if file in self._values else read_document(self._before, file, "").value

    def set(self, file: str, field: FieldPath, value: object) -> None:
        """Let the `field` of a YAML `file` be another; nobody has to do it by hand. None takes it away."""
        self._values[file] = _with(self.value(file), field, value)

    def upgrade(self, file: str, field: FieldPath, version: str) -> None:
        """Let the constraint in a field be exactly `version`: an edit where it does not allow that."""
        before = str(_at(self.value(file), field) or "")
        if not _allows(before, version):
            self.edits.append(Edit(read_document(self._before, file, "").place(*field), before, version))
        self.set(file, field, version)

    def lock(self, file: str, name: str, version: str) -> None:
        """Let a lock, where it is there, hold the chart `name` in exactly `version`."""
        if not self._before.exists(file):
            return
        for index, locked in enumerate(self.value(file).get("dependencies") or ()):
            if locked.get("name") == name and locked.get("version") != version:
                field = ("dependencies", index, "version")
                place = read_document(self._before, file, "").place(*field)
                self.edits.append(Edit(place, str(locked.get("version")), version))
                self.set(file, field, version)

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Let a chart's folder hold these files; value layers of the fleet that lie beside its own stay."""
        there = self._before.names(folder)
        self._deletes += [f"{folder}/{name}" for name in there if not name.startswith(LAYER_PREFIX)]
        self._writes |= {f"{folder}/{file}": data for file, data in files.items()}


def _allows(constraint: str, version: str) -> bool:
    try:
        return Constraint.parse(constraint).allows(version)
    except ConstraintError:
        return False


def _at(value: Any, field: FieldPath) -> Any:
    for step in field:
        value = value[step] if isinstance(step, int) else value.get(step)
    return value


def _with(value: Any, field: FieldPath, new: object) -> Any:
    if not field:
        return new
    step, *below = field
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_with(each, tuple(below), new) if at == step else each for at, each in enumerate(items)]
    changed = {**value, step: _with(value.get(step), tuple(below), new)}
    return {key: each for key, each in changed.items() if each is not None}
