"""One ApplicationSet for the whole fleet: an Application for each release file."""

import json
from typing import Any

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.fleet import Fleet

_RETRY = {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}
_OPTIONS = ["ServerSideApply=true", "PruneLast=true", "FailOnSharedResource=true"]


def application_set(fleet: Fleet, deployments: str) -> dict[str, Any]:
    """The ApplicationSet that follows `releases/` on `main` of the repository at the URL `deployments`.

    Each Application is pinned to the commit that its release file names. Environments without an approval
    rule sync and heal themselves; the others sync by the orchestrator's operation alone. A release file that
    is gone, or a generator that finds nothing, deletes nobody.
    """
    metadata = {
        "name": names.application("{{.environment}}", "{{.tenant}}"),
        "labels": names.labels("{{.environment}}", "{{.tenant}}"),
    }
    return names.argo_object(
        "ApplicationSet",
        names.APPLICATION_SET,
        spec={
            "goTemplate": True,
            "goTemplateOptions": ["missingkey=error"],
            "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
            "generators": [
                {
                    "git": {
                        "repoURL": deployments,
                        "revision": "main",
                        "files": [{"path": "releases/*/*.yaml"}],
                        # Otherwise the generator's own `path` hides the one in the release file.
                        "pathParamPrefix": "file",
                    }
                }
            ],
            "template": {
                "metadata": metadata,
                "spec": {
                    "project": "{{.tenant}}",
                    "source": {
                        "repoURL": deployments,
                        "targetRevision": "{{.revision}}",
                        "path": "{{.path}}",
                    },
                    "destination": {"server": _server(fleet), "namespace": "{{.namespace}}"},
                    "info": [{"name": "digest", "value": "{{.digest}}"}],
                    "syncPolicy": {"syncOptions": _OPTIONS, "retry": _RETRY},
                },
            },
            "templatePatch": _automation(fleet),
        },
    )


def _server(fleet: Fleet) -> str:
    # An unknown cluster gives no server, which is an error of that one Application; `fail` would stop them
    # all.
    servers = " ".join(json.dumps(text) for each in fleet.clusters for text in (each.name, each.server))
    return f"{{{{get (dict {servers}) .cluster}}}}"


def _automation(fleet: Fleet) -> str:
    automated = " ".join(json.dumps(each.name) for each in fleet.environments if each.policy.approval is None)
    policy = json.dumps({"spec": {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}})
    return f"{{{{if has .environment (list {automated})}}}}{policy}{{{{end}}}}"
