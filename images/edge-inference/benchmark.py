"""What the server costs beside ONNX Runtime alone: `uv run python benchmark.py [--rounds 5] [--seconds 3]`.

Two models on one processor each: `shapes`, which ships, and `heavy`, which takes as long as models do that
people use. Latency: one asks at a time, over one connection with binary tensors. Throughput: sixteen ask at
once, so that requests go together. Plain ONNX Runtime runs the same inputs, row by row, without a server.
Rounds take turns; medians, and all rounds, are printed, as wall time and as processor time of the process
that runs the model.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SHIPPED = Path(__file__).parent / "detector/models/shapes/1/model.onnx"
AT_ONCE = 16
SHAPES = {"shapes": (1, 3, 64, 64), "heavy": (1, 3, 128, 128)}


@dataclass(frozen=True)
class Measured:
    """Seconds that each request took at the median, requests a second, and processor seconds for each."""

    latency: float
    throughput: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        (models / "shapes").mkdir()
        (models / "shapes/1").symlink_to(SHIPPED.parent)
        write_heavy(models / "heavy/1/model.onnx")
        with served(models) as (address, process):
            for name in SHAPES:
                plain, ours = [], []
                for _ in range(asked.rounds):
                    plain.append(apart(models / name / "1/model.onnx", name, asked.seconds))
                    ours.append(through(address, process, name, asked.seconds))
                tell(name, plain, ours)


def tell(name: str, plain: list[Measured], ours: list[Measured]) -> None:
    more = [1000 * (o.latency - p.latency) for p, o in zip(plain, ours, strict=True)]
    kept = [o.throughput / p.throughput for p, o in zip(plain, ours, strict=True)]
    work = [o.processor / p.processor for p, o in zip(plain, ours, strict=True)]
    print(f"{name}, load {os.getloadavg()[0]:.0f}")
    line("plain, p50", [1000 * each.latency for each in plain], "ms")
    line("served, p50", [1000 * each.latency for each in ours], "ms")
    line("added at p50", more, "ms")
    line("plain", [each.throughput for each in plain], "a second")
    line(f"served, {AT_ONCE} at once", [each.throughput for each in ours], "a second")
    line("throughput, served to plain", kept, "")
    line("processor time, served to plain", work, "")


def line(what: str, values: list[float], unit: str) -> None:
    every = ", ".join(f"{each:.2f}" for each in values)
    print(f"  {what:34} {statistics.median(values):8.2f} {unit:10} ({every})", flush=True)


def apart(model: Path, name: str, seconds: float) -> Measured:
    """Plain ONNX Runtime, in a process of its own."""
    spawned = multiprocessing.get_context("spawn")
    told = spawned.SimpleQueue()
    process = spawned.Process(target=plain, args=(model, name, seconds, told))
    process.start()
    process.join()
    return told.get()


def plain(model: Path, name: str, seconds: float, told: Any) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: picture(name)}
    session.run(None, given)
    began = time.process_time()
    took = asked_for(seconds, lambda: session.run(None, given))
    told.put(
        Measured(statistics.median(took), len(took) / sum(took), (time.process_time() - began) / len(took))
    )


def through(address: tuple[str, int], process: int, name: str, seconds: float) -> Measured:
    """The same of the server: first one at a time, then many at once."""
    with asking(address, name) as ask:
        ask()
        took = asked_for(seconds, ask)
    counts: list[int] = []

    def keep_asking() -> None:
        with asking(address, name) as ask:
            counts.append(len(asked_for(seconds, ask)))

    threads = [threading.Thread(target=keep_asking) for _ in range(AT_ONCE)]
    before, began = processor_time(process), time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    wall, used = time.perf_counter() - began, processor_time(process) - before
    return Measured(statistics.median(took), sum(counts) / wall, used / sum(counts))


def asked_for(seconds: float, ask: Callable[[], object]) -> list[float]:
    """How long each took of as many as can be asked in so many seconds."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        ask()
        took.append(time.perf_counter() - began)
    return took


@contextmanager
def asking(address: tuple[str, int], name: str) -> Iterator[Callable[[], None]]:
    """Asks for one inference over a connection that stays."""
    array = picture(name)
    inputs = {
        "name": "pictures",
        "shape": array.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": array.nbytes},
    }
    head = json.dumps({"inputs": [inputs], "parameters": {"binary_data_output": True}}).encode()
    body = head + array.tobytes()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    connection = http.client.HTTPConnection(*address)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask() -> None:
        connection.request("POST", f"/v2/models/{name}/infer", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{name}: {answer.status}")

    yield ask
    connection.close()


@contextmanager
def served(models: Path) -> Iterator[tuple[tuple[str, int], int]]:
    """The address and the process of a server of the models, with one processor for each."""
    ports = free_port(), free_port()
    settings = {
        "MODELS": str(models),
        "HOST": "127.0.0.1",
        "HTTP_PORT": str(ports[0]),
        "GRPC_PORT": str(ports[1]),
        "THREADS": "1",
        "SETTLE": "0",
    }
    environment = os.environ | {f"EDGE_INFERENCE_{key}": value for key, value in settings.items()}
    process = subprocess.Popen([sys.executable, "-m", "edge_inference"], env=environment)
    try:
        while not is_ready(ports[0]):
            time.sleep(0.05)
        yield ("127.0.0.1", ports[0]), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def processor_time(process: int) -> float:
    """Seconds that a process has used, in all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def picture(name: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.random.default_rng(1).random(SHAPES[name], np.float32)


def write_heavy(file: Path) -> None:
    """Ten convolutions one after another, and the mean of what they find."""
    random = np.random.default_rng(1)
    channels = (3, *[16] * 10)
    weights = [
        (random.random((after, before, 3, 3), np.float32) - 0.5) / 10 for before, after in pairwise(channels)
    ]
    names = ["pictures", *(f"x{index}" for index in range(len(weights)))]
    nodes = [
        helper.make_node("Conv", [names[index], f"w{index}"], [names[index + 1]], pads=[1, 1, 1, 1])
        for index in range(len(weights))
    ]
    nodes.append(helper.make_node("GlobalAveragePool", [names[-1]], ["found"]))
    graph = helper.make_graph(
        nodes,
        "heavy",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", *SHAPES["heavy"][1:]])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, ["batch", channels[-1], 1, 1])],
        [numpy_helper.from_array(each, f"w{index}") for index, each in enumerate(weights)],
    )
    file.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)]), file)


if __name__ == "__main__":
    main()
