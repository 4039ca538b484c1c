"""Amounts that are only written in another way."""

from collections.abc import Mapping
from typing import Final

from deploy_orchestrator.manifests import FieldChange, NamedPath, ObjectKey
from deploy_orchestrator.risk.pods import is_known, within, within_container
from deploy_orchestrator.terms import quantity

_AMOUNTS: Final[Mapping[tuple[str, str], NamedPath]] = {
    ("", "LimitRange"): ("spec", "limits"),
    ("", "PersistentVolume"): ("spec", "capacity"),
    ("", "PersistentVolumeClaim"): ("spec", "resources"),
    ("", "ResourceQuota"): ("spec", "hard"),
    ("apps", "StatefulSet"): ("spec", "volumeClaimTemplates", "*", "spec", "resources"),
}
"""Where amounts stand in kinds that are no pods, and mean nothing but how much."""


def is_same_amount(key: ObjectKey, template: NamedPath | None, field: FieldChange) -> bool:
    """Whether a field is an amount of a kind that Kubernetes knows, and the same before and after."""
    if not is_known(key) or not _is_amount(key, template, field.path):
        return False
    before, after = quantity(field.before), quantity(field.after)
    return before is not None and before == after


def _is_amount(key: ObjectKey, template: NamedPath | None, path: NamedPath) -> bool:
    pod = within(path, template) or ()
    asked = within_container(path, template) or pod[1:]
    if len(asked) == 3 and asked[0] == "resources" and asked[1] in {"limits", "requests"}:
        return True
    if pod[:2] == ("spec", "volumes") and pod[-2:] == ("emptyDir", "sizeLimit"):
        return True
    stands = _AMOUNTS.get((key.group, key.kind), ())
    return 0 < len(stands) < len(path) and all(
        wanted in ("*", step) for step, wanted in zip(path, stands, strict=False)
    )
