"""A model that is loaded, whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_inference.tensors import Array, TensorSpec


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives.

    `batches` says that the first dimension of every input and output is the batch: rows that have nothing to
    do with each other.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batches: bool


class Runner(Protocol):
    """Runs one model. One call at a time."""

    @property
    def platform(self) -> str:
        """The format of the model, as the protocol's `platform`."""
        ...

    @property
    def signature(self) -> Signature: ...

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name for all inputs by name, which fit the signature.

        Raises:
            ModelFailed: the model broke.
        """
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its name and version, with what runs it."""

    name: str
    version: str
    runner: Runner
