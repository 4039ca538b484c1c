"""Inputs that fit any model's metadata, as the protocol writes them."""

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from edge_inference.protocol import open_inference_pb2 as messages

KINDS: Final = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
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
        return np.array(self.elements, KINDS[self.datatype]).tobytes()

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
    size = int(np.prod(shape, dtype=np.int64))
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
        return np.frombuffer(raw, KINDS[datatype]).tolist()
    found: list[str] = []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return found


def alike(one: list[Any], other: list[Any]) -> bool:
    """Whether they are the same elements, but for how numbers are rounded in batches of another size."""
    if len(one) != len(other) or any(isinstance(each, str | bytes) for each in one):
        return one == other
    return bool(np.allclose(np.array(one, float), np.array(other, float), rtol=1e-4, atol=1e-5))
