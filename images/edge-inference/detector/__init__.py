"""A small model that finds shapes in pictures: drawn, trained and measured here.

    uv run --group training python -m detector train MODELS/shapes/1/model.onnx
    uv run --group training python -m detector measure MODELS/shapes/1/model.onnx

It is there to have something real to serve, of which everything is known. It takes `pictures` of 64 by 64
pixels
(FP32 from 0 to 1, shape [-1, 3, 64, 64]) and gives for each of 64 places the probability of each of
`drawing.SHAPES` (`scores`, [-1, 64, 3]) and a box as centre and size, from 0 to 1 (`boxes`, [-1, 64, 4]).
"""
