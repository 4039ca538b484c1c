"""Whether our objects are the original's, release by release."""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final, cast

from deploy_orchestrator import documents
from deploy_orchestrator.adoption.cutting import CUT, secrets_in
from deploy_orchestrator.adoption.errors import NotCompared
from deploy_orchestrator.adoption.found import ChartInGit, ChartPublished, OldRelease, Parameter
from deploy_orchestrator.adoption.parameters import argument
from deploy_orchestrator.charts import assemble
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import ChartReference, Deployment, Fleet
from deploy_orchestrator.manifests import (
    Manifests,
    Object,
    Printed,
    Printout,
    Workspace,
    combined,
    diff,
    tested_after_sync,
    untyped,
)

TRACKING: Final = "argocd.argoproj.io/tracking-id"
_SECONDS: Final = 120
_SAID: Final = 2000
_TELLING: Final = 3
"""Parameters as long as a secret may be are not repeated."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How our objects differ from the original's: `equal` ones are counted, the others named.

    `added` are ours by design, and not counted as equal: tests that become hooks after each sync, and the
    definitions in `crds/`, which Helm keeps no record of.
    """

    equal: int
    differing: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every object of the original is there and equal, and no other is."""
        return not (self.differing or self.missing or self.extra)


def proved(ours: Manifests, original: Manifests) -> Proof:
    """Our objects held against the original's, in canonical form."""
    made = {each.key: each for each in tested_after_sync(original.objects)}
    designed = {key for key, each in made.items() if each != original.by_key[key]}
    added = [key for key in designed if ours.by_key.get(key) == made[key]]
    difference = diff(original, ours)
    defined = [each.key for each in difference.added if _is_in_crds(ours, each)]
    differing = [each for each in difference.changed if each.key not in added]
    return Proof(
        equal=len(original.objects) - len(difference.changed) - len(difference.removed),
        differing=tuple(
            f"{each.key}: {', '.join(field.field for field in each.fields)}" for each in differing
        ),
        missing=tuple(str(each.key) for each in difference.removed),
        extra=tuple(str(each.key) for each in difference.added if each.key not in defined),
        added=tuple(map(str, sorted([*added, *defined]))),
    )


def original_of(old: OldRelease, deployment: Deployment, fleet: Fleet, workspace: Workspace) -> Manifests:
    """The original's objects: those that came with it, or what `helm` on PATH makes of its chart, files and
    parameters, none of them touched. Of the `fleet` only its mirrors count, and which servers may be asked.

    Raises:
        NotCompared: neither is to be had, or Helm fails.
        OrchestratorError: its chart cannot be had, or what came with it, or what Helm prints, is not what
            Kubernetes reads.
    """
    data = old.manifests if old.manifests is not None else _by_helm(old, deployment, fleet, workspace)
    printed = [
        Printed(Place(f"{old.owner}, document {each.index + 1}"), _untracked(body))
        for each in documents.parse_all(data, old.owner)
        if (body := each.value)
    ]
    whole = Printout(old.release, deployment.namespace, tuple(printed))
    found = combined([whole], deployment.environment.custom_kinds)
    return Manifests(each.object for each in found)


def _is_in_crds(ours: Manifests, each: Object) -> bool:
    return each.kind == "CustomResourceDefinition" and "/crds/" in ours.templates[each.key]


def _untracked(body: Any) -> Mapping[str, Any]:
    """An object without what Argo CD writes into it to know it again."""
    fields = cast(dict[str, Any], body) if isinstance(body, dict) else {}
    metadata = fields.get("metadata")
    if not isinstance(metadata, dict):
        return fields
    whole = cast(dict[str, Any], metadata)
    notes = whole.get("annotations")
    if not isinstance(notes, dict) or TRACKING not in notes:
        return fields
    kept = {name: text for name, text in cast(dict[str, Any], notes).items() if name != TRACKING}
    others = {name: value for name, value in whole.items() if name != "annotations"}
    return {**fields, "metadata": {**others, **({"annotations": kept} if kept else {})}}


def _by_helm(old: OldRelease, deployment: Deployment, fleet: Fleet, workspace: Workspace) -> bytes:
    program = which("helm")
    if program is None:
        raise NotCompared(
            "there is no `helm` on PATH to render the original with",
            fix="install it, or give what `argocd app manifests` prints with --manifests",
        )
    values = tuple(_values_of(old))
    with tempfile.TemporaryDirectory(prefix="adopt-") as folder:
        chart = _chart(old, fleet, workspace, Path(folder))
        command = [program, "template", old.release, str(chart), *_options(old, deployment, Path(folder))]
        homes = {f"{of}HOME": folder for of in ("", "HELM_CONFIG_", "HELM_CACHE_", "HELM_DATA_")}
        try:
            done = subprocess.run(command, env=homes, capture_output=True, check=False, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise NotCompared(f"helm took longer than {_SECONDS} seconds") from error
    if done.returncode:
        said = _without_secrets(done.stderr.decode(errors="replace").strip(), values, old.parameters)[-_SAID:]
        raise NotCompared(f"helm does not render the original: {said}", fix="mend it where it is now")
    return done.stdout


def _chart(old: OldRelease, fleet: Fleet, workspace: Workspace, folder: Path) -> Path:
    """The original's chart as its own repository has it, with all that it needs."""
    if isinstance(old.chart, ChartPublished):
        reference = ChartReference(name=old.chart.name, version=old.chart.version, repository=old.chart.url)
        return workspace.charts.published(reference, fleet.mirrors, fleet.egress).path
    for chart in (old.chart, *old.chart.needed):
        for path, data in chart.files.items():
            file = folder / "repository" / chart.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    return assemble(
        folder / "repository" / old.chart.path,
        folder / "chart",
        workspace.repositories(fleet.mirrors, fleet.egress),
        within=folder / "repository",
    )


def _without_secrets(said: str, values: Iterable[Mapping[str, Any]], parameters: Iterable[Parameter]) -> str:
    """What Helm says, which may repeat `values` and `parameters`, with each secret of these cut out."""
    for secret in (secret for each in values for secret in secrets_in(each)):
        said = said.replace(secret, CUT)
    for each in parameters:
        said = said.replace(each.value, CUT) if len(each.value) > _TELLING else said
    return said


def _values_of(old: OldRelease) -> Iterator[Mapping[str, Any]]:
    """All values of the original, which whoever reads them next may repeat.

    Raises:
        NotCompared: some cannot be read.
    """
    for layer in old.layers:
        yield _parsed(layer.text.encode(), layer.whence)
    if isinstance(old.chart, ChartInGit):
        for chart in (old.chart, *old.chart.needed):
            for path, data in chart.files.items():
                if path.rpartition("/")[2] == "values.yaml":
                    yield _parsed(data, path)


def _parsed(data: bytes, path: str) -> Mapping[str, Any]:
    try:
        return untyped.mapping(documents.parse(data, path).value)
    except documents.DocumentError as error:
        # What the parser and Helm say may repeat a secret.
        raise NotCompared(
            "helm does not render the original: its values cannot be read as YAML",
            place=error.place,
            fix="mend the line that is named, where it is now",
        ) from None


def _options(old: OldRelease, deployment: Deployment, folder: Path) -> Iterator[str]:
    yield from ("--namespace", old.namespace, "--include-crds")
    yield from ("--kube-version", f"{deployment.environment.kubernetes}.0")
    for api in deployment.environment.api_versions:
        yield f"--api-versions={api}"
    for number, layer in enumerate(old.layers):
        file = folder / f"{number}.yaml"
        file.write_text(layer.text)
        yield from ("--values", str(file))
    for each in old.parameters:
        yield from ("--set-string" if each.text else "--set", argument(each))
