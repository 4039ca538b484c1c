"""Runs ONNX models with ONNX Runtime on the processor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

from edge_inference.errors import ModelFailed, NoModel
from edge_inference.models import Signature
from edge_inference.tensors import Array, TensorSpec

_ort: Any = onnxruntime

_DATATYPES: Final = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}


class OnnxRunner:
    """The model in `file`, on `threads` processors.

    Raises:
        NoModel: it is no ONNX model, or has tensors that the protocol cannot say.
    """

    platform = "onnx"

    def __init__(self, file: Path, threads: int) -> None:
        options = _ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = _ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no class of its own for what it raises.
            raise NoModel(f"{file}: {error}") from error
        inputs = tuple(_spec(file, each) for each in self._session.get_inputs())
        outputs = tuple(_spec(file, each) for each in self._session.get_outputs())
        self.signature = Signature(inputs, outputs, _batches(self._session))
        self._texts = {each.name for each in inputs if each.datatype == "BYTES"}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names = [each.name for each in self.signature.outputs]
        feed = {name: _text(array) if name in self._texts else array for name, array in inputs.items()}
        try:
            return dict(zip(names, self._session.run(names, feed), strict=True))
        except Exception as error:
            raise ModelFailed(str(error)) from error


def _spec(file: Path, node: Any) -> TensorSpec:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    if kind not in _DATATYPES:
        raise NoModel(f"{file}: {node.name} is {node.type}, which the protocol has no datatype for")
    shape = tuple(each if isinstance(each, int) else -1 for each in node.shape)
    return TensorSpec(node.name, _DATATYPES[kind], shape)


def _batches(session: Any) -> bool:
    """Whether the first dimension of each is any length, by one name."""
    firsts = [[*each.shape][:1] for each in (*session.get_inputs(), *session.get_outputs())]
    return all(len(first) == 1 and isinstance(first[0], str) for first in firsts) and (
        len({first[0] for first in firsts}) == 1
    )


def _text(array: Array) -> Array:
    """ONNX Runtime takes texts, not bytes."""
    flat = [each.decode(errors="surrogateescape") for each in array.reshape(-1)]
    texts = array.copy().reshape(-1)
    texts[:] = flat
    return texts.reshape(array.shape)
