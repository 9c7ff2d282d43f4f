"""Whoever comes without a key that holds: from which address, and how often."""

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from regulars.api.problem import Problem
from regulars.runtime import Services
from regulars.runtime.rates import STRANGER_BURST, STRANGER_RATE, Strangers

Headers = Sequence[tuple[bytes, bytes]]


class Visitors:
    """Counts refused keys and signatures by address; what a trusted proxy says about the address is believed."""

    def __init__(self, strangers: Strangers, trusted_proxies: str | None = None) -> None:
        self._strangers = strangers
        self._forwarded = ProxyHeadersMiddleware(_nobody, trusted_proxies) if trusted_proxies else None

    def refused(self, address: str, headers: Headers, problem: Problem) -> Problem:
        """The answer to a wrong key: this one, or that it was tried too often."""
        wait = self._strangers.refused(self.address(address, headers))
        if not wait:
            return problem
        seconds = math.ceil(wait)
        return Problem(
            429,
            f"too many requests from this address had a key or signature that is unknown here: {problem.detail}. "
            f"Try again in {seconds} s; whoever has a key that holds need not wait",
            field=problem.field,
            expected=problem.expected,
            got=f"more than {STRANGER_BURST} refused requests, or more than {STRANGER_RATE:g} a second",
            headers=((b"retry-after", str(seconds).encode()), (b"connection", b"close")),
        )

    def trusts(self, peer: str) -> bool:
        """Whether who is connected is a proxy whose headers are believed."""
        return self._forwarded is not None and peer in self._forwarded.trusted_hosts

    def address(self, peer: str, headers: Headers) -> str:
        """Where a request comes from, by the rules that hold for the rest of the server."""
        if self._forwarded is None:
            return peer
        scope: dict[str, Any] = {"type": "http", "client": (peer, 0), "headers": headers}
        # The middleware waits for nothing but the application behind it, and this one is done at once.
        told = self._forwarded(scope, _nothing, _nothing)  # type: ignore[arg-type]  # a scope without what it never reads
        with suppress(StopIteration):
            told.send(None)
        found: str = scope["client"][0]
        return found


def visitors_of(services: Services) -> Visitors:
    """All share one count of a process."""
    return Visitors(services.strangers, services.settings.trusted_proxies)


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the middleware: none."""


async def _nothing(*_: Any) -> Any:
    """Neither receives nor sends."""
