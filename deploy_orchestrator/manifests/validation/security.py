"""What pods and containers may do: security contexts and profiles.

After `ValidateSecurityContext` and `validatePodSpecSecurityContext` in
`k8s.io/kubernetes/pkg/apis/core/validation`.
"""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    each,
    found,
    is_absent,
    no_duplicates,
)

_PROFILES: Final = formats.one_of("Localhost", "RuntimeDefault", "Unconfined")


def _profile(given: Fields) -> Iterator[Refusal]:
    local = given.get("localhostProfile")
    if given.get("type") == "Localhost":
        if is_absent(local):
            yield Refusal(("localhostProfile",), "required for the type Localhost, and absent")
    elif local is not None:
        yield Refusal(("localhostProfile",), "may only be set for the type Localhost")


def _local_app_armor(value: str) -> str | None:
    return "must not have white space around it" if value != value.strip() else None


def _privileges(given: Fields) -> Iterator[Refusal]:
    if given.get("allowPrivilegeEscalation") is not False:
        return
    if given.get("privileged"):
        yield Refusal(("allowPrivilegeEscalation",), "may not be false where privileged is true")


SHAPES: Final = {
    "core.v1.AppArmorProfile": Shape(
        required=("type",),
        fields={"type": _PROFILES, "localhostProfile": _local_app_armor},
        rules=(_profile,),
    ),
    "core.v1.SeccompProfile": Shape(
        required=("type",),
        fields={"type": _PROFILES, "localhostProfile": formats.relative_path},
        rules=(_profile,),
    ),
    "core.v1.SecurityContext": Shape(
        fields={
            "runAsUser": formats.identity_number,
            "runAsGroup": formats.identity_number,
            "procMount": formats.one_of("Default", "Unmasked"),
        },
        rules=(_privileges,),
    ),
    "core.v1.PodSecurityContext": Shape(
        fields={
            "fsGroup": formats.identity_number,
            "fsGroupChangePolicy": formats.one_of("Always", "OnRootMismatch"),
            "runAsUser": formats.identity_number,
            "runAsGroup": formats.identity_number,
            "supplementalGroups": each(formats.identity_number),
            "supplementalGroupsPolicy": formats.one_of("Merge", "Strict"),
            "seLinuxChangePolicy": formats.one_of("MountOption", "Recursive"),
        },
        rules=(no_duplicates("sysctls", "name"),),
    ),
    "core.v1.Sysctl": Shape(required=("name",), fields={"name": formats.sysctl_name}),
}


def unmasked(context: Fields) -> Iterator[Refusal]:
    """What is wrong with a container's view of `/proc` where the pod shares the host's users."""
    if context.get("procMount") == "Unmasked":
        yield Refusal(("procMount",), found("needs hostUsers: false", "Unmasked"))
