"""Models of a few nodes, and servers of them in processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import onnx
import pytest
from onnx import TensorProto, helper

EVERY = {
    "bool": TensorProto.BOOL,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "fp32": TensorProto.FLOAT,
    "fp64": TensorProto.DOUBLE,
    "text": TensorProto.STRING,
}
Shape = Sequence[str | int]


def write(
    file: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, Shape]],
    outputs: dict[str, tuple[int, Shape]],
) -> None:
    """A model of these nodes."""
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)]), file)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`every`: gives back tensors of every datatype, in two versions. `sum`: adds two of FP32, row by row.
    `half`: takes and gives FP16. `product`: of two matrices, which fails where they do not fit.
    """
    folder = tmp_path_factory.mktemp("models")
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in EVERY]
    inputs: dict[str, tuple[int, Shape]] = {name: (kind, [2, "columns"]) for name, kind in EVERY.items()}
    for version in ("2", "10"):
        outputs = {f"{name}_out": each for name, each in inputs.items()}
        write(folder / f"every/{version}/model.onnx", nodes, inputs, outputs)
    rows: tuple[int, Shape] = (TensorProto.FLOAT, ["rows", 3])
    write(
        folder / "sum/1/model.onnx",
        [helper.make_node("Add", ["a", "b"], ["c"])],
        {"a": rows, "b": rows},
        {"c": rows},
    )
    half: tuple[int, Shape] = (TensorProto.FLOAT16, [4])
    write(
        folder / "half/1/model.onnx", [helper.make_node("Identity", ["a"], ["b"])], {"a": half}, {"b": half}
    )
    matrix: tuple[int, Shape] = (TensorProto.FLOAT, ["m", "n"])
    other: tuple[int, Shape] = (TensorProto.FLOAT, ["n2", "k"])
    write(
        folder / "product/1/model.onnx",
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        {"a": matrix, "b": other},
        {"c": (TensorProto.FLOAT, ["m", "k"])},
    )
    return folder


@dataclass(frozen=True)
class Serving:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    http: str
    grpc: str

    def end(self) -> int:
        """Tells it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


Serve = Callable[..., Serving]


@pytest.fixture(scope="session")
def serve(models: Path) -> Iterator[Serve]:
    """Starts a server of the models, with settings as `EDGE_INFERENCE_…`, and waits until it is ready."""
    started: list[Serving] = []

    def start(**settings: str) -> Serving:
        http, grpc = free_port(), free_port()
        environment = {
            "EDGE_INFERENCE_MODELS": str(models),
            "EDGE_INFERENCE_HOST": "127.0.0.1",
            "EDGE_INFERENCE_HTTP_PORT": str(http),
            "EDGE_INFERENCE_GRPC_PORT": str(grpc),
            "EDGE_INFERENCE_SETTLE": "0",
            **{f"EDGE_INFERENCE_{name.upper()}": value for name, value in settings.items()},
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_inference"], env=os.environ | environment, text=True
        )
        serving = Serving(process, f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}")
        started.append(serving)
        wait_until(lambda: is_ready(serving.http))
        return serving

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture(scope="session")
def server(serve: Serve) -> Serving:
    return serve()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for what another process brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
