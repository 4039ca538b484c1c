from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """What stands in a document that we write ourselves: immutable, and without fields that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
