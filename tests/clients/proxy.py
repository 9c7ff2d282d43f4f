"""A proxy between a client and the product that fails as networks do: answers 429 or 503, resets, loses answers."""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

#: Stored, but the client never hears of it: what a retry then carries must not count again.
LOST_ANSWER = "lost answer"
RESET = "reset"
#: The answer ends in the middle, though its length was told.
TRUNCATED = "truncated"
#: Everything arrives, late.
DELAY = "delay"
DELAY_SECONDS = 0.3
_OF_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy:
    """`with Proxy(address, [503, RESET]) as proxy:` fails the first two POSTs and lets all others through."""

    def __init__(self, target: str, faults: Iterable[int | str]) -> None:
        self.failed: list[int | str] = []
        self.passed = 0
        self.retry_after = "0"
        self.spared = ""  # a path that ends so never fails
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._target = urlsplit(target).netloc
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self) -> int | str | None:
        """What happens to the next request."""
        with self._lock:
            if not self._faults:
                self.passed += 1
                return None
            fault = self._faults.pop(0)
            self.failed.append(fault)
            return fault

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The product's answer."""
        connection = http.client.HTTPConnection(self._target, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answered(self, body: bytes, status: int) -> None:
        """Hear what the product answered to a request, whatever its client will hear; for those who keep account."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        body = self._body()
        spared = self.server.proxy.spared
        failing = self.command == "POST" and not (spared and self.path.endswith(spared))
        fault = self.server.proxy.fault() if failing else None
        if isinstance(fault, int):
            self._answer(fault, [("retry-after", self.server.proxy.retry_after), *self._readable()], b"")
            return
        if fault == RESET:
            self._reset()
            return
        if fault == DELAY:
            time.sleep(DELAY_SECONDS)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _OF_CONNECTION}
        try:
            status, headers, content = self.server.proxy.forward(self.command, self.path, kept, body)
        except (OSError, http.client.HTTPException):  # the product is away, or went while it answered
            self._reset()
            return
        self.server.proxy.answered(body, status)
        if fault == LOST_ANSWER:
            self._reset()
            return
        kept_headers = [(n, v) for n, v in headers if n.lower() not in _OF_CONNECTION]
        self._answer(status, kept_headers, content, sent=len(content) // 2 if fault == TRUNCATED else len(content))

    do_GET = do_POST = do_OPTIONS = _serve  # noqa: N815 - the names that the standard library looks for

    def _readable(self) -> list[tuple[str, str]]:
        """As the product does: a page of another origin may read why it was refused, and when to come again."""
        origin = self.headers.get("origin")
        if not origin:
            return []
        return [
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "retry-after"),
        ]

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, *, sent: int = 0) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:sent])
        if sent < len(content):
            self.close_connection = True

    def _reset(self) -> None:
        # With a linger of zero seconds, closing sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        """End; the connection may be reset already."""
        try:
            super().finish()
        except (OSError, ValueError):
            return
