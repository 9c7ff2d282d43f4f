"""Serve a shop: hold its data folder and its port, keep gateway and updater alive, stop in order."""

import errno
import os
import socket
import threading
import time
from collections.abc import Callable

import structlog

from regulars.core.errors import Rejected, Unavailable
from regulars.runtime import Settings, open_folder
from regulars.runtime.build import prepare
from regulars.runtime.folder import lock
from regulars.runtime.processes import INPUT, WORLD, logging_to_stderr, stop_on_signals
from regulars.runtime.settings import to_argument
from regulars.runtime.status import StatusFile
from regulars.serve.child import Child
from regulars.serve.restored import erase_again
from regulars.shop import load

_LOG = structlog.get_logger("regulars.serve")
#: How long the first start may take; seconds.
START_SECONDS = 60.0
_POLL_SECONDS = 0.02


def serve(
    settings: Settings, *, when_ready: Callable[[Settings], None], stopping: threading.Event | None = None
) -> None:
    """Run until SIGTERM or SIGINT. What is wrong with shop, folder or port is told before anything starts."""
    definitions = load(settings.shop)
    listening = listen(settings.host, settings.port)
    folder = open_folder(settings.data)
    held = lock(folder, f"the server at {settings.address} (process {os.getpid()})")
    prepare(settings)
    logging_to_stderr()
    stopping = stopping or stop_on_signals()
    argument, pid, address = to_argument(settings), str(os.getpid()), settings.address
    updater = Child("updater", "regulars.updater", [argument, pid], folder.status / "updater", [held])
    gateway = Child(
        "gateway",
        "regulars.gateway",
        [argument, str(listening.fileno()), pid],
        folder.status / "gateway",
        [held, listening.fileno()],
    )
    children = (updater, gateway)
    status = StatusFile(folder.status / "supervisor")
    try:
        updater.start()
        _tell(status, address, children, started=False)
        # Before anybody is let in: a backup that was put back may hold people who were erased since.
        erase_again(folder, settings, definitions, updater, stopping)
        gateway.start()
        if _started(children, stopping):
            _tell(status, address, children)
            when_ready(settings)
            _keep(children, status, address, stopping)
    finally:
        # The gateway first: what it has acknowledged is still folded, and commands still get their answers.
        for child in (gateway, updater):
            if not child.stop(settings.stop_seconds):
                _LOG.warning("had to be killed", process=child.name, seconds=settings.stop_seconds)
        listening.close()
        status.write({"pid": None, "children": {}})
        os.close(held)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; children inherit it, so that a new gateway takes over the waiting connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except (OSError, socket.gaierror) as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise Rejected(
                f"port {port} of {host} is in use by another program; stop it, or choose another port with --port",
                field="--port",
                expected="a free port",
                got=str(port),
            ) from None
        raise Rejected(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose another --host or --port",
            field="--host",
            expected="an address of this machine and a port that you may use",
            got=f"{host}:{port}",
        ) from None
    listening.setblocking(False)
    return listening


def _started(children: tuple[Child, ...], stopping: threading.Event) -> bool:
    """Wait until all are ready for the first time. One that gives up with a message ends the whole start."""
    deadline = time.monotonic() + START_SECONDS
    while not all(child.ready() for child in children):
        for child in children:
            code = child.exit_code()
            if code is None:
                continue
            if code < 0:  # killed from outside
                child.tend()
                continue
            error = str(child.said().get("error", "")) or f"the {child.name} ended with exit code {code} while starting"
            if code == INPUT:
                raise Rejected(error)
            if code == WORLD:
                raise Unavailable(error)
            raise RuntimeError(error)
        if time.monotonic() > deadline:
            late = ", ".join(child.name for child in children if not child.ready())
            raise Unavailable(f"not ready after {START_SECONDS:.0f} s: {late}; see the lines above and try again")
        if stopping.wait(_POLL_SECONDS):
            return False
    return True


def _keep(children: tuple[Child, ...], status: StatusFile, address: str, stopping: threading.Event) -> None:
    while not stopping.wait(_POLL_SECONDS):
        changed = False
        for child in children:
            restarts = child.restarts
            if child.tend():
                changed = True
                if child.restarts > restarts:
                    _LOG.warning("started again", process=child.name, restarts=child.restarts, reason=child.reason)
                else:
                    _LOG.warning("ended and is started again", process=child.name, reason=child.reason)
        if changed:
            _tell(status, address, children)


def _tell(status: StatusFile, address: str, children: tuple[Child, ...], *, started: bool = True) -> None:
    described = {child.name: child.describe() for child in children}
    status.write({"pid": os.getpid(), "address": address, "started": started, "children": described})
