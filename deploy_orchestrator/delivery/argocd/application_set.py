"""One ApplicationSet for the whole fleet: an Application for each release file."""

import json
from collections.abc import Sequence
from typing import Any

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.delivery.argocd.application import OPTIONS
from deploy_orchestrator.fleet import ArgoCDInstance, Environment, Fleet

_RETRY = {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}


def application_set(fleet: Fleet, instance: ArgoCDInstance, deployments: str) -> dict[str, Any]:
    """The ApplicationSet that follows what is released for the environments of one Argo CD, in `releases/` on
    `main` of the repository at the URL `deployments`.

    Each Application is pinned to the commit that its release file names. In environments without an approval
    rule what goes to their own place syncs and heals itself; all else syncs by the orchestrator's operation
    alone, so that a release file that others wrote reaches no other environment. A release file that is gone,
    or a generator that finds nothing, deletes nobody.
    """
    environments = [each for each in fleet.environments if fleet.argocd_of(each.name) == instance]
    metadata = {
        "name": names.application("{{.environment}}", "{{.tenant}}"),
        "labels": names.labels("{{.environment}}", "{{.tenant}}"),
    }
    return names.argo_object(
        "ApplicationSet",
        names.APPLICATION_SET,
        instance.namespace,
        spec={
            "goTemplate": True,
            "goTemplateOptions": ["missingkey=error"],
            "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
            "generators": [
                {
                    "git": {
                        "repoURL": deployments,
                        "revision": "main",
                        "files": [{"path": f"releases/{each.name}/*.yaml"} for each in environments],
                        # Otherwise the generator's own `path` hides the one in the release file.
                        "pathParamPrefix": "file",
                        # The controller writes this into every generator; without it, applying the set
                        # again would take it out each time.
                        "template": {"metadata": {}, "spec": {"destination": {}, "project": ""}},
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
                    "destination": {"server": _server(fleet, environments), "namespace": "{{.namespace}}"},
                    "info": [{"name": "digest", "value": "{{.digest}}"}],
                    "syncPolicy": {"syncOptions": list(OPTIONS), "retry": _RETRY},
                },
            },
            "templatePatch": _own_ways(fleet, environments),
        },
    )


def _server(fleet: Fleet, environments: Sequence[Environment]) -> str:
    # A release says where it goes; one of format 1 names the cluster alone. An unknown cluster gives no
    # server, which is an error of that one Application; `fail` would stop them all.
    clusters = dict.fromkeys(fleet.cluster(each.cluster) for each in environments)
    servers = " ".join(json.dumps(text) for each in clusters for text in (each.name, each.server))
    named = f"{{{{get (dict {servers}) .cluster}}}}"
    return f'{{{{if hasKey . "server"}}}}{{{{.server}}}}{{{{else}}}}{named}{{{{end}}}}'


def _own_ways(fleet: Fleet, environments: Sequence[Environment]) -> str:
    """What one Application has and others have not: automation, and what its release file says of syncs."""
    ours = " ".join(map(_text, OPTIONS))
    told = '{{if hasKey . "sync"}}'
    return (
        f'{{"spec":{{"syncPolicy":{{ {_automation(fleet, environments)}'
        f'"syncOptions":{told}{{{{toJson (concat (list {ours}) .sync.options)}}}}'
        f"{{{{else}}}}{json.dumps(OPTIONS)}{{{{end}}}}}},"
        f'"ignoreDifferences":{told}{{{{toJson .sync.ignoreDifferences}}}}{{{{else}}}}[]{{{{end}}}}}}}}'
    )


def _automation(fleet: Fleet, environments: Sequence[Environment]) -> str:
    free = {each.name: each for each in environments if each.policy.approval is None}
    given = [_at_home(fleet, each, [("namespace", _given(each))]) for each in free.values()]
    chosen = [
        _at_home(
            fleet, free[each.environment.name], [("tenant", _text(each.tenant.name)), ("namespace", own)]
        )
        for each in fleet.deployments()
        if each.environment.name in free and each.namespace != each.environment.namespace_of(each.tenant.name)
        for own in [_text(each.namespace)]
    ]
    policy = json.dumps({"prune": True, "selfHeal": True})
    return f'{{{{if or false {" ".join([*given, *chosen])}}}}}"automated":{policy},{{{{end}}}}'


def _at_home(fleet: Fleet, environment: Environment, place: Sequence[tuple[str, str]]) -> str:
    """Whether a release goes to its own place in its environment, as a condition of Go's templates."""
    about = [("environment", _text(environment.name)), *place, ("cluster", _text(environment.cluster))]
    equal = " ".join(f"(eq .{field} {value})" for field, value in about)
    return f'(and {equal} (eq (get . "server") "" {_text(fleet.cluster(environment.cluster).server)}))'


def _given(environment: Environment) -> str:
    """The namespace that an environment gives to a tenant, in Go's templates."""
    parts = environment.namespace.replace("{environment}", environment.name).split("{tenant}")
    return f"(print {' .tenant '.join(map(_text, parts))})"


def _text(text: str) -> str:
    return json.dumps(text)
