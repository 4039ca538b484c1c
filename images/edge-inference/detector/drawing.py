"""Pictures of shapes, and what is in them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SHAPES: Final = ("circle", "square", "triangle")
SIDE: Final = 64
_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A shape by its place in SHAPES, with the centre and the size of its box, all from 0 to 1."""

    shape: int
    box: tuple[float, float, float, float]


def picture(random: np.random.Generator) -> tuple[NDArray[np.float32], list[Drawn]]:
    """A picture [3, SIDE, SIDE] from 0 to 1 of one to three shapes, none of which covers half of another, on
    a noisy ground, and what is in it.
    """
    ground = random.uniform(0, 1, 3)
    tilt = random.uniform(-0.15, 0.15, (3, 2))
    image = np.stack(
        [g + t[0] * _ROWS / SIDE + t[1] * _COLUMNS / SIDE for g, t in zip(ground, tilt, strict=True)]
    )
    drawn: list[Drawn] = []
    for _ in range(random.integers(1, 4)):
        one = _place(random, drawn)
        if one is None:
            continue
        colour = _apart(random, ground)
        mask = _mask(one)
        image = np.where(mask, colour[:, None, None], image)
        drawn.append(one)
    image += random.normal(0, random.uniform(0, 0.08), image.shape)
    return np.clip(image, 0, 1).astype(np.float32), drawn


def _place(random: np.random.Generator, others: list[Drawn]) -> Drawn | None:
    for _ in range(20):
        size = random.uniform(0.16, 0.45)
        x, y = random.uniform(size / 2, 1 - size / 2, 2)
        if all(abs(x - each.box[0]) + abs(y - each.box[1]) > (size + each.box[2]) / 2 for each in others):
            return Drawn(int(random.integers(len(SHAPES))), (x, y, size, size))
    return None


def _apart(random: np.random.Generator, ground: NDArray[Any]) -> NDArray[Any]:
    """A colour that can be told from the ground."""
    while True:
        colour = random.uniform(0, 1, 3)
        if np.abs(colour - ground).max() > 0.3:
            return colour


def _mask(one: Drawn) -> NDArray[np.bool_]:
    x, y, width, _ = (SIDE * each for each in one.box)
    across, down = _COLUMNS + 0.5 - x, _ROWS + 0.5 - y
    half = width / 2
    match SHAPES[one.shape]:
        case "circle":
            return across**2 + down**2 <= half**2
        case "square":
            return (np.abs(across) <= half) & (np.abs(down) <= half)
        case _:
            return (np.abs(down) <= half) & (np.abs(across) <= (down + half) / 2)
