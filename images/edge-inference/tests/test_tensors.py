"""Tensors come back as they went, and what is none is refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_inference.errors import InvalidRequest
from edge_inference.tensors import DATATYPES, Tensor, from_elements, from_raw, to_elements, to_raw

NUMBERS = [each for each in DATATYPES if each != "BYTES"]


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    datatype = draw(st.sampled_from([*DATATYPES]))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    if datatype == "BYTES":
        array = np.empty(shape, object)
        flat = array.reshape(-1)
        for index in range(flat.size):
            flat[index] = draw(st.text(st.characters(exclude_categories=["Cs"]))).encode()
        return Tensor("x", datatype, flat.reshape(shape))
    kind = DATATYPES[datatype]
    elements = (
        st.booleans()
        if datatype == "BOOL"
        else arrays.from_dtype(kind, allow_nan=False, allow_infinity=False)
    )
    return Tensor("x", datatype, draw(arrays.arrays(kind, shape, elements=elements)))


@given(tensors())
def test_raw_bytes_give_the_tensor_again(tensor: Tensor) -> None:
    again = from_raw("x", tensor.datatype, tensor.array.shape, to_raw(tensor))
    np.testing.assert_array_equal(again.array, tensor.array)


@given(tensors())
def test_elements_in_json_give_the_tensor_again(tensor: Tensor) -> None:
    said = json.loads(json.dumps(to_elements(tensor)))
    np.testing.assert_array_equal(
        from_elements("x", tensor.datatype, tensor.array.shape, said).array, tensor.array
    )


@given(tensors(), st.binary(max_size=40))
def test_other_bytes_are_refused_or_a_tensor_of_that_shape(tensor: Tensor, data: bytes) -> None:
    try:
        again = from_raw("x", tensor.datatype, tensor.array.shape, data)
    except InvalidRequest:
        return
    assert again.array.shape == tensor.array.shape
    assert to_raw(again) == data


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)


@given(st.sampled_from([*DATATYPES]), st.lists(st.integers(-1, 4), max_size=3), json_like)
def test_any_other_elements_are_refused_or_a_tensor_of_that_shape(
    datatype: str, shape: list[int], data: Any
) -> None:
    try:
        made = from_elements("x", datatype, shape, data)
    except InvalidRequest:
        return
    assert [*made.array.shape] == shape


@pytest.mark.parametrize(
    ("datatype", "element"),
    [
        ("UINT8", 256),
        ("UINT8", -1),
        ("INT8", 128),
        ("INT64", 2**63),
        ("UINT64", 2**64),
        ("INT32", 1.0),
        ("INT32", True),
        ("BOOL", 1),
        ("FP32", "1"),
        ("BYTES", 1),
    ],
)
def test_an_element_that_the_datatype_does_not_hold_is_refused(datatype: str, element: object) -> None:
    with pytest.raises(InvalidRequest):
        from_elements("x", datatype, [1], [element])
