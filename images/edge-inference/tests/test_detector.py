"""The model that ships finds what it is there to find."""

from pathlib import Path

import numpy as np
import pytest

from detector.drawing import SHAPES, SIDE, Drawn, picture
from detector.measuring import found, measure, overlap
from edge_inference.onnx_runner import OnnxRunner

MODEL = Path(__file__).parents[1] / "detector/models/shapes/1/model.onnx"


def test_pictures_are_drawn_by_their_seed() -> None:
    one, what = picture(np.random.default_rng(7))
    again, _ = picture(np.random.default_rng(7))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (3, SIDE, SIDE)
    assert what
    assert all(0 <= each.shape < len(SHAPES) for each in what)


def test_boxes_overlap_by_what_they_share() -> None:
    assert overlap((0.5, 0.5, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2)) == pytest.approx(1)
    assert overlap((0.2, 0.2, 0.2, 0.2), (0.8, 0.8, 0.2, 0.2)) == 0
    assert overlap((0.5, 0.5, 0.2, 0.2), (0.6, 0.5, 0.2, 0.2)) == pytest.approx(1 / 3)


def test_of_boxes_that_overlap_the_surest_one_is_found() -> None:
    boxes = np.tile(np.array([0.5, 0.5, 0.2, 0.2], np.float32), (64, 1))
    scores = np.zeros((64, len(SHAPES)), np.float32)
    scores[3, 1], scores[4, 2] = 0.9, 0.8
    [(one, score)] = found(scores, boxes)
    assert one.shape == 1
    assert score == np.float32(0.9)
    assert isinstance(one, Drawn)


def test_nine_of_ten_shapes_are_found_and_hardly_anything_that_is_not_there() -> None:
    precision, recall = measure(str(MODEL), 300)
    assert precision >= 0.95
    assert recall >= 0.9


def test_a_batch_gives_what_its_rows_give() -> None:
    runner = OnnxRunner(MODEL, 1)
    assert runner.signature.batches
    random = np.random.default_rng(11)
    pictures = np.stack([picture(random)[0] for _ in range(5)])
    together = runner.run({"pictures": pictures})
    for index in range(5):
        alone = runner.run({"pictures": pictures[index : index + 1]})
        for name in ("scores", "boxes"):
            np.testing.assert_allclose(together[name][index], alone[name][0], rtol=1e-4, atol=1e-5)
