"""Run the gateway: one event loop, the socket of the supervisor, a graceful end."""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import structlog
import uvicorn
import uvloop

from regulars.analyst.client import AnalystClient
from regulars.api.app import Surface
from regulars.console import app as console_app
from regulars.core.errors import RegularsError
from regulars.gateway.protocol import protocol
from regulars.gateway.upkeep import Upkeep
from regulars.runtime import Services, Settings
from regulars.runtime.build import gateway_services
from regulars.runtime.deciding import deciding
from regulars.runtime.processes import end_with_parent, exit_code, logging_to_stderr
from regulars.runtime.settings import from_argument
from regulars.runtime.status import StatusFile
from regulars.shop import load

_LOG = structlog.get_logger("regulars.gateway")
#: The group commit's thread asks for the interpreter a few times for each fsync; with Python's default it would wait up
#: to 5 ms each time while the event loop is busy, and every request of the group with it.
SWITCH_SECONDS = 0.0005
#: When Python looks for cycles. A decision makes none but some hundred objects: with the usual thresholds the search
#: took about a tenth of the time of answering. Everybody waits while it looks, about 0.3 ms for a thousand new objects:
#: a decision keeps some ten of them, so that with ten thousand at once four requests of a second waited for 3 to 4 ms.
COLLECT = (3_000, 50, 50)
#: First parts of the paths that the console answers.
CONSOLE = ("", "console", "login", "logout", "confirm", "me", "static")


def main(arguments: Sequence[str]) -> int:
    """`SETTINGS DESCRIPTOR PARENT`; the exit code."""
    settings, descriptor, parent = from_argument(arguments[0]), int(arguments[1]), int(arguments[2])
    end_with_parent(parent)
    logging_to_stderr()
    status = StatusFile(settings.data / "status" / "gateway")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # uvicorn takes them while it serves and hands them back at the end
    try:
        listening = socket.socket(fileno=descriptor)
        sys.setswitchinterval(SWITCH_SECONDS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listening, status))
    except RegularsError as error:
        _LOG.error("the gateway cannot go on", error=str(error))
        status.write({"pid": os.getpid(), "ready": False, "error": str(error), "at": time.time()})
        return exit_code(error)
    return 0


async def _serve(settings: Settings, listening: socket.socket, status: StatusFile) -> None:
    definitions = load(settings.shop)
    services = gateway_services(settings, definitions, AnalystClient(settings.data, definitions))
    try:
        console: Any = console_app(services)
        surface = Surface(services, mounts=dict.fromkeys(CONSOLE, console))
        config = uvicorn.Config(
            surface,
            http=protocol(surface.hot),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=settings.trusted_proxies is not None,
            forwarded_allow_ips=settings.trusted_proxies,
            server_header=False,
            backlog=2048,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=int(settings.stop_seconds * 2 / 3),
        )
        server = uvicorn.Server(config)
        upkeep = Upkeep(services, settings)
        upkeep.start()
        told = asyncio.create_task(begin(server, status, services))
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)
        await server.serve(sockets=[listening])
        told.cancel()
        await upkeep.stop()
        await services.intake.close()
    finally:
        services.close()


async def begin(server: uvicorn.Server, status: StatusFile, services: Services) -> None:
    """Say that requests are answered, then make ready for decisions, so that no customer waits for it."""
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.005)
    status.write({"pid": os.getpid(), "ready": True, "since": time.time()})
    if services.definitions.placements:
        try:
            await deciding(services).ready()
        except RegularsError as error:
            _LOG.warning("not ready for decisions; the first call tries again", error=str(error))
        # What is kept from now on is never looked through for cycles again.
        gc.collect()
        gc.freeze()
