"""Secrets do not stand readable in Git."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.checks.rule import Broken, Rule
from deploy_orchestrator.manifests.objects import Manifests

_ENCRYPTED: Final = ("ENC[", "RU5DW")
"""How values begin that SOPS encrypted, as they are and in base64."""


def _readable(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        if (object_.key.group, object_.kind) != ("", "Secret"):
            continue
        for field in ("data", "stringData"):
            entries = untyped.mapping(object_.body.get(field)).items()
            names = [name for name, value in entries if value and not str(value).startswith(_ENCRYPTED)]
            if names:
                yield Broken(object_.key, f"{field} holds {', '.join(sorted(names))}")


RULES = (
    Rule(
        "plain-secret",
        "error",
        "Manifests are kept in Git for good, where base64 hides nothing.",
        "use an ExternalSecret, a SealedSecret or SOPS, or refer to a Secret made elsewhere",
        _readable,
    ),
)
