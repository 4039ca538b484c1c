"""The API server behind HTTP on loopback."""

import json
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from urllib.parse import parse_qsl, urlsplit

from tests.simulated.api_server import ApiServer
from tests.simulated.objects import Body, Refused


@contextmanager
def serving() -> Generator[ApiServer]:
    """A server that answers while the block runs."""
    server = ApiServer()
    connections: set[socket] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            request = f"{self.command} {self.path}"
            server.asked.append(request)
            if fault := server.fault(request):
                time.sleep(fault.delay)
                if fault.status is None:
                    self.close_connection = True
                else:
                    self._send(fault.status, fault.body, fault.headers)
                return
            try:
                if query.get("watch"):
                    self._stream(server.watch(url.path, query))
                    return
                content = self.headers.get("Content-Type", "")
                status, body = server.answer(
                    self.command, url.path, query, content, json.loads(text or b"{}")
                )
            except Refused as refused:
                plain = refused.message.encode()
                self._send(refused.code, json.dumps(refused.status).encode() if refused.reason else plain)
            else:
                self._send(status, json.dumps(body).encode())

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, events: Iterator[Body]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            for event in events:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        server.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.close()
            http.shutdown()
            thread.join()
            for connection in list(connections):
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)
