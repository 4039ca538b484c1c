"""Serves models on small machines by the Open Inference Protocol, over HTTP and gRPC."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""ONNX Runtime reads it when it is imported: nobody is told of what is run here."""
