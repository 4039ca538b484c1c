"""How Argo CD is told to sync what a tenant has in an environment."""

from typing import Any, Literal, Self

from pydantic import model_validator

from deploy_orchestrator.fleet.base import Model
from deploy_orchestrator.fleet.fields import Line

SyncOption = Literal[
    "ApplyOutOfSyncOnly=true",
    "PrunePropagationPolicy=background",
    "PrunePropagationPolicy=foreground",
    "RespectIgnoreDifferences=true",
    "SkipDryRunOnMissingResource=true",
]
"""Of Argo CD's sync options those that neither make objects anew nor keep them from being checked
(https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/).
"""


class IgnoredDifference(Model):
    """Fields that Argo CD does not compare, as in `spec.ignoreDifferences` of an Application: those of the
    objects of a `group` and `kind`, of all or of the one with this `name` and `namespace`.

    They are named by JSON pointers, by expressions of jq, or by the manager that sets them.
    """

    group: str = ""
    kind: Line
    name: Line | None = None
    namespace: Line | None = None
    json_pointers: tuple[Line, ...] = ()
    jq_path_expressions: tuple[Line, ...] = ()
    managed_fields_managers: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if not (self.json_pointers or self.jq_path_expressions or self.managed_fields_managers):
            raise ValueError("expected jsonPointers, jqPathExpressions or managedFieldsManagers")
        return self

    def __str__(self) -> str:
        fields = [*self.json_pointers, *self.jq_path_expressions]
        fields += [f"what {each} sets" for each in self.managed_fields_managers]
        kind = f"{self.group}/{self.kind}" if self.group else self.kind
        name = "/".join(filter(None, (self.namespace, self.name)))
        return f"{', '.join(fields)} of {f'{kind} {name}' if name else f'every {kind}'}"


class Syncing(Model):
    """Argo CD's `options` for syncs beside those that all have, and the differences that it ignores."""

    options: tuple[SyncOption, ...] = ()
    ignore_differences: tuple[IgnoredDifference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.options or self.ignore_differences)

    def as_json(self) -> dict[str, Any]:
        """Its fields as Argo CD calls them."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


AS_USUAL = Syncing()
