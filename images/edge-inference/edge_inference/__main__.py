"""`python -m edge_inference`: serves the models of a folder until it is told to end."""

import asyncio
import logging
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
import uvloop

from edge_inference.errors import ModelFailed, NoModel
from edge_inference.http import application
from edge_inference.metrics import Metrics
from edge_inference.repository import load
from edge_inference.rpc import serve
from edge_inference.server import Server
from edge_inference.settings import Settings

_log = logging.getLogger("edge_inference")


def main() -> None:
    """Serves; exits with 2 where the models cannot be loaded."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        uvloop.run(_serve(Settings()))
    except (NoModel, ModelFailed) as error:
        _log.error("%s", error)
        sys.exit(2)


async def _serve(settings: Settings) -> None:
    metrics = Metrics()
    models = [*load(settings.models, settings.threads)]
    server = Server(models, settings.rows, settings.waiting, metrics)
    rpc = serve(server, f"{settings.host}:{settings.grpc_port}", settings.largest)
    web = _Web(
        uvicorn.Config(
            application(server, metrics, settings.largest),
            settings.host,
            settings.http_port,
            log_level="warning",
            timeout_graceful_shutdown=settings.grace,
        )
    )
    ended = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    await rpc.start()
    serving = asyncio.create_task(web.serve())
    await server.start()
    _log.info("serving %s", ", ".join(f"{each.name} {each.version}" for each in models))
    await asyncio.wait([serving, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED)
    server.leave()
    await asyncio.sleep(settings.settle)
    web.should_exit = True
    await asyncio.gather(server.stop(), rpc.stop(settings.grace), serving)


class _Web(uvicorn.Server):
    """Leaves signals to whoever serves."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


if __name__ == "__main__":
    main()
