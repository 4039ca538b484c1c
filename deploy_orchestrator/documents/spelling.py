"""A YAML text by what stands in it, for whom it matters that its readers take it for different things."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import yaml

from deploy_orchestrator.documents.document import parse
from deploy_orchestrator.documents.reader import DocumentError

_NAME: Final = re.compile(r"(?=.*[^\d])[\w-]+")
_TAG: Final = "tag:yaml.org,2002:"
_MAPPING: Final = f"{_TAG}map"
_SEQUENCE: Final = f"{_TAG}seq"
_TEXT: Final = f"{_TAG}str"
_AGREED: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]{0,14})")
_DISPUTED: Final = re.compile(
    r"(?:[-+.~=<\d].*|y|n|yes|no|on|off|true|false|null|)", re.IGNORECASE | re.DOTALL
)
"""Scalars without quotes that all readers of YAML take for the same, and those that some take for no text:
https://yaml.org/spec/1.2.2/#103-core-schema, https://yaml.org/type/.
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A scalar that readers of YAML take for different things: `yes`, `0777`, `1_000`, `1.10`."""

    text: str
    tag: str

    def __str__(self) -> str:
        return self.text


def written(text: str) -> Iterator[tuple[str, Any]]:
    """Every scalar and every empty collection of a YAML text, by its path.

    Raises:
        DocumentError: as `parse`; or it says one key twice, or a tag of its own says how to read something.
    """
    document = parse(text.encode(), "")
    if document.duplicates:
        raise DocumentError("it says one key twice", place=document.duplicates[0])
    compose = cast("Callable[..., yaml.Node | None]", yaml.compose)  # pyright: ignore[reportUnknownMemberType]
    try:
        root = compose(document.text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise DocumentError("expected one YAML document") from error
    return _written(root) if root else iter(())


def under(path: str, key: object) -> str:
    """The path of what stands below a key: no other key, and no list, has the same."""
    quoted = json.dumps(key) if isinstance(key, str) else f"({key})"
    step = key if isinstance(key, str) and _NAME.fullmatch(key) else quoted
    return f"{path}.{step}" if path else step


def _written(node: yaml.Node, path: str = "") -> Iterator[tuple[str, Any]]:
    match node:
        case yaml.MappingNode(tag=tag, value=pairs) if tag == _MAPPING:
            for name, below in pairs:
                yield from _written(below, under(path, _scalar(name)))
            if not pairs:
                yield path, {}
        case yaml.SequenceNode(tag=tag, value=items) if tag == _SEQUENCE:
            for index, below in enumerate(items):
                yield from _written(below, f"{path}[{index}]")
            if not items:
                yield path, []
        case _:
            yield path, _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode) or not node.tag.startswith(_TAG):
        raise DocumentError("a tag says how to read it")
    text, is_text = cast(str, node.value), node.tag == _TEXT
    if is_text and (node.style or not _DISPUTED.fullmatch(text)):
        return text
    return json.loads(text) if not is_text and _AGREED.fullmatch(text) else Written(text, node.tag)
