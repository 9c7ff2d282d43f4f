"""Bodies that are not whole yet, over all connections: a bound, and who gives way when it is reached."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from regulars.api.problem import RETRY_AFTER, Problem

#: Bytes of bodies that may arrive at once. As many again may wait for the disk (`GroupCommit`).
MOST_BYTES = 64_000_000


class Body(Protocol):
    """A request whose body arrives."""

    #: Bytes of it so far.
    size: int
    #: When its first bytes came, by the loop's clock.
    since: float

    def refuse(self, problem: Problem) -> None:
        """Answer without the rest of the body, and forget what came."""
        ...


class PageBody:
    """The body of a request that is no hot route's: whoever answers it gathers the pieces; here they are counted."""

    __slots__ = ("_arriving", "_refuse", "since", "size")

    def __init__(self, arriving: "Arriving", refuse: Callable[[Problem], None]) -> None:
        self.size = 0
        self.since = asyncio.get_running_loop().time()
        self._arriving = arriving
        self._refuse = refuse

    def received(self, size: int) -> None:
        """More of it."""
        self.size += size
        self._arriving.came(self, size)

    def refuse(self, problem: Problem) -> None:
        """Answer without the rest of it."""
        self._arriving.gone(self)
        self._refuse(problem)

    def gone(self) -> None:
        """It is whole, answered, or its client left."""
        self._arriving.gone(self)


class Arriving:
    """The bodies that arrive, by whoever sends them.

    When all together are too large, the slowest gives way: bodies of clients that send as fast as they can are whole
    in moments, and whoever sends a little now and then to hold many connections holds nobody up.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.held = 0
        self._bodies: set[Body] = set()

    def came(self, body: Body, size: int) -> None:
        """More bytes of a body, counted in its own size already."""
        self._bodies.add(body)
        self.held += size
        if self.held > self.most:
            now = asyncio.get_running_loop().time()
            while self.held > self.most:
                slowest = min(self._bodies, key=lambda one: one.size / (now - one.since + 1e-3))
                slowest.refuse(_busy(self.most))  # which calls `gone`

    def gone(self, body: Body) -> None:
        """It is whole, refused, or its client left."""
        if body in self._bodies:
            self._bodies.remove(body)
            self.held -= body.size


def _busy(most: int) -> Problem:
    return Problem(
        503,
        f"requests of more than {most} bytes arrive at once and this one came slowest; nothing of it was stored. "
        "Send it again, or less at once",
        headers=((b"retry-after", str(RETRY_AFTER).encode()), (b"connection", b"close")),
    )
