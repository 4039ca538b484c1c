"""What is asked of the models, whichever way the question came."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Final

import numpy as np

from edge_inference.batching import Batcher
from edge_inference.errors import InferenceError, InvalidRequest, NotFound, Unavailable
from edge_inference.metrics import Metrics
from edge_inference.models import Model
from edge_inference.tensors import DATATYPES, Array, Tensor, TensorSpec

NAME: Final = "edge-inference"
VERSION: Final = version("edge-inference")
EXTENSIONS: Final = ("binary_tensor_data",)


@dataclass(frozen=True, slots=True)
class Request:
    """Tensors for a model; `version` "" is the newest one. `outputs` are the wanted ones, none: all."""

    model: str
    version: str
    inputs: Sequence[Tensor]
    outputs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """The outputs that were asked for, in that order, and the model that gave them."""

    model: Model
    outputs: tuple[Tensor, ...]


class _State(Enum):
    STARTING = "is starting"
    READY = "is ready"
    LEAVING = "is about to end"
    ENDED = "takes no requests any more"


class Server:
    """Answers for all models that it was given: not before `start`, and not after `stop`."""

    def __init__(self, models: Iterable[Model], rows: int, waiting: int, metrics: Metrics) -> None:
        self._models: dict[str, dict[str, Model]] = {}
        self._batchers: dict[tuple[str, str], Batcher] = {}
        for each in models:
            self._models.setdefault(each.name, {})[each.version] = each
            self._batchers[each.name, each.version] = Batcher(each, rows, waiting, metrics)
        self._metrics = metrics
        self._state = _State.STARTING

    @property
    def is_ready(self) -> bool:
        """Whether all models are warm, and new requests had best be sent here."""
        return self._state is _State.READY

    @property
    def is_leaving(self) -> bool:
        """Whether it still answers, and had best be asked nothing more."""
        return self._state is _State.LEAVING

    async def start(self) -> None:
        """Runs each model once, so that nobody waits for what is done at the first time only.

        Raises:
            ModelFailed: a model breaks.
        """
        for (name, version_), batcher in self._batchers.items():
            signature = self._models[name][version_].runner.signature
            await batcher.infer({each.name: _blank(each) for each in signature.inputs})
        self._turn(_State.READY)

    def leave(self) -> None:
        """Is ready no more, and still takes what is sent by those who have not heard of it yet."""
        self._turn(_State.LEAVING)

    async def stop(self) -> None:
        """Takes no further request, and waits until what was taken is answered."""
        self._turn(_State.ENDED)
        for each in self._batchers.values():
            await each.drain()

    def _turn(self, state: _State) -> None:
        self._state = state
        self._metrics.ready(self.is_ready)

    def versions(self, name: str) -> list[str]:
        """The versions of a model, the newest last.

        Raises:
            NotFound: there is no such model.
        """
        if found := self._models.get(name):
            return [*found]
        raise NotFound(f"there is no model {name!r}")

    def model(self, name: str, version_: str = "") -> Model:
        """A model in a version, "" for the newest one.

        Raises:
            NotFound: there is no such model, or not in that version.
        """
        versions = self.versions(name)
        wanted = version_ or versions[-1]
        if wanted not in versions:
            raise NotFound(f"{name} has no version {version_!r}; it has {', '.join(versions)}")
        return self._models[name][wanted]

    async def infer(self, request: Request) -> Response:
        """The outputs of the model for the request.

        Raises:
            NotFound, InvalidRequest, Unavailable, ModelFailed: why there is none.
        """
        model = self.model(request.model, request.version)
        begun, outcome = time.perf_counter(), "ok"
        try:
            return await self._infer(model, request)
        except InferenceError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._metrics.answered(model, outcome, time.perf_counter() - begun)

    async def _infer(self, model: Model, request: Request) -> Response:
        if self._state not in (_State.READY, _State.LEAVING):
            raise Unavailable(f"the server {self._state.value}")
        signature = model.runner.signature
        inputs = _fitting(signature.inputs, request.inputs, signature.batches)
        specs = {each.name: each for each in signature.outputs}
        if unknown := [name for name in request.outputs if name not in specs]:
            raise InvalidRequest(f"{model.name} has no output {unknown[0]!r}; it has {', '.join(specs)}")
        arrays = await self._batchers[model.name, model.version].infer(inputs)
        wanted = request.outputs or tuple(specs)
        return Response(model, tuple(Tensor(name, specs[name].datatype, arrays[name]) for name in wanted))


def _fitting(specs: Sequence[TensorSpec], tensors: Sequence[Tensor], batches: bool) -> Mapping[str, Array]:
    """The arrays by their names; InvalidRequest where they are not what the model takes."""
    given = {each.name: each for each in tensors}
    names = [each.name for each in specs]
    if len(given) < len(tensors):
        raise InvalidRequest("an input stands there twice")
    if sorted(given) != sorted(names):
        raise InvalidRequest(f"expected the inputs {', '.join(names)}, not {', '.join(given) or 'none'}")
    for each in specs:
        if misfit := each.misfit(given[each.name]):
            raise InvalidRequest(misfit)
    arrays = {name: given[name].array for name in names}
    if batches and len({array.shape[0] for array in arrays.values()}) > 1:
        raise InvalidRequest("the first dimension of all inputs is the batch, and must be the same")
    if batches and not next(iter(arrays.values())).shape[0]:
        raise InvalidRequest("expected a batch of one row at least")
    return arrays


def _blank(spec: TensorSpec) -> Array:
    shape = tuple(1 if length < 0 else length for length in spec.shape)
    if spec.datatype == "BYTES":
        return np.full(shape, b"", DATATYPES["BYTES"])
    return np.zeros(shape, DATATYPES[spec.datatype])
