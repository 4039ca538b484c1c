"""Serves models on small machines by the Open Inference Protocol, over HTTP and gRPC."""
