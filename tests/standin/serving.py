"""Serves a stand-in over HTTP on loopback."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

_GZIP_FROM = 1_400  # bytes; Loki's and Prometheus' own bound


class Backend(Protocol):
    """Anything that answers as a server would; header names in lower case."""

    def answer(
        self, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]: ...


@contextmanager
def serving(backend: Backend) -> Iterator[str]:
    """The base URL of a server that answers with the backend until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = parts.query
            if self.command == "POST":
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                query = f"{query}&{body}" if query else body
            params = parse_qs(query, keep_blank_values=True)
            asked = {name.lower(): value for name, value in self.headers.items()}
            status, headers, body_out = backend.answer(self.command, unquote(parts.path), params, asked)
            if "gzip" in asked.get("accept-encoding", "") and len(body_out) >= _GZIP_FROM:
                body_out = gzip.compress(body_out, compresslevel=1)
                headers = {**headers, "content-encoding": "gzip"}
            self.send_response_only(status)
            for name, value in {"date": formatdate(usegmt=True), **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body_out)))
            self.end_headers()
            self.wfile.write(body_out)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests' output is theirs."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
