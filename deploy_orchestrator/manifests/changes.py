"""One field and one object that differ."""

from dataclasses import dataclass
from typing import Any

from deploy_orchestrator.manifests.fields import NamedPath, dotted
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.objects import Object


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. None stands for absent and for null; secret values are hidden.

    A step of `path` is a field's name, `[identity]` of a keyed list's item, or `[index]` in another list:
    `("spec", "template", "spec", "containers", "[postgres]", "image")`.
    """

    path: NamedPath
    before: Any
    after: Any

    @property
    def field(self) -> str:
        """The path as people write it: `spec.template.spec.containers[postgres].image`."""
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object that stays and differs: `before` and `after` with their secrets, `fields` without."""

    key: ObjectKey
    before: Object
    after: Object
    fields: tuple[FieldChange, ...]
