"""A gateway's protocol on real sockets, in the test's own event loop, over a log whose commits a test can hold back."""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from regulars.adapters.log.group import GroupCommit
from regulars.adapters.log.memory import MemoryLog
from regulars.api import intake
from regulars.api.asgi import Receive, Scope, Send, read_body, serve
from regulars.api.metrics import Metrics
from regulars.collect.network import Networks
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.log import NewRecord
from regulars.gateway.protocol import HotProtocol, protocol
from regulars.runtime import Services, Settings
from regulars.runtime.rates import Crowds, Rates, Strangers

KEY = "public-web-key"
DEFINITIONS = Definitions(
    shop=Shop(name="Corner"),
    sources=(Source(id="web", kind="browser", write_key=KEY, scopes=("collect",), origins=("https://shop.example",)),),
)
SECONDS = 20.0


class HeldLog(MemoryLog):
    """Commits wait while `gate` is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()

    def append(self, records: Sequence[NewRecord]) -> int:
        self.gate.wait()
        return super().append(records)

    def bodies(self) -> list[bytes]:
        return [record.body for record in self.read(0)]


class Gateway:
    """Intake on its own, with an app of a few lines for the other paths. `later` lets GET /later answer."""

    def __init__(self) -> None:
        self.log = HeldLog()
        self.metrics = Metrics()
        self.group = GroupCommit(self.log)
        services = SimpleNamespace(
            definitions=DEFINITIONS,
            intake=self.group,
            rates=Rates(DEFINITIONS.sources),
            strangers=Strangers(),
            crowds=Crowds(0),
            networks=Networks([]),
            settings=Settings(shop=Path("shop"), data=Path("data")),
        )
        self.routes = intake.routes(cast(Services, services), self.metrics)
        self.later = asyncio.Event()
        self.state = ServerState()
        self.config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http=protocol(self.routes),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        self.config.load()

    @asynccontextmanager
    async def client(self, **limits: Any) -> AsyncIterator["Client"]:
        """A client and its connection, with other limits of the protocol than it has."""
        here, there = socket.socketpair()
        made = cast(type[HotProtocol], type("Limited", (self.config.http_protocol_class,), limits))
        loop = asyncio.get_running_loop()
        _, served = await loop.connect_accepted_socket(lambda: made(self.config, self.state, {}, loop), there)
        reader, writer = await asyncio.open_connection(sock=here)
        try:
            yield Client(reader, writer, served)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def counted(self) -> dict[tuple[str, int], int]:
        """Requests by route and status."""
        found = next(iter(self.metrics.families()))
        return {(s.labels["route"], int(s.labels["status"])): int(s.value) for s in found.samples}

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self.routes:
            await serve(self.routes[scope["path"]], scope, receive, send)
            return
        if scope["path"] == "/later":
            await self.later.wait()
        body = await read_body(receive, 1_000_000)
        told = f"{scope['method']} {scope['path']} ".encode() + body
        headers = [(b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


class Client:
    """Sends bytes; reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, served: HotProtocol) -> None:
        self.reader = reader
        self.writer = writer
        self.served = served

    async def send(self, *pieces: bytes) -> None:
        """Each piece in a packet of its own: the server has had its turn before the next."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            for _ in range(3):
                await asyncio.sleep(0)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SECONDS)).decode()
        line, *lines = head.strip().split("\r\n")
        headers = dict(re.split(": *", line.lower(), maxsplit=1) for line in lines)
        body = await asyncio.wait_for(self.reader.readexactly(int(headers.get("content-length", "0"))), SECONDS)
        return int(line.split(" ")[1]), headers, body

    async def rest(self) -> bytes:
        """All until the server closes the connection."""
        return await asyncio.wait_for(self.reader.read(), SECONDS)

    async def silent(self) -> bool:
        """Whether nothing comes while the server has its turns."""
        look = asyncio.ensure_future(self.reader.read(1))
        for _ in range(20):
            await asyncio.sleep(0)
        return look.cancel()


def track(body: bytes = b'{"event":"Seen"}', *headers: str, path: str = "/v1/track", version: str = "1.1") -> bytes:
    """A whole request."""
    lines = [f"POST {path} HTTP/{version}", "Host: shop", f"X-Write-Key: {KEY}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def chunked(*chunks: bytes) -> bytes:
    """A request whose body comes in chunks."""
    head = f"POST /v1/track HTTP/1.1\r\nHost: shop\r\nX-Write-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


async def until(condition: Callable[[], object]) -> None:
    """Wait while the server works."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)


def run(scenario: Any) -> None:
    """Run a scenario with a gateway of its own."""

    async def play() -> None:
        gateway = Gateway()
        try:
            await scenario(gateway)
        finally:
            gateway.log.gate.set()
            await gateway.group.close()

    asyncio.run(play())
