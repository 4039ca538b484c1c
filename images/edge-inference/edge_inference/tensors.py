"""Tensors as the Open Inference Protocol writes them: as numbers in rows, or as raw bytes.

Numbers and raw bytes are in row-major order, raw ones little-endian without padding; an element of BYTES has
its length before it, in four bytes.
https://github.com/kserve/open-inference-protocol/tree/main/specification/protocol
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from edge_inference.errors import InvalidRequest

Array = NDArray[Any]

DATATYPES: Final[dict[str, "np.dtype[Any]"]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(np.object_),
}
"""How the elements of each datatype are kept; those of BYTES are `bytes`."""

MAX_DIMENSIONS: Final = 32


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a model; -1 in its `shape` stands for any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def misfit(self, tensor: "Tensor") -> str | None:
        """Why a tensor cannot be this one; None where it can."""
        if tensor.datatype != self.datatype:
            return f"{self.name}: expected {self.datatype}, not {tensor.datatype}"
        actual = tensor.array.shape
        fits = len(actual) == len(self.shape) and all(
            wanted in (-1, length) for wanted, length in zip(self.shape, actual, strict=True)
        )
        return None if fits else f"{self.name}: expected the shape {[*self.shape]}, not {[*actual]}"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor by its name in the model."""

    name: str
    datatype: str
    array: Array


def from_elements(name: str, datatype: str, shape: Sequence[int], elements: object) -> Tensor:
    """A tensor of elements, in one list or in lists within lists as the shape has it.

    Raises:
        InvalidRequest: the datatype is none, an element is none of it, or there are more or fewer than the
            shape has.
    """
    kind, size = _kind_of(name, datatype), _size_of(name, shape)
    flat = _flat(name, elements)
    if len(flat) != size:
        raise InvalidRequest(f"{name}: expected {size} elements for the shape {[*shape]}, not {len(flat)}")
    if datatype == "BYTES":
        array = np.empty(size, kind)
        array[:] = [_bytes_of(name, each) for each in flat]
    else:
        array = _numbers(name, datatype, kind, flat)
    return Tensor(name, datatype, array.reshape(shape))


def from_raw(name: str, datatype: str, shape: Sequence[int], data: bytes | memoryview) -> Tensor:
    """A tensor of raw bytes, which are not copied where they need not be.

    Raises:
        InvalidRequest: the datatype is none, or the bytes are more or fewer than the shape takes.
    """
    kind, size = _kind_of(name, datatype), _size_of(name, shape)
    if datatype == "BYTES":
        elements = [*_split(name, memoryview(data), size)]
        array = np.empty(size, kind)
        array[:] = elements
        return Tensor(name, datatype, array.reshape(shape))
    if len(data) != size * kind.itemsize:
        raise InvalidRequest(
            f"{name}: expected {size * kind.itemsize} bytes for the shape {[*shape]}, not {len(data)}"
        )
    if datatype == "BOOL" and not np.isin(np.frombuffer(data, np.uint8), (0, 1)).all():
        raise InvalidRequest(f"{name}: expected bytes of 0 and 1 for BOOL")
    return Tensor(name, datatype, np.frombuffer(data, kind).reshape(shape))


def to_elements(tensor: Tensor) -> list[Any]:
    """Its elements in one list, as JSON can say them; those of BYTES as text.

    Raises:
        InvalidRequest: an element of BYTES is no text in UTF-8, or a number is not finite.
    """
    if tensor.array.dtype.kind == "f" and not np.isfinite(tensor.array).all():
        raise InvalidRequest(f"{tensor.name}: JSON has no NaN or infinity; ask for it as binary data")
    flat = tensor.array.reshape(-1).tolist()
    if tensor.datatype != "BYTES":
        return flat
    try:
        return [each.decode() if isinstance(each, bytes) else str(each) for each in flat]
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{tensor.name}: it is no text; ask for it as binary data") from error


def to_raw(tensor: Tensor) -> bytes:
    """Its raw bytes."""
    if tensor.datatype != "BYTES":
        return np.ascontiguousarray(tensor.array, DATATYPES[tensor.datatype]).tobytes()
    elements = (each if isinstance(each, bytes) else str(each).encode() for each in tensor.array.reshape(-1))
    return b"".join(struct.pack("<I", len(each)) + each for each in elements)


def _kind_of(name: str, datatype: str) -> "np.dtype[Any]":
    if kind := DATATYPES.get(datatype):
        return kind
    raise InvalidRequest(f"{name}: {datatype!r} is no datatype; use one of {', '.join(DATATYPES)}")


def _size_of(name: str, shape: Sequence[int]) -> int:
    if len(shape) > MAX_DIMENSIONS or any(length < 0 for length in shape):
        raise InvalidRequest(f"{name}: expected at most {MAX_DIMENSIONS} dimensions, none below 0")
    return math.prod(shape)


def _flat(name: str, elements: object) -> list[Any]:
    """The elements of lists within lists, all of one depth."""
    flat: list[Any] = cast("list[Any]", elements) if isinstance(elements, list) else [elements]
    for _ in range(MAX_DIMENSIONS):
        kinds = set(map(type, flat))
        if list not in kinds:
            return flat
        if len(kinds) > 1:
            raise InvalidRequest(f"{name}: expected lists or elements beside each other, not both")
        flat = [*chain.from_iterable(flat)]
    raise InvalidRequest(f"{name}: expected lists in at most {MAX_DIMENSIONS} lists")


_TAKEN: Final[dict[str, set[type]]] = {"b": {bool}, "u": {int}, "i": {int}, "f": {int, float}}
"""The types of JSON that elements may have, by the kind of datatype."""


def _numbers(name: str, datatype: str, kind: "np.dtype[Any]", flat: list[Any]) -> Array:
    """Raises InvalidRequest for an element that the datatype cannot hold as it is."""
    if wrong := {*map(type, flat)} - _TAKEN[kind.kind]:
        raise InvalidRequest(f"{name}: expected elements of {datatype}, not of {wrong.pop().__name__}")
    try:
        return np.array(flat, kind)
    except OverflowError as error:
        raise InvalidRequest(f"{name}: an element is no {datatype}: {error}") from error


def _bytes_of(name: str, element: object) -> bytes:
    if isinstance(element, str):
        return element.encode()
    if isinstance(element, bytes):
        return element
    raise InvalidRequest(f"{name}: expected texts for BYTES, not {element!r:.40}")


def _split(name: str, data: memoryview, size: int) -> Iterator[bytes]:
    at = 0
    for _ in range(size):
        if at + 4 > len(data):
            raise InvalidRequest(f"{name}: expected {size} elements of BYTES, each with its length before it")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        if at > len(data):
            raise InvalidRequest(f"{name}: an element of BYTES is longer than what was sent")
        yield bytes(data[at - length : at])
    if at != len(data):
        raise InvalidRequest(f"{name}: {len(data) - at} bytes more than the shape takes")
