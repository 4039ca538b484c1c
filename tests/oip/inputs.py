"""Inputs that fit any model's metadata, as the protocol writes them."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from edge_inference.protocol import open_inference_pb2 as messages

KINDS: Final = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""How `struct` writes an element of each datatype; all are little-endian."""
FIELDS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


@dataclass(frozen=True)
class Input:
    """One input: its `elements` in row-major order."""

    name: str
    datatype: str
    shape: list[int]
    elements: list[Any]

    @property
    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape, "data": self.elements}

    @property
    def raw(self) -> bytes:
        if self.datatype == "BYTES":
            texts = [each.encode() for each in self.elements]
            return b"".join(struct.pack("<I", len(each)) + each for each in texts)
        return struct.pack(f"<{len(self.elements)}{KINDS[self.datatype]}", *self.elements)

    @property
    def nested(self) -> list[Any]:
        """The elements in lists within lists, as the shape has it."""
        rows = self.elements
        for length in reversed(self.shape[1:]):
            rows = [rows[at : at + length] for at in range(0, len(rows), length)]
        return rows

    @property
    def bare(self) -> messages.ModelInferRequest.InferInputTensor:
        return messages.ModelInferRequest.InferInputTensor(
            name=self.name, datatype=self.datatype, shape=self.shape
        )

    @property
    def with_contents(self) -> messages.ModelInferRequest.InferInputTensor:
        tensor = self.bare
        elements = [each.encode() for each in self.elements] if self.datatype == "BYTES" else self.elements
        getattr(tensor.contents, FIELDS[self.datatype]).extend(elements)
        return tensor


def inputs_for(metadata: dict[str, Any]) -> list[Input]:
    """One input for each that the model takes."""
    return [_input(each) for each in metadata["inputs"]]


def _input(spec: dict[str, Any]) -> Input:
    shape = [1 if length < 0 else length for length in spec["shape"]]
    size = math.prod(shape)
    datatype = spec["datatype"]
    if datatype == "BYTES":
        elements: list[Any] = [f"text {index}" for index in range(size)]
    elif datatype == "BOOL":
        elements = [index % 2 == 0 for index in range(size)]
    elif datatype.startswith("FP"):
        elements = [(index % 8) / 8 for index in range(size)]
    else:
        elements = [index % 100 for index in range(size)]
    return Input(spec["name"], datatype, shape, elements)


def elements_of(datatype: str, raw: bytes) -> list[Any]:
    """The elements in raw bytes; those of BYTES as text."""
    if datatype != "BYTES":
        return [each for (each,) in struct.iter_unpack(f"<{KINDS[datatype]}", raw)]
    found: list[str] = []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return found


def alike(one: list[Any], other: list[Any]) -> bool:
    """Whether they are the same elements, but for how numbers are rounded in batches of another size."""
    ours, theirs = [*flat(one)], [*flat(other)]
    if len(ours) != len(theirs) or any(isinstance(each, str | bytes) for each in ours):
        return ours == theirs
    return all(
        math.isclose(each, its, rel_tol=1e-4, abs_tol=1e-5) for each, its in zip(ours, theirs, strict=True)
    )


def flat(elements: list[Any]) -> Iterator[Any]:
    """The elements of lists within lists, in row-major order."""
    for each in elements:
        if isinstance(each, list):
            yield from flat(each)
        else:
            yield each
