"""Teaches the network from pictures that are drawn meanwhile."""

from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from detector.drawing import SHAPES, Drawn, picture
from detector.network import CELLS, Weights, apply, initial

_BATCH: Final = 64

Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def train(steps: int, seed: int = 1) -> Weights:
    """Weights after `steps` batches of pictures that were never drawn before."""
    random = np.random.default_rng(seed)
    weights = initial(seed)
    optimizer = optax.adamw(
        optax.warmup_cosine_decay_schedule(0, 3e-3, steps // 10, steps), weight_decay=1e-4
    )
    state = optimizer.init(weights)

    @jax.jit
    def step(
        weights: Weights, state: optax.OptState, batch: Batch
    ) -> tuple[Weights, optax.OptState, jax.Array]:
        lost, gradient = jax.value_and_grad(_lost)(weights, batch)
        updates, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state, lost  # pyright: ignore[reportReturnType]

    for number in range(1, steps + 1):
        weights, state, lost = step(weights, state, _batch(random))
        if number % 100 == 0:
            print(f"{number} of {steps}: {float(lost):.3f}")
    return weights


def _lost(weights: Weights, batch: Batch) -> jax.Array:
    pictures, scores, boxes = batch
    logits, guessed = apply(weights, jnp.asarray(pictures))
    held = scores.max(-1)
    which = optax.sigmoid_binary_cross_entropy(logits, jnp.asarray(scores)).sum() / held.sum()
    where = (jnp.abs(guessed - boxes).sum(-1) * held).sum() / held.sum()
    return which + 5 * where


def _batch(random: np.random.Generator) -> Batch:
    pictures, scores, boxes = (
        [],
        np.zeros((_BATCH, CELLS**2, len(SHAPES)), np.float32),
        np.zeros((_BATCH, CELLS**2, 4), np.float32),
    )
    for index in range(_BATCH):
        image, drawn = picture(random)
        pictures.append(image)
        for each in drawn:
            cell = cell_of(each)
            scores[index, cell, each.shape] = 1
            boxes[index, cell] = each.box
    return np.stack(pictures), scores, boxes


def cell_of(one: Drawn) -> int:
    """The place of 64 that answers for a shape: where its centre is."""
    x, y = (min(int(each * CELLS), CELLS - 1) for each in one.box[:2])
    return y * CELLS + x
