"""Read YAML that nobody vouches for: bounded in size, depth and expansion, and able to say where a field stands.

Scalars mean what they mean to Helm and Kubernetes (`sigs.k8s.io/yaml`, which reads with go-yaml 2). That differs
from PyYAML in dates (strings), `1:30` (a string), `1e3` (a number), `0o7` and `y`/`n` (an octal, booleans).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pydantic
import yaml

from deploy_orchestrator.errors import OrchestratorError, Place

Model = TypeVar("Model", bound=pydantic.BaseModel)
FieldPath = tuple[str | int, ...]

MAX_BYTES = 20_000_000
MAX_DEPTH = 200
MAX_NODES = 2_000_000


class DocumentError(OrchestratorError, ValueError):
    """A text that is not YAML, is out of bounds, or does not fit its model."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its `value` as plain JSON types, and the `file` and `text` that it was read from."""

    value: Any
    file: str
    text: str

    def place(self, *field: str | int) -> Place:
        """Where `field` stands in the file; where it is absent, the nearest field above it that is there."""
        node = _compose(self.text)
        for step in field:
            below = _child(node, step)
            if below is None:
                break
            node = below
        return Place(self.file, node.start_mark.line + 1 if node else None, dotted(field) or None)

    def into(self, model: type[Model]) -> Model:
        """The document as a `model`.

        Raises:
            DocumentError: naming the first field that does not fit, its line, and what was expected there.
        """
        try:
            return model.model_validate(self.value)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            given = "" if isinstance(first["input"], dict | list) else f", not {first['input']!r}"
            also = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise DocumentError(
                f"{first['msg'].removeprefix('Value error, ')}{given}{also}",
                place=self.place(*first["loc"]),
                fix=_fix(model, first),
            ) from error

    def duplicates(self) -> tuple[Place, ...]:
        """Every key that stands twice in one mapping; YAML readers silently keep the last."""
        return tuple(_duplicates(_compose(self.text), self.file, ()))


def parse(data: bytes, file: str) -> Document:
    """The only document in `data`, an empty text being `None`. `file` is the name to use in messages.

    Raises:
        DocumentError: not UTF-8, not YAML, more than one document, or out of bounds (`MAX_BYTES`, `MAX_DEPTH`,
            `MAX_NODES` after aliases are expanded).
    """
    documents = parse_all(data, file)
    if len(documents) > 1:
        raise DocumentError("expected one YAML document, found several", place=Place(file))
    return documents[0] if documents else Document(None, file, "")


def parse_all(data: bytes, file: str) -> list[Document]:
    """Every document in `data`, in order; otherwise as `parse`. Places are told for the first document only."""
    if len(data) > MAX_BYTES:
        raise DocumentError(f"larger than {MAX_BYTES:,} bytes", place=Place(file))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 at byte {error.start}", place=Place(file)) from error
    try:
        _check_bounds(text, file)
        return [Document(value, file, text) for value in yaml.load_all(text, Loader=_GoLoader)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(
            f"not YAML: {error.problem or error.context}", place=Place(file, mark.line + 1 if mark else None)
        ) from error
    except yaml.YAMLError as error:
        raise DocumentError(f"not YAML: {error}", place=Place(file)) from error


def dump(value: Any) -> bytes:
    """`value` as YAML in canonical form: keys sorted, block style, UTF-8; equal values give equal bytes."""
    return cast(
        bytes,
        yaml.dump(
            value,
            Dumper=_Dumper,
            sort_keys=True,
            default_flow_style=False,
            allow_unicode=True,
            encoding="utf-8",
            width=110,
        ),
    )


def dotted(field: Iterable[str | int]) -> str:
    """A field path as people write it: `environments[0].policy.soak`."""
    text = ""
    for step in field:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _fix(model: type[pydantic.BaseModel], error: Any) -> str | None:
    if error["type"] == "extra_forbidden":
        return "remove the field or mend its name"
    if error["type"] == "missing":
        return "add the field"
    return None


class _GoLoader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _resolve(tag: str, pattern: str, first: str) -> None:
    compiled = re.compile(pattern)
    for loader in (_GoLoader, _Dumper):
        loader.add_implicit_resolver(tag, compiled, list(first))


_INT = r"[-+]?(?:0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0|[1-9][0-9_]*)$"
_Dumper.yaml_implicit_resolvers = dict(yaml.CSafeDumper.yaml_implicit_resolvers)
_resolve("tag:yaml.org,2002:null", r"(?:~|null|Null|NULL|)$", "~nN")
_GoLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"$"), [""])
_resolve(
    "tag:yaml.org,2002:bool",
    r"(?:y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE)$",
    "yYnNtTfFoO",
)
_resolve("tag:yaml.org,2002:int", _INT, "-+0123456789")
_resolve(
    "tag:yaml.org,2002:float",
    r"[-+]?(?:(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))$|\.(?:nan|NaN|NAN)$",
    "-+0123456789.",
)
_GoLoader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"])


def _construct_bool(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> bool:
    return node.value.lower() in {"y", "yes", "on", "true"}


def _construct_int(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    if re.fullmatch(r"[-+]?0[0-7]+", text):
        return int(text, 8)
    return int(text, 0)


def _construct_timestamp(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return node.value


_GoLoader.add_constructor("tag:yaml.org,2002:bool", _construct_bool)
_GoLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_GoLoader.add_constructor("tag:yaml.org,2002:timestamp", _construct_timestamp)


def _check_bounds(text: str, file: str) -> None:
    depth = 0
    anchors: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    nodes = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise DocumentError(
                    "an alias inside its own anchor", place=Place(file, event.start_mark.line + 1)
                )
            nodes += anchors.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                anchors[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, nodes))
            nodes += 1
            depth = len(open_nodes)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                anchors[anchor] = nodes - before
        if depth > MAX_DEPTH:
            raise DocumentError(
                f"nested deeper than {MAX_DEPTH}", place=Place(file, event.start_mark.line + 1)
            )
        if nodes > MAX_NODES:
            raise DocumentError(
                f"more than {MAX_NODES:,} values once aliases are expanded",
                place=Place(file, event.start_mark.line + 1),
            )


def _compose(text: str) -> yaml.Node | None:
    return next(iter(yaml.compose_all(text, Loader=_GoLoader)), None)


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    return None


def _duplicates(node: yaml.Node | None, file: str, field: FieldPath) -> Iterable[Place]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _duplicates(item, file, (*field, index))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    yield Place(file, key.start_mark.line + 1, dotted((*field, key.value)))
                seen.add(key.value)
                yield from _duplicates(value, file, (*field, key.value))
