"""How well a model finds what is in pictures that it has not seen."""

from typing import Any, Final

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from detector.drawing import Drawn, picture

_OVERLAP: Final = 0.5
_SEED: Final = 20_000
"""Far from those that training draws from."""

Box = NDArray[np.float32]


def found(scores: NDArray[Any], boxes: NDArray[Any], least: float = 0.5) -> list[tuple[Drawn, float]]:
    """What a model says of one picture, the surest first: of boxes that overlap the surest one."""
    kept: list[tuple[Drawn, float]] = []
    for cell in np.argsort(-scores.max(-1)):
        score = float(scores[cell].max())
        if score < least:
            break
        if all(overlap(boxes[cell], each.box) < _OVERLAP for each, _ in kept):
            x, y, width, height = (float(each) for each in boxes[cell])
            kept.append((Drawn(int(scores[cell].argmax()), (x, y, width, height)), score))
    return kept


def overlap(one: Any, other: Any) -> float:
    """What two boxes share, as a part of what they take together."""
    lows = [max(one[i] - one[i + 2] / 2, other[i] - other[i + 2] / 2) for i in (0, 1)]
    highs = [min(one[i] + one[i + 2] / 2, other[i] + other[i + 2] / 2) for i in (0, 1)]
    shared = max(highs[0] - lows[0], 0) * max(highs[1] - lows[1], 0)
    return float(shared / (one[2] * one[3] + other[2] * other[3] - shared))


def measure(file: str, pictures: int = 1000) -> tuple[float, float]:
    """Precision and recall over all shapes: one is found where its name is right, and half of what the two
    boxes take together is shared.
    """
    random = np.random.default_rng(_SEED)
    ort: Any = onnxruntime
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    right = said = there = 0
    for _ in range(pictures):
        image, drawn = picture(random)
        scores, boxes = session.run(["scores", "boxes"], {"pictures": image[None]})
        guesses = found(scores[0], boxes[0])
        left = [*drawn]
        for guess, _ in guesses:
            hit = next(
                (
                    each
                    for each in left
                    if each.shape == guess.shape and overlap(each.box, guess.box) >= _OVERLAP
                ),
                None,
            )
            if hit is not None:
                left.remove(hit)
                right += 1
        said, there = said + len(guesses), there + len(drawn)
    return right / said, right / there
