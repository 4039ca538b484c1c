"""What a server does beyond the protocol: bounds, batches, figures, and how it begins and ends."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from conftest import Serve, Serving, free_port, is_ready, wait_until


def row(*numbers: float) -> dict[str, object]:
    """A request for `sum`, of one row."""
    tensor = {"shape": [1, 3], "datatype": "FP32", "data": [*numbers]}
    return {"inputs": [{"name": "a", **tensor}, {"name": "b", **tensor}]}


def product(columns: int, rows: int) -> dict[str, object]:
    """A request for `product`, which fails unless both are the same."""
    a = {"name": "a", "shape": [1, columns], "datatype": "FP32", "data": [1.0] * columns}
    b = {"name": "b", "shape": [rows, 1], "datatype": "FP32", "data": [1.0] * rows}
    return {"inputs": [a, b]}


def figures(serving: Serving) -> dict[str, float]:
    lines = httpx.get(f"{serving.http}/metrics").text.splitlines()
    return {name: float(value) for name, value in (each.rsplit(" ", 1) for each in lines if each[0] != "#")}


def test_a_newest_version_answers_where_none_is_named(server: Serving) -> None:
    about = httpx.get(f"{server.http}/v2/models/every").json()
    assert about["versions"] == ["2", "10"]
    assert httpx.get(f"{server.http}/v2/models/every/versions/3").status_code == 404


def test_rows_of_many_requests_go_together_and_come_back_to_each(server: Serving) -> None:
    def ask(number: int) -> list[float]:
        answer = httpx.post(f"{server.http}/v2/models/sum/infer", json=row(number, 0, 0.5), timeout=60)
        return answer.json()["outputs"][0]["data"]

    with ThreadPoolExecutor(16) as threads:
        assert [*threads.map(ask, range(64))] == [[2 * number, 0, 1] for number in range(64)]
    told = figures(server)
    assert told['edge_inference_batch_rows_sum{model="sum",version="1"}'] >= 65
    assert told['edge_inference_requests_total{model="sum",outcome="ok",version="1"}'] >= 64


def test_a_request_that_the_model_breaks_on_fails_alone(server: Serving) -> None:
    url = f"{server.http}/v2/models/product/infer"
    broken = httpx.post(url, json=product(2, 3))
    assert broken.status_code == 500
    assert "Incompatible" in broken.json()["error"] or "MatMul" in broken.json()["error"]
    assert httpx.post(url, json=product(3, 3)).json()["outputs"][0]["data"] == [3]


def test_numbers_that_json_cannot_say_are_refused_and_come_as_binary(server: Serving) -> None:
    url = f"{server.http}/v2/models/sum/infer"
    body = row(3.4e38, 0, 0)
    refused = httpx.post(url, json=body)
    assert refused.status_code == 400
    assert "binary" in refused.json()["error"]
    assert httpx.post(url, json=body | {"parameters": {"binary_data_output": True}}).status_code == 200


def test_a_request_over_the_bound_is_refused_before_it_is_read(serve: Serve) -> None:
    serving = serve(largest="4KiB")
    url = f"{serving.http}/v2/models/sum/infer"
    assert httpx.post(url, content=b" " * 4097).status_code == 413

    def endless() -> "list[bytes]":
        return [b" " * 1024] * 8

    assert httpx.post(url, content=iter(endless())).status_code == 413
    assert httpx.post(url, json=row(1, 2, 3)).status_code == 200


def test_whoever_comes_while_too_many_wait_is_sent_away_and_nobody_else(serve: Serve) -> None:
    serving = serve(waiting="1", rows="1")

    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{serving.http}/v2/models/sum/infer", json=row(1, 2, 3), timeout=60)

    with ThreadPoolExecutor(32) as threads:
        answers = [*threads.map(ask, range(400))]
    assert {each.status_code for each in answers} <= {200, 503}
    assert all(each.headers["Retry-After"] == "1" for each in answers if each.status_code == 503)
    assert httpx.post(f"{serving.http}/v2/models/sum/infer", json=row(1, 2, 3)).status_code == 200


def test_a_server_that_ends_is_not_ready_and_answers_what_still_comes(serve: Serve) -> None:
    serving = serve(settle="2")
    with httpx.Client(base_url=serving.http) as client:
        serving.process.terminate()
        wait_until(lambda: client.get("/v2/health/ready").status_code == 503)
        assert client.get("/v2/health/live").status_code == 200
        answer = client.post("/v2/models/sum/infer", json=row(1, 2, 3))
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    assert serving.process.wait(30) == 0
    assert not is_ready(serving.http)


def test_nobody_is_told_of_what_is_run(models: Path) -> None:
    model = str(models / "sum/1/model.onnx")
    program = f"from edge_inference.onnx_runner import OnnxRunner; OnnxRunner({model!r}, 1)"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"HOME": "/proc/nobody"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0
    assert "telemetry" not in ran.stderr.lower()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (None, "has no NAME/VERSION/model.onnx"),
        ("broken/1/model.onnx", "broken/1/model.onnx"),
        ("broken/first/model.onnx", "the version 'first' is no number"),
        ("a name/1/model.onnx", "is no name of a model"),
    ],
)
def test_models_that_cannot_be_loaded_are_named_and_nothing_is_served(
    tmp_path: Path, file: str | None, said: str
) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(b"no model")
    ports = {f"EDGE_INFERENCE_{name}_PORT": str(free_port()) for name in ("HTTP", "GRPC")}
    ran = subprocess.run(
        [sys.executable, "-m", "edge_inference"],
        env=os.environ | ports | {"EDGE_INFERENCE_MODELS": str(tmp_path), "EDGE_INFERENCE_HOST": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
