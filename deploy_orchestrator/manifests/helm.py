"""Helm itself. The only module that loads it, and a program: charts are rendered in processes of their own.

A worker reads one JSON request a message from the connection that it inherits and answers each with
`{"result": ...}` or `{"failure": ...}`; it ends when the connection does. It imports nothing of this package,
so that it starts fast, and trusts neither chart nor values.
"""

import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, cast

import helm_python

Request = Mapping[str, Any]
Document = tuple[str, int, str]
"""What stands between two separators: the template that printed it, its first line there, and the text."""


MAX_DEPTH: Final = 90
_GRACE_SECONDS: Final = 1

_SEPARATOR = re.compile(r"^---[ \t]*", re.MULTILINE)
_SOURCE = re.compile(r"^---\n# Source: (.*)\n", re.MULTILINE)
_SKIPPED = re.compile(r'"skipping unknown hooks" hookTypes=(.*)')
_YAML_LINE = re.compile(r"yaml: line (\d+): (.*)")
_LONG_NUMBER = re.compile(r"[0-9_]{16}")

_INSTALL_ORDER: Final = (
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)
"""`InstallOrder` in Helm's `pkg/release/v1/util`; kinds that are not in it come last, by name."""


class Failure(Exception):
    """What the parent hears instead of a result. `kind`: chart, values, template, document or engine."""

    def __init__(self, kind: str, message: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.answer = {"kind": kind, "message": message, "file": file, "line": line}


def about(_: Request) -> dict[str, str]:
    """The version of Helm in process, and the Kubernetes version that it takes every cluster to have."""
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder, "probe", "templates")
        templates.mkdir(parents=True)
        (templates.parent / "Chart.yaml").write_text("apiVersion: v2\nname: probe\nversion: 0.0.0\n")
        (templates / "probe.txt").write_text("{{ .Capabilities.KubeVersion.Version }}")
        with helm_python.Chart.load(templates.parent) as chart:
            kubernetes = chart.render({})["probe/templates/probe.txt"]
    return {"helm": helm_python.helm_sdk_version(), "kubernetes": kubernetes}


def template(request: Request) -> dict[str, Any]:
    """The objects that `helm template --include-crds` gives for `request`.

    It names the `chart` folder (dependencies in place), the release `name` and `namespace`, value `layers` of
    `file` and `text` in the order of `-f`, how many `times` to render until another result comes, and
    `binary`: None for Helm in process, or the path of a helm, which is told the `kubernetes` version and
    `apis`. An object with a hook for anything but `hookEvents` is left out.
    """
    try:
        helm_python.validate_release_name(request["name"])
    except helm_python.HelmError as error:
        raise Failure("values", f"{request['name']!r} cannot be a release name: {error.detail}") from error
    values = merged(request["layers"])
    render = _in_process if request["binary"] is None else _by_binary
    first = render(request, values)
    others = (render(request, values) for _ in range(1, request["times"]))
    again = next((other for other in others if other != first), first)
    objects, skipped = _objects(first.documents, request["hookEvents"])
    if request["binary"]:
        objects = [{**each, "line": None} for each in objects]
    return {
        "chart": first.chart,
        "objects": objects,
        "skipped": [
            *skipped,
            *({"hook": hook, "file": None, "line": None, "body": None} for hook in first.skipped),
        ],
        "again": None if again == first else _objects(again.documents, request["hookEvents"])[0],
    }


def lint(request: Request) -> list[dict[str, Any]]:
    """What `helm lint` says of the chart with the request's values, for its `kubernetes` version."""
    report = helm_python.lint(
        request["chart"],
        merged(request["layers"]),
        namespace=request["namespace"],
        kube_version=f"v{request['kubernetes']}.0",
    )
    return cast(list[dict[str, Any]], report["messages"])


def merged(layers: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Value layers merged as by `helm -f a -f b`: a null stays, and deletes the default below it."""
    values: dict[str, Any] = {}
    for layer in layers:
        _refuse_nul("values", layer["text"], layer["file"])
        try:
            values = _merge(values, helm_python.values_from_yaml(layer["text"]))
        except helm_python.HelmError as error:
            found = _YAML_LINE.search(error.detail)
            line, message = (int(found[1]), found[2]) if found else (None, error.detail)
            raise Failure("values", f"not values: {message}", layer["file"], line) from error
    return values


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            result[key] = _merge(cast(dict[str, Any], below), cast(dict[str, Any], value))
        else:
            result[key] = value
    return result


@dataclass(frozen=True)
class _Rendered:
    """What templates printed, and the hook annotations for which Helm left objects out."""

    chart: dict[str, str]
    documents: list[Document]
    skipped: tuple[str, ...] = ()


def _in_process(request: Request, values: dict[str, Any]) -> _Rendered:
    # A render leaves its mark on the chart, whose disabled dependencies are gone then: load it anew for each,
    # and ask it for CRDs only afterwards.
    with helm_python.Chart.load(request["chart"]) as chart:
        about = _about(chart)
        rendered = chart.render(values, name=request["name"], namespace=request["namespace"])
        crds = [each for crd in chart.crds for each in _split(crd["filename"], f"{crd['data']}\n")]
    printed = [
        (file, line, f"{document}\n")
        for file, text in sorted(rendered.items())
        if not file.endswith("NOTES.txt") and not file.rpartition("/")[2].startswith("_")
        for file, line, document in _split(file, text)
    ]
    return _Rendered(about, [*crds, *printed])


def _by_binary(request: Request, values: dict[str, Any]) -> _Rendered:
    with helm_python.Chart.load(request["chart"]) as chart:
        about = _about(chart)
    with tempfile.TemporaryDirectory() as folder:
        values_file = Path(folder, "values.json")
        values_file.write_text(json.dumps(values))
        command = [
            request["binary"],
            "template",
            request["name"],
            request["chart"],
            "--include-crds",
            "--debug",
        ]
        command += ["--values", str(values_file), "--namespace", request["namespace"]]
        command += ["--kube-version", f"{request['kubernetes']}.0"]
        command += [f"--api-versions={api}" for api in request["apis"]]
        homes = {f"{of}HOME": folder for of in ("", "HELM_CONFIG_", "HELM_CACHE_", "HELM_DATA_")}
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            command, env=homes, capture_output=True, check=False, timeout=request["seconds"]
        )
    printed = _by_source(done.stdout.decode(errors="replace"))
    documents = [each for file, text in printed for each in _split(file, text)]
    said = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        return _Rendered(about, documents, tuple(map(_unquoted, _SKIPPED.findall(said))))
    message = said.rpartition("Error: ")[2].strip() or f"helm ended with status {done.returncode}"
    if message.startswith("YAML parse error"):
        _objects(documents, request["hookEvents"])
    raise Failure("values" if "specifications of the schema" in message else "template", message)


def _unquoted(logged: str) -> str:
    """A value of a Go log, which stands in quotes where that is needed to read it."""
    return str(json.loads(logged)) if logged.startswith('"') else logged


def _by_source(stream: str) -> Iterator[tuple[str, str]]:
    """What `helm template` printed, by template: whole where it failed, else a document at a time."""
    _, *parts = _SOURCE.split(stream)
    return zip(parts[::2], parts[1::2], strict=True)


def _about(chart: helm_python.Chart) -> dict[str, str]:
    metadata = chart.metadata
    if metadata.get("type") == "library":
        raise Failure("chart", f"{metadata['name']} is a library chart, which renders nothing by itself")
    return {key: str(metadata.get(key) or "") for key in ("name", "version", "kubeVersion")}


def _objects(
    documents: Iterable[Document], events: Collection[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The objects in `documents`, and those that Helm leaves out for their hook annotation."""
    objects: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    last: tuple[tuple[int, str], dict[str, Any], str] | None = None
    for file, line, document in documents:
        if body := _object(file, line, document):
            entry = {"file": file, "line": line, "body": body}
            hook = _hook(file, line, body) if _is_template(file) else None
            if hook is None:
                objects.append(entry)
                rank = _installed(file, str(body.get("kind", "")))
                last = (rank, entry, document) if last is None or rank >= last[0] else last
            elif {event.strip().lower() for event in hook.split(",")} <= set(events):
                objects.append(entry)
            else:
                skipped.append({"hook": hook, **entry})
    if last:
        _, entry, document = last
        entry["body"] = _object(entry["file"], entry["line"], f"{document.rstrip()}\n")
    return objects, skipped


def _installed(file: str, kind: str) -> tuple[int, str]:
    """Where Helm writes an object that is no hook. It leaves no white space after the last of them."""
    if not _is_template(file):
        return -1, ""
    return (_INSTALL_ORDER.index(kind), "") if kind in _INSTALL_ORDER else (len(_INSTALL_ORDER), kind)


def _is_template(file: str) -> bool:
    """Whether a template prints the file, not the folder `crds/`, where Helm looks for no hooks."""
    return "/templates/" in file


def _split(file: str, text: str) -> Iterator[Document]:
    """Each document in `text` that is not blank, cut as Helm does."""
    start = 0
    for end, after in [*(match.span() for match in _SEPARATOR.finditer(text)), (len(text), len(text))]:
        document = text[start:end].lstrip()
        if document:
            yield file, text.count("\n", 0, end - len(document)) + 1, document
        start = after


def _object(file: str, line: int, document: str) -> dict[str, Any]:
    _refuse_nul("document", document, file)
    if "\ufffd" in document:
        at = line + document.count("\n", 0, document.index("\ufffd"))
        raise Failure("document", "not UTF-8", file, at)
    try:
        body = helm_python.values_from_yaml(document)
        if _LONG_NUMBER.search(document):
            body = _exactly(document, file, line)
    except helm_python.HelmError as error:
        _exactly(document, file, line)
        raise Failure("document", f"not a Kubernetes object: {error.detail}", file, line) from error
    except RecursionError as error:
        raise Failure("document", f"nested deeper than {MAX_DEPTH}", file, line) from error
    if _deeper(body, MAX_DEPTH):
        raise Failure("document", f"nested deeper than {MAX_DEPTH}", file, line)
    return body


def _exactly(document: str, file: str, line: int) -> dict[str, Any]:
    """The document read without Helm, which rounds numbers beyond 2^53 and counts lines as it likes."""
    from deploy_orchestrator import documents

    try:
        value = documents.parse(document.encode(), file).value
    except documents.DocumentError as error:
        below = error.place.line if error.place and error.place.line else 1
        last = document.rstrip().count("\n") + 1
        raise Failure("document", error.what, file, line + min(below, last) - 1) from error
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _deeper(value: Any, depth: int) -> bool:
    level: list[Any] = [value]
    for _ in range(depth):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in cast(Iterable[Any], each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return any(isinstance(each, dict | list) for each in level)


def _hook(file: str, line: int, body: Mapping[str, Any]) -> str | None:
    metadata: Any = body.get("metadata")
    found: Any = cast(dict[str, Any], metadata).get("annotations") if isinstance(metadata, dict) else None
    annotations = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    for name, value in annotations.items():
        if not isinstance(value, str | None):
            raise Failure("document", f"annotation {name} must be a text, found {value!r}", file, line)
    return (annotations["helm.sh/hook"] or "") if "helm.sh/hook" in annotations else None


def _refuse_nul(kind: str, text: str, file: str) -> None:
    if "\0" in text:
        raise Failure(kind, "a NUL character", file, text.count("\n", 0, text.index("\0")) + 1)


_KINDS: Final[Mapping[type[helm_python.HelmError], str]] = {
    helm_python.HelmChartLoadError: "chart",
    helm_python.HelmValuesError: "values",
    helm_python.HelmRenderError: "template",
}

_TASKS: Final = {"about": about, "template": template, "lint": lint}


def answer(request: Request) -> dict[str, Any]:
    """The result of the request's `task`, or why there is none."""
    try:
        return {"result": _TASKS[request["task"]](request)}
    except Failure as failure:
        return {"failure": failure.answer}
    except helm_python.HelmError as error:
        return {"failure": Failure(_KINDS.get(type(error), "engine"), error.detail).answer}


def serve(connection: Connection, megabytes: int, seconds: float) -> None:
    """Answer requests until the other end closes. Passing the bound on memory ends the process, and so does
    passing the bound on time, should nobody be there any more to end it."""
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes * 2**20, megabytes * 2**20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection.send_bytes(b"ready")
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
        connection.send_bytes(json.dumps(answer({**request, "seconds": seconds})).encode())
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3]))
