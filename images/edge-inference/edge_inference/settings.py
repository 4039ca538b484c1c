"""What the environment says."""

from pathlib import Path
from typing import Annotated

from pydantic import ByteSize, Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """Variables `EDGE_INFERENCE_…`.

    `models` is the folder with `NAME/VERSION/model.onnx`, `threads` how many processors a model takes, `rows`
    how many of a batch go together at most, `waiting` how many requests of a model may wait, `largest` how
    many bytes a request has at most (`64MiB`), `grace` how many seconds a server that ends gives to what it
    has taken, and `settle` how long it goes on taking requests before, while nobody sends new ones.
    A port of 0 is any that is free.
    """

    model_config = SettingsConfigDict(env_prefix="EDGE_INFERENCE_", frozen=True)

    models: Path = Path("/models")
    host: str = "0.0.0.0"  # noqa: S104 - a container is reached from outside or not at all
    http_port: Port = 8000
    grpc_port: Port = 8001
    threads: PositiveInt = 2
    rows: PositiveInt = 8
    waiting: PositiveInt = 128
    largest: ByteSize = ByteSize(64 * 1024 * 1024)
    grace: PositiveInt = 25
    settle: Annotated[float, Field(ge=0)] = 3.0
