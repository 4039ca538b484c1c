"""Asks a server with Triton's client, which has messages of its own by the names of ours."""

import sys

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

HTTP, GRPC = sys.argv[1:]
SENT = {
    "bool": ("BOOL", np.array([[True, False], [False, True]])),
    "uint8": ("UINT8", np.array([[0, 255], [1, 2]], np.uint8)),
    "uint16": ("UINT16", np.array([[0, 65535], [1, 2]], np.uint16)),
    "uint32": ("UINT32", np.array([[0, 2**32 - 1], [1, 2]], np.uint32)),
    "uint64": ("UINT64", np.array([[0, 2**64 - 1], [1, 2]], np.uint64)),
    "int8": ("INT8", np.array([[-128, 127], [1, 2]], np.int8)),
    "int16": ("INT16", np.array([[-32768, 32767], [1, 2]], np.int16)),
    "int32": ("INT32", np.array([[-(2**31), 2**31 - 1], [1, 2]], np.int32)),
    "int64": ("INT64", np.array([[-(2**63), 2**63 - 1], [1, 2]], np.int64)),
    "fp32": ("FP32", np.array([[0.1, -1e30], [1, 2]], np.float32)),
    "fp64": ("FP64", np.array([[0.1, -1e300], [1, 2]], np.float64)),
    "text": ("BYTES", np.array([[b"", "ünï".encode()], [b"a b", b"c"]], object)),
}

for name, library, url in (("http", tritonclient.http, HTTP), ("grpc", tritonclient.grpc, GRPC)):
    with library.InferenceServerClient(url) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("every")
        assert client.is_model_ready("every", "2")
        inputs = []
        for each, (datatype, array) in SENT.items():
            one = library.InferInput(each, array.shape, datatype)
            one.set_data_from_numpy(array)
            inputs.append(one)
        answer = client.infer("every", inputs, request_id="7")
        for each, (_, array) in SENT.items():
            np.testing.assert_array_equal(answer.as_numpy(f"{each}_out"), array)

        half = library.InferInput("a", [4], "FP16")
        half.set_data_from_numpy(np.array([0.5, -2, 65504, 0.1], np.float16))
        got = client.infer("half", [half]).as_numpy("b")
        np.testing.assert_array_equal(got, np.array([0.5, -2, 65504, 0.1], np.float16))

        with pytest.raises(library.InferenceServerException, match="expected the inputs"):
            client.infer("every", inputs[:1])
    print(name)
