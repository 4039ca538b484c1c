"""The protocol over gRPC.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
from edge_inference.protocol import open_inference_pb2 as messages
from edge_inference.protocol.open_inference_pb2_grpc import GRPCInferenceServiceStub
from inputs import FIELDS, Input, alike, elements_of

Rpc = GRPCInferenceServiceStub


def request(model: str, inputs: list[Input], **more: Any) -> messages.ModelInferRequest:
    return messages.ModelInferRequest(
        model_name=model,
        inputs=[each.bare for each in inputs],
        raw_input_contents=[each.raw for each in inputs],
        **more,
    )


def elements(answer: messages.ModelInferResponse) -> dict[str, list[Any]]:
    """The elements of all outputs by name, however they came."""
    found: dict[str, list[Any]] = {}
    for index, each in enumerate(answer.outputs):
        if answer.raw_output_contents:
            found[each.name] = elements_of(each.datatype, answer.raw_output_contents[index])
        else:
            found[each.name] = [*getattr(each.contents, FIELDS[each.datatype])]
    return found


def assert_refused(call: Callable[[], object], *codes: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert refused.value.code() in codes, refused.value
    assert refused.value.details()


def test_a_server_that_answers_is_live_and_ready(rpc: Rpc) -> None:
    assert rpc.ServerLive(messages.ServerLiveRequest()).live
    assert rpc.ServerReady(messages.ServerReadyRequest()).ready


def test_server_and_model_say_what_they_say_over_http(
    rpc: Rpc, http: httpx.Client, model: str, metadata: dict[str, Any]
) -> None:
    about = rpc.ServerMetadata(messages.ServerMetadataRequest())
    said = http.get("/v2").json()
    assert (about.name, about.version, [*about.extensions]) == (
        said["name"],
        said["version"],
        said["extensions"],
    )
    found = rpc.ModelMetadata(messages.ModelMetadataRequest(name=model))
    assert (found.name, found.platform) == (metadata["name"], metadata["platform"])
    assert [*found.versions] == metadata.get("versions", [])
    for tensors, others in ((found.inputs, metadata["inputs"]), (found.outputs, metadata["outputs"])):
        assert [
            {"name": each.name, "datatype": each.datatype, "shape": [*each.shape]} for each in tensors
        ] == others


def test_a_model_that_is_there_is_ready_in_every_version(
    rpc: Rpc, model: str, metadata: dict[str, Any]
) -> None:
    for version in ("", *metadata.get("versions", [])):
        assert rpc.ModelReady(messages.ModelReadyRequest(name=model, version=version)).ready


def test_raw_contents_give_what_contents_and_http_give(
    rpc: Rpc, http: httpx.Client, model: str, inputs: list[Input]
) -> None:
    raw = elements(rpc.ModelInfer(request(model, inputs)))
    body = {"inputs": [each.as_json for each in inputs]}
    for each in http.post(f"/v2/models/{model}/infer", json=body).json()["outputs"]:
        assert alike(raw[each["name"]], each["data"])
    if all(each.datatype in FIELDS for each in inputs):
        typed = messages.ModelInferRequest(model_name=model, inputs=[each.with_contents for each in inputs])
        assert elements(rpc.ModelInfer(typed)) == raw


def test_an_answer_has_the_shapes_and_datatypes_that_the_model_says(
    rpc: Rpc, model: str, metadata: dict[str, Any], inputs: list[Input]
) -> None:
    answer = rpc.ModelInfer(request(model, inputs, id="request 42"))
    assert answer.model_name == model
    assert answer.id == "request 42"
    said = {each["name"]: each for each in metadata["outputs"]}
    assert {each.name for each in answer.outputs} == {*said}
    for each in answer.outputs:
        assert each.datatype == said[each.name]["datatype"]
        wanted = said[each.name]["shape"]
        assert all(want in (-1, is_) for want, is_ in zip(wanted, each.shape, strict=True))


def test_outputs_are_those_that_were_asked_for(
    rpc: Rpc, model: str, metadata: dict[str, Any], inputs: list[Input]
) -> None:
    last = metadata["outputs"][-1]["name"]
    wanted = [messages.ModelInferRequest.InferRequestedOutputTensor(name=last)]
    answer = rpc.ModelInfer(request(model, inputs, outputs=wanted))
    assert [each.name for each in answer.outputs] == [last]


def test_requests_at_once_get_their_own_answers(rpc: Rpc, model: str, inputs: list[Input]) -> None:
    wanted = elements(rpc.ModelInfer(request(model, inputs)))

    def ask(number: int) -> tuple[int, messages.ModelInferResponse]:
        return number, rpc.ModelInfer(request(model, inputs, id=str(number)))

    with ThreadPoolExecutor(8) as threads:
        for number, answer in threads.map(ask, range(32)):
            assert answer.id == str(number)
            for name, got in elements(answer).items():
                assert alike(got, wanted[name])


def test_a_model_that_is_not_there_is_an_error(rpc: Rpc, inputs: list[Input]) -> None:
    missing = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE)
    name = "nobody-has-this"
    assert_refused(lambda: rpc.ModelInfer(request(name, inputs)), *missing)
    assert_refused(lambda: rpc.ModelMetadata(messages.ModelMetadataRequest(name=name)), *missing)


def changed(model: str, inputs: list[Input], wrong: str) -> messages.ModelInferRequest:
    asked = request(model, inputs)
    first = asked.inputs[0]
    match wrong:
        case "another name":
            first.name = "no-such-input"
        case "no datatype":
            first.datatype = "COMPLEX"
        case "one dimension more":
            first.shape.append(1)
        case "a negative dimension":
            first.shape[0] = -1
        case "more than is there":
            first.shape[0] = 2**40
        case "too many bytes":
            asked.raw_input_contents[0] += b"\0"
        case "too few bytes":
            asked.raw_input_contents[0] = asked.raw_input_contents[0][:-1]
        case "raw contents of nobody":
            asked.raw_input_contents.append(b"")
        case "both kinds of contents":
            first.MergeFrom(inputs[0].with_contents)
        case "an input twice":
            asked.inputs.append(first)
            asked.raw_input_contents.append(asked.raw_input_contents[0])
        case "no input":
            del asked.inputs[:]
            del asked.raw_input_contents[:]
        case _:
            asked.outputs.add(name="no-such-output")
    return asked


@pytest.mark.parametrize(
    "wrong",
    [
        "another name",
        "no datatype",
        "one dimension more",
        "a negative dimension",
        "more than is there",
        "too many bytes",
        "too few bytes",
        "raw contents of nobody",
        "both kinds of contents",
        "an input twice",
        "no input",
        "an output that the model does not have",
    ],
)
def test_what_the_model_does_not_take_is_an_error(
    rpc: Rpc, model: str, inputs: list[Input], wrong: str
) -> None:
    if wrong == "both kinds of contents" and inputs[0].datatype not in FIELDS:
        pytest.skip("FP16 stands in raw contents only")
    asked = changed(model, inputs, wrong)
    assert_refused(lambda: rpc.ModelInfer(asked), grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
