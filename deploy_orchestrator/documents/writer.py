"""Values as YAML text that Helm, Kubernetes, PyYAML and people read alike."""

from contextlib import suppress
from typing import Any, cast

import yaml

from deploy_orchestrator.documents.blocks import Unlike, dumped
from deploy_orchestrator.documents.scalars import as_json, plain


def dump(value: Any) -> bytes:
    """`value`, of JSON types, as canonical YAML: keys sorted, block style, UTF-8.

    Equal values give equal bytes, and `parse` gives the value back; integers beyond 64 bits keep what a
    double keeps of them.
    """
    if isinstance(value, dict) and value:
        with suppress(Unlike):
            return dumped(cast(dict[str, Any], value), _by_library)
    return _by_library(value)


def _by_library(value: Any) -> bytes:
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=True,
        default_flow_style=False,
        allow_unicode=True,
        encoding="utf-8",
        width=-1,
    )


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None if plain(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]


def _represent_float(dumper: yaml.CSafeDumper, number: float) -> yaml.ScalarNode:
    value = as_json(number)
    if isinstance(value, int):
        return dumper.represent_int(value)
    return yaml.CSafeDumper.represent_float(dumper, value)


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(float, _represent_float)
