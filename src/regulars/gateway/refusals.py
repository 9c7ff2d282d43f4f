"""What a connection is told before any route is asked."""

from regulars.api.problem import RETRY_AFTER, Problem

#: Bytes of a request's head, address and headers together; about what browsers and proxies send at most, many times.
HEAD_BYTES = 65_536


def not_whole(seconds: float) -> Problem:
    """A request that took too long."""
    return Problem(
        408,
        f"the request was not whole after {seconds:.0f} s; send less at once",
        field="body",
        expected=f"all of it within {seconds:.0f} s",
        headers=((b"connection", b"close"),),
    )


def too_many_connections(most: int) -> Problem:
    """A client that came when too many were there."""
    return Problem(
        503,
        f"{most} connections are open, and no more are served at once; use one connection for many requests",
        headers=((b"retry-after", str(RETRY_AFTER).encode()), (b"connection", b"close")),
    )


def head_too_large() -> Problem:
    """A head that is not kept."""
    return Problem(
        431,
        f"the address and the headers of a request are larger than {HEAD_BYTES} bytes together; send fewer of them",
        field="headers",
        expected=f"at most {HEAD_BYTES} bytes",
        headers=((b"connection", b"close"),),
    )
