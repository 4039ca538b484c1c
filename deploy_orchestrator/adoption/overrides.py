"""What Argo CD changes in the source of an Application before Helm sees it.

After `mergeSourceParameters`, `newEnv` and `Env.Envsubst` of Argo CD:
https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git and
https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.checkouts import read_text
from deploy_orchestrator.adoption.errors import NotAdoptable
from deploy_orchestrator.adoption.found import ChartInGit, ChartPublished
from deploy_orchestrator.manifests import untyped

_KEPT: Final = ("chart", "path", "repoURL", "targetRevision")
"""What no file overrides."""

_VARIABLE: Final = re.compile(r"\$(?:\{([^}]*)\}|([*#$@!?0-9-]|[A-Za-z_][A-Za-z0-9_]*))")
_REVISION: Final = "ARGOCD_APP_REVISION"


def overridden(
    source: Mapping[str, Any], chart: ChartInGit | ChartPublished, name: str, namespace: str
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The `source` of the Application `name` in `namespace` with what files in the chart's folder override
    in it, and which files these are.

    Raises:
        NotAdoptable: one cannot be read.
    """
    if isinstance(chart, ChartPublished):
        return source, ()
    merged, files = source, list[str]()
    for whose in ("", f"-{name}", f"-{namespace}_{name}"):
        file = f".argocd-source{whose}.yaml"
        text = read_text(chart.tree, chart.path, file)
        if text is None:
            continue
        try:
            patch = documents.parse(text.encode(), file).value
        except documents.DocumentError as error:
            # What the parser says may repeat a secret.
            raise NotAdoptable(
                f"{file} of its chart cannot be read as YAML",
                place=error.place,
                fix="mend the line that is named",
            ) from None
        merged = untyped.mapping(_merged(merged, patch))
        files.append(file)
    return {**merged, **{field: source[field] for field in _KEPT if field in source}}, tuple(files)


def _merged(before: Any, patch: Any) -> Any:
    """JSON Merge Patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(untyped.mapping(before))
    for field, value in untyped.mapping(patch).items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = _merged(merged.get(field), value)
    return merged


def build_environment(body: Mapping[str, Any]) -> dict[str, str]:
    """The variables of Argo CD's build environment that are the same for each commit, of an Application."""
    spec = untyped.mapping(body.get("spec"))
    source = untyped.mapping(spec.get("source"))
    return {
        "ARGOCD_APP_NAME": untyped.text(untyped.at(body, "metadata", "name")),
        "ARGOCD_APP_NAMESPACE": untyped.text(untyped.at(spec, "destination", "namespace")),
        "ARGOCD_APP_PROJECT_NAME": untyped.text(spec.get("project")),
        "ARGOCD_APP_SOURCE_REPO_URL": untyped.text(source.get("repoURL")),
        "ARGOCD_APP_SOURCE_PATH": untyped.text(source.get("path")),
        "ARGOCD_APP_SOURCE_TARGET_REVISION": untyped.text(source.get("targetRevision")),
    }


def substituted(text: str, variables: Mapping[str, str]) -> str:
    """`text` with variables in place of `$NAME` and `${NAME}`, as Go's `os.Expand`; one that there is not is
    empty, and `$$` is a dollar.

    Raises:
        NotAdoptable: it names the revision, which is another one with each commit.
    """

    def value(found: re.Match[str]) -> str:
        name = found[2] if found[1] is None else found[1]
        if name.startswith(_REVISION):
            raise NotAdoptable(
                f"a parameter or a values file is named by {name}, which changes with each commit",
                fix="write what is live into valuesObject of the Application",
            )
        return "$" if name == "$" else variables.get(name, "")

    return _VARIABLE.sub(value, text)
