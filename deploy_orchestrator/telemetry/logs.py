"""Logs as JSON, a line for each, with what it is about beside the words."""

import json
import logging
from datetime import UTC, datetime
from typing import Final

from deploy_orchestrator.telemetry.traces import trace_of

_ABOUT: Final = ("environment", "tenant", "release", "source")
_OURS: Final = ("deploy_orchestrator", "opentelemetry", "uvicorn")


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `logger` and `message` of each record, `error` with its traceback, and the
    `environment`, `tenant`, `release` and `source` (a commit of the fleet) that it is about, with the
    `trace_id` of that.
    """

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        about = vars(record)
        told |= {name: str(about[name]) for name in _ABOUT if about.get(name)}
        if source := told.get("source"):
            told["trace_id"] = f"{trace_of(source):032x}"
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_as_json() -> None:
    """Have this process log so, to standard error, what itself and its web server say, from INFO on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
