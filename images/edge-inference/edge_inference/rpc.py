"""The protocol over gRPC.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import grpc.aio

from edge_inference.errors import (
    InferenceError,
    InvalidRequest,
    ModelFailed,
    NotFound,
    TooLarge,
    Unavailable,
)
from edge_inference.protocol import open_inference_pb2 as messages
from edge_inference.protocol.open_inference_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)
from edge_inference.server import EXTENSIONS, NAME, VERSION, Request, Response, Server
from edge_inference.tensors import Tensor, TensorSpec, from_elements, from_raw, to_raw

_CONTENTS: Final = {
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
"""Where the elements of a datatype stand; there is no place for FP16."""

_CODES: Final[dict[type[InferenceError], grpc.StatusCode]] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    ModelFailed: grpc.StatusCode.INTERNAL,
}

Context = grpc.aio.ServicerContext[Any, Any]


def serve(server: Server, address: str, largest: int) -> grpc.aio.Server:
    """A gRPC server at `address`, that is yet to be started; a request has at most `largest` bytes."""
    made = grpc.aio.server(
        options=[("grpc.max_receive_message_length", largest), ("grpc.max_send_message_length", -1)]
    )
    add_GRPCInferenceServiceServicer_to_server(_Service(server), made)
    made.add_insecure_port(address)
    return made


@asynccontextmanager
async def _told(context: Context) -> AsyncGenerator[None]:
    """Errors of ours become the status that says the same."""
    try:
        yield
    except InferenceError as error:
        await context.abort(_CODES[type(error)], str(error))


class _Service(GRPCInferenceServiceServicer):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def ServerLive(  # noqa: N802
        self, request: messages.ServerLiveRequest, context: Context
    ) -> messages.ServerLiveResponse:
        return messages.ServerLiveResponse(live=True)

    async def ServerReady(  # noqa: N802
        self, request: messages.ServerReadyRequest, context: Context
    ) -> messages.ServerReadyResponse:
        return messages.ServerReadyResponse(ready=self._server.is_ready)

    async def ModelReady(  # noqa: N802
        self, request: messages.ModelReadyRequest, context: Context
    ) -> messages.ModelReadyResponse:
        async with _told(context):
            self._server.model(request.name, request.version)
        return messages.ModelReadyResponse(ready=self._server.is_ready)

    async def ServerMetadata(  # noqa: N802
        self, request: messages.ServerMetadataRequest, context: Context
    ) -> messages.ServerMetadataResponse:
        return messages.ServerMetadataResponse(name=NAME, version=VERSION, extensions=EXTENSIONS)

    async def ModelMetadata(  # noqa: N802
        self, request: messages.ModelMetadataRequest, context: Context
    ) -> messages.ModelMetadataResponse:
        async with _told(context):
            model = self._server.model(request.name, request.version)
        signature = model.runner.signature
        return messages.ModelMetadataResponse(
            name=model.name,
            versions=self._server.versions(model.name),
            platform=model.runner.platform,
            inputs=map(_spec, signature.inputs),
            outputs=map(_spec, signature.outputs),
        )

    async def ModelInfer(  # noqa: N802
        self, request: messages.ModelInferRequest, context: Context
    ) -> messages.ModelInferResponse:
        names = [each.name for each in request.outputs]
        async with _told(context):
            asked = Request(request.model_name, request.model_version, _tensors(request), names)
            return _answer(await self._server.infer(asked), request.id)


def _spec(spec: TensorSpec) -> messages.ModelMetadataResponse.TensorMetadata:
    return messages.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=spec.datatype, shape=spec.shape
    )


def _tensors(request: messages.ModelInferRequest) -> list[Tensor]:
    raw = request.raw_input_contents
    if not raw:
        return [_from_contents(each) for each in request.inputs]
    if len(raw) != len(request.inputs):
        raise InvalidRequest(f"expected raw contents for {len(request.inputs)} inputs, not for {len(raw)}")
    if any(each.HasField("contents") for each in request.inputs):
        raise InvalidRequest("expected contents in the inputs or raw ones, not both")
    return [
        from_raw(each.name, each.datatype, each.shape, data)
        for each, data in zip(request.inputs, raw, strict=True)
    ]


def _from_contents(given: messages.ModelInferRequest.InferInputTensor) -> Tensor:
    field = _CONTENTS.get(given.datatype)
    others = [each.name for each, _ in given.contents.ListFields() if each.name != field]
    if others:
        raise InvalidRequest(f"{given.name}: {given.datatype} does not stand in {others[0]}")
    elements = [*getattr(given.contents, field)] if field else []
    return from_elements(given.name, given.datatype, given.shape, elements)


def _answer(answer: Response, request_id: str) -> messages.ModelInferResponse:
    return messages.ModelInferResponse(
        model_name=answer.model.name,
        model_version=answer.model.version,
        id=request_id,
        outputs=[
            messages.ModelInferResponse.InferOutputTensor(
                name=each.name, datatype=each.datatype, shape=each.array.shape
            )
            for each in answer.outputs
        ],
        raw_output_contents=map(to_raw, answer.outputs),
    )
