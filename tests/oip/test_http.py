"""The protocol over HTTP.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from inputs import KINDS, Input, alike, elements_of, flat

LENGTH = "Inference-Header-Content-Length"


def infer(http: httpx.Client, model: str, inputs: list[Input], **more: Any) -> httpx.Response:
    body = {"inputs": [each.as_json for each in inputs], **more}
    return http.post(f"/v2/models/{model}/infer", json=body)


def size_of(output: dict[str, Any]) -> int:
    return math.prod(output["shape"])


def assert_refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert isinstance(answer.json()["error"], str)
    assert answer.json()["error"]


def test_a_server_that_answers_is_live_and_ready(http: httpx.Client) -> None:
    assert http.get("/v2/health/live").status_code == 200
    assert http.get("/v2/health/ready").status_code == 200


def test_the_server_says_its_name_version_and_extensions(http: httpx.Client) -> None:
    about = http.get("/v2").json()
    assert isinstance(about["name"], str)
    assert isinstance(about["version"], str)
    assert all(isinstance(each, str) for each in about["extensions"])


def test_a_model_that_is_there_is_ready(http: httpx.Client, model: str) -> None:
    assert http.get(f"/v2/models/{model}/ready").status_code == 200


def test_a_model_says_what_it_takes_and_gives(metadata: dict[str, Any], model: str) -> None:
    assert metadata["name"] == model
    assert isinstance(metadata["platform"], str)
    assert metadata["inputs"]
    assert metadata["outputs"]
    for each in (*metadata["inputs"], *metadata["outputs"]):
        assert isinstance(each["name"], str)
        assert each["datatype"] in {*KINDS, "BYTES"}
        assert all(isinstance(length, int) and length >= -1 for length in each["shape"])


def test_every_version_that_is_listed_can_be_asked_for(
    http: httpx.Client, model: str, metadata: dict[str, Any], inputs: list[Input]
) -> None:
    for version in metadata.get("versions", []):
        assert isinstance(version, str)
        one = f"/v2/models/{model}/versions/{version}"
        assert http.get(one).status_code == 200
        assert http.get(f"{one}/ready").status_code == 200
        answer = http.post(f"{one}/infer", json={"inputs": [each.as_json for each in inputs]})
        assert answer.json()["model_version"] == version


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
def test_a_model_that_is_not_there_is_an_error(http: httpx.Client, path: str) -> None:
    method = "POST" if path == "/infer" else "GET"
    answer = http.request(
        method,
        f"/v2/models/nobody-has-this{path}",
        json={"inputs": []} if method == "POST" else None,
    )
    assert 400 <= answer.status_code < 500


def test_an_answer_has_all_outputs_in_the_shapes_and_datatypes_that_the_model_says(
    http: httpx.Client, model: str, metadata: dict[str, Any], inputs: list[Input]
) -> None:
    answer = infer(http, model, inputs)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["model_name"] == model
    said = {each["name"]: each for each in metadata["outputs"]}
    assert {each["name"] for each in body["outputs"]} == {*said}
    for each in body["outputs"]:
        assert each["datatype"] == said[each["name"]]["datatype"]
        wanted = said[each["name"]]["shape"]
        assert len(each["shape"]) == len(wanted)
        assert all(want in (-1, is_) for want, is_ in zip(wanted, each["shape"], strict=True))
        assert len([*flat(each["data"])]) == size_of(each)


def test_the_id_of_a_request_comes_back(http: httpx.Client, model: str, inputs: list[Input]) -> None:
    assert infer(http, model, inputs, id="request 42").json()["id"] == "request 42"


def test_outputs_are_those_that_were_asked_for(
    http: httpx.Client, model: str, metadata: dict[str, Any], inputs: list[Input]
) -> None:
    last = metadata["outputs"][-1]["name"]
    body = infer(http, model, inputs, outputs=[{"name": last}]).json()
    assert [each["name"] for each in body["outputs"]] == [last]


def test_the_same_inputs_give_the_same_outputs(http: httpx.Client, model: str, inputs: list[Input]) -> None:
    assert infer(http, model, inputs).json()["outputs"] == infer(http, model, inputs).json()["outputs"]


def test_elements_may_stand_in_lists_within_lists_as_the_shape_has_it(
    http: httpx.Client, model: str, inputs: list[Input]
) -> None:
    nested = [{**each.as_json, "data": each.nested} for each in inputs]
    answer = http.post(f"/v2/models/{model}/infer", json={"inputs": nested})
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"] == infer(http, model, inputs).json()["outputs"]


def test_requests_at_once_get_their_own_answers(http: httpx.Client, model: str, inputs: list[Input]) -> None:
    wanted = infer(http, model, inputs).json()["outputs"]

    def ask(number: int) -> tuple[int, dict[str, Any]]:
        return number, infer(http, model, inputs, id=str(number)).json()

    with ThreadPoolExecutor(8) as threads:
        for number, body in threads.map(ask, range(32)):
            assert body["id"] == str(number)
            assert [each["name"] for each in body["outputs"]] == [each["name"] for each in wanted]
            for got, want in zip(body["outputs"], wanted, strict=True):
                assert alike(got["data"], want["data"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"inputs": {}}',
        b'{"inputs": []}',
        b'{"inputs": [{"name": "x"}]}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:30].decode(),
)
def test_what_is_no_request_is_an_error(http: httpx.Client, model: str, body: bytes) -> None:
    assert_refused(http.post(f"/v2/models/{model}/infer", content=body))


WRONG = {
    "another name": {"name": "no-such-input"},
    "no datatype": {"datatype": "COMPLEX"},
    "one dimension more": {"shape": lambda shape: [*shape, 1]},
    "a negative dimension": {"shape": lambda shape: [-1, *shape[1:]]},
    "more than is there": {"shape": lambda shape: [2**40, *shape[1:]]},
    "too many elements": {"data": lambda data: [*data, data[0]]},
    "too few elements": {"data": lambda data: data[:-1]},
    "elements of another kind": {"data": lambda data: [{}] * len(data)},
    "no elements": {"data": None},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_input_that_the_model_does_not_take_is_an_error(
    http: httpx.Client, model: str, inputs: list[Input], wrong: str
) -> None:
    first, *others = [each.as_json for each in inputs]
    for field, change in WRONG[wrong].items():
        first = {**first, field: change(first[field]) if callable(change) else change}
    assert_refused(http.post(f"/v2/models/{model}/infer", json={"inputs": [first, *others]}))


def test_an_input_twice_is_an_error(http: httpx.Client, model: str, inputs: list[Input]) -> None:
    assert_refused(infer(http, model, [*inputs, inputs[0]]))


def test_an_output_that_the_model_does_not_have_is_an_error(
    http: httpx.Client, model: str, inputs: list[Input]
) -> None:
    assert_refused(infer(http, model, inputs, outputs=[{"name": "no-such-output"}]))


def binary(
    http: httpx.Client, model: str, inputs: list[Input], length: int | None = None, tail: bytes = b""
) -> httpx.Response:
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": each.name,
                    "datatype": each.datatype,
                    "shape": each.shape,
                    "parameters": {"binary_data_size": len(each.raw)},
                }
                for each in inputs
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    return http.post(
        f"/v2/models/{model}/infer",
        content=head + b"".join(each.raw for each in inputs) + tail,
        headers={LENGTH: str(len(head) if length is None else length)},
    )


@pytest.mark.usefixtures("has_binary")
def test_binary_tensors_give_what_json_gives(http: httpx.Client, model: str, inputs: list[Input]) -> None:
    answer = binary(http, model, inputs)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers[LENGTH])
    body, rest = json.loads(answer.content[:length]), answer.content[length:]
    wanted = {each["name"]: each for each in infer(http, model, inputs).json()["outputs"]}
    for each in body["outputs"]:
        size = each["parameters"]["binary_data_size"]
        got, rest = elements_of(each["datatype"], rest[:size]), rest[size:]
        assert alike(got, wanted[each["name"]]["data"])
    assert not rest


@pytest.mark.usefixtures("has_binary")
@pytest.mark.parametrize("wrong", ["a length beyond the body", "bytes of nobody", "no number"])
def test_binary_tensors_that_are_not_there_are_an_error(
    http: httpx.Client, model: str, inputs: list[Input], wrong: str
) -> None:
    if wrong == "bytes of nobody":
        assert_refused(binary(http, model, inputs, tail=b"more"))
    elif wrong == "no number":
        assert_refused(http.post(f"/v2/models/{model}/infer", content=b"{}", headers={LENGTH: "-1"}))
    else:
        assert_refused(binary(http, model, inputs, length=2**40))
