"""The server that is tried, and what its model takes."""

from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from edge_inference.protocol.open_inference_pb2_grpc import GRPCInferenceServiceStub
from inputs import Input, inputs_for


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("Open Inference Protocol")
    group.addoption("--oip-http", help="http://HOST:PORT of the server that is tried")
    group.addoption("--oip-grpc", help="its HOST:PORT for gRPC")
    group.addoption("--oip-model", help="a model that it has")
    group.addoption("--oip-patience", type=float, default=30, help="seconds that an answer may take")


def _option(config: pytest.Config, name: str) -> str:
    value = config.getoption(name)
    if not value:
        pytest.skip(f"nobody said {name}")
    return str(value)


@pytest.fixture(scope="session")
def model(pytestconfig: pytest.Config) -> str:
    return _option(pytestconfig, "--oip-model")


@pytest.fixture(scope="session")
def http(pytestconfig: pytest.Config) -> Iterator[httpx.Client]:
    patience = pytestconfig.getoption("--oip-patience")
    with httpx.Client(base_url=_option(pytestconfig, "--oip-http"), timeout=patience) as client:
        yield client


@pytest.fixture(scope="session")
def rpc(pytestconfig: pytest.Config) -> Iterator[GRPCInferenceServiceStub]:
    with grpc.insecure_channel(_option(pytestconfig, "--oip-grpc")) as channel:
        yield GRPCInferenceServiceStub(channel)


@pytest.fixture(scope="session")
def metadata(http: httpx.Client, model: str) -> dict[str, Any]:
    answer = http.get(f"/v2/models/{model}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="session")
def inputs(metadata: dict[str, Any]) -> list[Input]:
    return inputs_for(metadata)


@pytest.fixture(scope="session")
def has_binary(http: httpx.Client) -> None:
    if "binary_tensor_data" not in http.get("/v2").json()["extensions"]:
        pytest.skip("the server does not say binary_tensor_data")
