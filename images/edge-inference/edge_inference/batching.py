"""Puts requests together that a model may answer in one go."""

import asyncio
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge_inference.errors import Unavailable
from edge_inference.metrics import Metrics
from edge_inference.models import Model
from edge_inference.tensors import Array

Arrays = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that waits; `rows` is how much of a batch it takes."""

    inputs: Arrays
    rows: int
    answer: "asyncio.Future[Arrays]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def shape(self) -> tuple[object, ...]:
        """What requests have in common that can be put together."""
        return tuple((name, array.shape[1:]) for name, array in sorted(self.inputs.items()))


class Batcher:
    """Runs a model for many requests, in the order in which they came.

    While the model runs, requests wait; then as many as `rows` allow go together, where the model batches and
    the rest of their shapes is the same. Nobody waits for others to come. `waiting` is how many may wait.
    """

    def __init__(self, model: Model, rows: int, waiting: int, metrics: Metrics) -> None:
        self._model: Final = model
        self._rows: Final = rows if model.runner.signature.batches else 1
        self._most: Final = waiting
        self._metrics: Final = metrics
        self._queue: deque[_Asked] = deque()
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix=f"model-{model.name}")
        self._running: asyncio.Task[None] | None = None

    async def infer(self, inputs: Arrays) -> Arrays:
        """All outputs for all inputs.

        Raises:
            Unavailable: too many wait already.
            ModelFailed: the model broke.
        """
        if len(self._queue) >= self._most:
            raise Unavailable(f"{self._model.name}: {self._most} requests wait already")
        batches = self._model.runner.signature.batches
        asked = _Asked(inputs, next(iter(inputs.values())).shape[0] if batches and inputs else 1)
        self._queue.append(asked)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asked.answer

    async def drain(self) -> None:
        """Waits until everything that was taken is answered."""
        while self._running is not None:
            await asyncio.wait([self._running])
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                batch = self._next()
                if not batch:
                    continue
                self._metrics.batched(self._model, sum(each.rows for each in batch))
                try:
                    answers = await loop.run_in_executor(self._thread, self._answers, batch)
                except Exception as error:
                    for each in batch:
                        if not each.answer.done():
                            each.answer.set_exception(error)
                else:
                    for each, answer in zip(batch, answers, strict=True):
                        if not each.answer.done():
                            each.answer.set_result(answer)
        finally:
            self._running = None

    def _next(self) -> list[_Asked]:
        """The next to be run together; whoever has gone away meanwhile is left out."""
        batch: list[_Asked] = []
        rows = 0
        while self._queue:
            first = self._queue[0]
            if first.answer.done():
                self._queue.popleft()
                continue
            if batch and (rows + first.rows > self._rows or first.shape != batch[0].shape):
                break
            rows += first.rows
            batch.append(self._queue.popleft())
            if rows >= self._rows:
                break
        return batch

    def _answers(self, batch: list[_Asked]) -> list[Arrays]:
        runner = self._model.runner
        if len(batch) == 1:
            return [runner.run(batch[0].inputs)]
        together = {name: np.concatenate([each.inputs[name] for each in batch]) for name in batch[0].inputs}
        outputs = runner.run(together)
        ends = np.cumsum([each.rows for each in batch])[:-1]
        parts = {name: np.split(array, ends) for name, array in outputs.items()}
        return [{name: split[index] for name, split in parts.items()} for index in range(len(batch))]
