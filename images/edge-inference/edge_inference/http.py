"""The protocol over HTTP, with binary tensors as an extension.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
Binary: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_inference.errors import (
    InferenceError,
    InvalidRequest,
    ModelFailed,
    NotFound,
    TooLarge,
    Unavailable,
)
from edge_inference.metrics import Metrics
from edge_inference.models import Model
from edge_inference.server import EXTENSIONS, NAME, VERSION, Request, Response, Server
from edge_inference.tensors import Tensor, TensorSpec, from_elements, from_raw, to_elements, to_raw

_JSON_LENGTH: Final = "Inference-Header-Content-Length"
_STATUS: Final[dict[type[Exception], int]] = {
    InvalidRequest: 400,
    NotFound: 404,
    TooLarge: 413,
    Unavailable: 503,
    ModelFailed: 500,
}


class _Input(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class _Output(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, Any] = {}


class _Body(msgspec.Struct, frozen=True):
    inputs: list[_Input]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[_Output] = []


def application(server: Server, metrics: Metrics, largest: int) -> Starlette:
    """The protocol and `/metrics`; a request has at most `largest` bytes."""

    async def live(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"live": True})

    async def ready(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"ready": server.is_ready}, 200 if server.is_ready else 503)

    async def about(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"name": NAME, "version": VERSION, "extensions": [*EXTENSIONS]})

    async def model_ready(request: HttpRequest) -> JSONResponse:
        model = _model(server, request)
        return JSONResponse({"name": model.name, "ready": server.is_ready}, 200 if server.is_ready else 503)

    async def model_about(request: HttpRequest) -> JSONResponse:
        model = _model(server, request)
        signature = model.runner.signature
        return JSONResponse(
            {
                "name": model.name,
                "versions": server.versions(model.name),
                "platform": model.runner.platform,
                "inputs": [_spec(each) for each in signature.inputs],
                "outputs": [_spec(each) for each in signature.outputs],
            }
        )

    async def infer(request: HttpRequest) -> HttpResponse:
        data = await _body(request, largest)
        length = _json_length(request, len(data))
        try:
            body = msgspec.json.decode(data[:length], type=_Body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"the body is no request for an inference: {error}") from error
        inputs = [*_tensors(body, data[length:])]
        names = [each.name for each in body.outputs]
        path = request.path_params
        answer = await server.infer(Request(path["model"], path.get("version", ""), inputs, names))
        return _answer(answer, body)

    async def figures(_: HttpRequest) -> HttpResponse:
        return HttpResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    one = "/v2/models/{model}"
    return Starlette(
        routes=[
            Route("/v2", about),
            Route("/v2/health/live", live),
            Route("/v2/health/ready", ready),
            *(
                route
                for prefix in (one, f"{one}/versions/{{version}}")
                for route in (
                    Route(prefix, model_about),
                    Route(f"{prefix}/ready", model_ready),
                    Route(f"{prefix}/infer", infer, methods=["POST"]),
                )
            ),
            Route("/metrics", figures),
        ],
        exception_handlers={InferenceError: _refused},
        middleware=[Middleware(_Parting, server)],
    )


class _Parting:
    """Ends the connection with each answer of a server that leaves: whoever keeps one open asks another one
    next, and sends nothing into what closes.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app, self._server = app, server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and self._server.is_leaving:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, sent)


async def _refused(_: HttpRequest, error: Exception) -> JSONResponse:
    status = _STATUS[type(error)]
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse({"error": str(error)}, status, headers)


def _model(server: Server, request: HttpRequest) -> Model:
    return server.model(request.path_params["model"], request.path_params.get("version", ""))


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": [*spec.shape]}


async def _body(request: HttpRequest, largest: int) -> memoryview:
    too_large = TooLarge(f"a request has at most {largest} bytes")
    if int(request.headers.get("Content-Length", 0)) > largest:
        raise too_large
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > largest:
            raise too_large
    return memoryview(bytes(data))


def _json_length(request: HttpRequest, length: int) -> int:
    """How much of the body is JSON; binary tensors follow it."""
    said = request.headers.get(_JSON_LENGTH, str(length))
    if not said.isdecimal() or not said.isascii() or int(said) > length:
        raise InvalidRequest(f"{_JSON_LENGTH}: expected at most the {length} bytes of the body, not {said!r}")
    return int(said)


def _tensors(body: _Body, binary: memoryview) -> Iterator[Tensor]:
    at = 0
    for each in body.inputs:
        size = each.parameters.get("binary_data_size")
        if size is None:
            if each.data is None:
                raise InvalidRequest(f"{each.name}: expected data")
            yield from_elements(each.name, each.datatype, each.shape, each.data)
            continue
        if each.data is not None:
            raise InvalidRequest(f"{each.name}: expected data or binary data, not both")
        if type(size) is not int or not 0 <= size <= len(binary) - at:
            raise InvalidRequest(f"{each.name}: {size!r} bytes of binary data were not sent")
        yield from_raw(each.name, each.datatype, each.shape, binary[at : at + size])
        at += size
    if at != len(binary):
        raise InvalidRequest(f"{len(binary) - at} bytes of binary data belong to no input")


def _answer(answer: Response, body: _Body) -> HttpResponse:
    all_binary = body.parameters.get("binary_data_output") is True
    binary = {each.name: each.parameters.get("binary_data", all_binary) is True for each in body.outputs}
    parts: list[bytes] = []
    outputs: list[dict[str, Any]] = []
    for each in answer.outputs:
        output = {"name": each.name, "datatype": each.datatype, "shape": [*each.array.shape]}
        if binary.get(each.name, all_binary):
            parts.append(to_raw(each))
            outputs.append(output | {"parameters": {"binary_data_size": len(parts[-1])}})
        else:
            outputs.append(output | {"data": to_elements(each)})
    about = {"model_name": answer.model.name, "model_version": answer.model.version, "outputs": outputs}
    head = msgspec.json.encode(about | ({"id": body.id} if body.id else {}))
    if not parts:
        return HttpResponse(head, media_type="application/json")
    return HttpResponse(
        b"".join((head, *parts)),
        media_type="application/octet-stream",
        headers={_JSON_LENGTH: str(len(head))},
    )
