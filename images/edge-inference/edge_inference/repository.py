"""Models in a folder: `NAME/VERSION/model.onnx`, where VERSION is a number."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_inference.errors import NoModel
from edge_inference.models import Model
from edge_inference.onnx_runner import OnnxRunner

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


def load(folder: Path, threads: int) -> Iterator[Model]:
    """Every model in `folder` in every version, by name and then the oldest version first.

    Raises:
        NoModel: there is none, or one of them cannot be loaded.
    """
    files = sorted(folder.glob("*/*/model.onnx"), key=lambda each: (each.parent.parent.name, _number(each)))
    if not files:
        raise NoModel(f"{folder} has no NAME/VERSION/model.onnx")
    for file in files:
        name, version = file.parent.parent.name, file.parent.name
        if not _NAME.fullmatch(name):
            raise NoModel(f"{file}: {name!r} is no name of a model; use letters, digits, '.', '_' and '-'")
        yield Model(name, version, OnnxRunner(file, threads))


def _number(file: Path) -> int:
    version = file.parent.name
    if not _VERSION.fullmatch(version):
        raise NoModel(f"{file}: the version {version!r} is no number from 1 on")
    return int(version)
