"""The network, for training in JAX and as an ONNX model of the same weights."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from detector.drawing import SHAPES, SIDE

CELLS: Final = 8
_CHANNELS: Final = (3, 16, 32, 64, 64, 64)
_STRIDES: Final = (2, 2, 2, 1, 1)
_OUT: Final = len(SHAPES) + 4

_SCALE: Final = np.array([1 / CELLS, 1 / CELLS, 1, 1], np.float32)
_ORIGIN: Final = np.array(
    [[x / CELLS, y / CELLS, 0, 0] for y in range(CELLS) for x in range(CELLS)], np.float32
)
"""A network of convolutions does not know where it is: it says where in its cell a centre is."""

Weights = dict[str, jax.Array]


def initial(seed: int) -> Weights:
    """Weights before any training."""
    keys = iter(jax.random.split(jax.random.key(seed), len(_CHANNELS)))
    weights: Weights = {}
    for index, (before, after) in enumerate(pairwise((*_CHANNELS, _OUT))):
        side = 3 if index < len(_STRIDES) else 1
        scale = (2 / (before * side * side)) ** 0.5
        weights[f"w{index}"] = scale * jax.random.normal(next(keys), (after, before, side, side))
        weights[f"b{index}"] = jnp.zeros(after)
    return weights


def apply(weights: Weights, pictures: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Logits [N, cells, shapes] and boxes [N, cells, 4] for pictures [N, 3, SIDE, SIDE]."""
    x = pictures
    for index, stride in enumerate((*_STRIDES, 1)):
        edge = (1, 1) if index < len(_STRIDES) else (0, 0)
        x = jax.lax.conv_general_dilated(x, weights[f"w{index}"], (stride, stride), (edge, edge))
        x = x + weights[f"b{index}"][None, :, None, None]
        if index < len(_STRIDES):
            x = jax.nn.relu(x)
    flat = x.reshape(x.shape[0], _OUT, CELLS * CELLS).transpose(0, 2, 1)
    return flat[..., : len(SHAPES)], jax.nn.sigmoid(flat[..., len(SHAPES) :]) * _SCALE + _ORIGIN


def as_onnx(weights: Mapping[str, Any]) -> onnx.ModelProto:
    """The network with these weights, which gives probabilities in place of logits."""
    nodes: list[onnx.NodeProto] = []
    last = "pictures"
    for index, stride in enumerate((*_STRIDES, 1)):
        edge = 1 if index < len(_STRIDES) else 0
        nodes.append(
            helper.make_node(
                "Conv",
                [last, f"w{index}", f"b{index}"],
                [f"conv{index}"],
                strides=[stride, stride],
                pads=[edge] * 4,
            )
        )
        last = f"conv{index}"
        if edge:
            nodes.append(helper.make_node("Relu", [last], [f"relu{index}"]))
            last = f"relu{index}"
    nodes += [
        helper.make_node("Reshape", [last, "cells"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["by_cell"], perm=[0, 2, 1]),
        helper.make_node("Sigmoid", ["by_cell"], ["from_0_to_1"]),
        helper.make_node("Split", ["from_0_to_1", "parts"], ["scores", "within"], axis=2),
        helper.make_node("Mul", ["within", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "origin"], ["boxes"]),
    ]
    constants = {
        **{name: np.asarray(each, np.float32) for name, each in weights.items()},
        "cells": np.array([0, _OUT, CELLS * CELLS], np.int64),
        "parts": np.array([len(SHAPES), 4], np.int64),
        "scale": _SCALE,
        "origin": _ORIGIN,
    }
    graph = helper.make_graph(
        nodes,
        "shapes",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CELLS**2, len(SHAPES)]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", CELLS**2, 4]),
        ],
        [numpy_helper.from_array(each, name) for name, each in constants.items()],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    onnx.checker.check_model(model, full_check=True)
    return model
