"""What an ingress controller does for one host: TLS ends here, and what was in it goes to a Service."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from rig.certificates import Certified
from rig.processes import free_port


@contextmanager
def ingress(address: str, certified: Certified, service: Callable[[], tuple[str, int]]) -> Iterator[str]:
    """The URL that it is reached by. `service` says for each connection where it goes."""
    port = free_port()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certified.certificate, certified.key)
    loop, listening = asyncio.new_event_loop(), Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner, outer = await asyncio.open_connection(*await asyncio.to_thread(service))
        except Exception:
            writer.close()
            raise
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer))

    async def listen() -> None:
        server = await asyncio.start_server(relay, address, port, ssl=tls)
        listening.set()
        with suppress(asyncio.CancelledError):
            await server.serve_forever()

    serving = loop.create_task(listen())
    thread = Thread(target=loop.run_until_complete, args=(serving,), daemon=True)
    thread.start()
    listening.wait(10)
    try:
        yield f"https://{address}:{port}"
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join()
        loop.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
