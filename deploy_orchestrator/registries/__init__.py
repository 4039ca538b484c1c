"""Speak to chart repositories, OCI registries and web servers: logins, certificates, bounds."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.registries.credentials import Login, login
    from deploy_orchestrator.registries.egress import ANYWHERE, Egress
    from deploy_orchestrator.registries.errors import (
        AnswerTooLarge,
        DigestMismatch,
        EgressRefused,
        LoginsUnreadable,
        NoAnswer,
        RepositoryError,
        RepositoryUnreachable,
    )
    from deploy_orchestrator.registries.helm_repositories import (
        Access,
        access,
        access_in,
        repository_names,
    )
    from deploy_orchestrator.registries.location import normalized, scheme, told
    from deploy_orchestrator.registries.registry import (
        CREATED,
        MANIFEST,
        MAX_ANSWER_BYTES,
        Blob,
        Manifest,
        Registry,
        decoded,
    )
    from deploy_orchestrator.registries.web import Answer, Internet, Offline, Tls, Web
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "ANYWHERE",
    "CREATED",
    "MANIFEST",
    "MAX_ANSWER_BYTES",
    "Access",
    "Answer",
    "AnswerTooLarge",
    "Blob",
    "DigestMismatch",
    "Egress",
    "EgressRefused",
    "Internet",
    "Login",
    "LoginsUnreadable",
    "Manifest",
    "NoAnswer",
    "Offline",
    "Registry",
    "RepositoryError",
    "RepositoryUnreachable",
    "Tls",
    "Web",
    "access",
    "access_in",
    "decoded",
    "login",
    "normalized",
    "repository_names",
    "scheme",
    "told",
]
