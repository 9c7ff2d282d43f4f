"""A file behind an address, fetched whole before a row of it is read: a feed cut off on the way changes nothing."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from regulars.core.errors import Rejected, Unavailable

#: Bytes of a file that is fetched.
LARGEST = 4_000_000_000
_TIMEOUT_SECONDS = 60


def is_address(file: str) -> bool:
    """Whether a file stands behind an address.

    >>> is_address("https://shop.example/feed.xml"), is_address("feed.xml")
    (True, False)
    """
    return file.startswith(("https://", "http://"))


def shown(address: str) -> str:
    """An address as it may be shown and noted: without password and query, which may hold a secret.

    >>> shown("https://me:secret@shop.example/feed.xml?token=1")
    'https://shop.example/feed.xml'
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


@contextmanager
def fetched(address: str, folder: Path, told: Callable[[int], None] = lambda _: None) -> Iterator[Path]:
    """The file, for as long as it is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.blake2b(f"{address} {os.getpid()}".encode(), digest_size=12).hexdigest()
    path = folder / f"{name}.fetched"
    try:
        _fetch(address, path, told)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _fetch(address: str, path: Path, told: Callable[[int], None]) -> None:
    name = shown(address)
    size = 0
    try:
        with (
            httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True, max_redirects=5) as client,
            client.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer,
        ):
            if answer.status_code != 200:
                raise Unavailable(f"{name} answers {answer.status_code}; nothing was imported")
            with path.open("wb") as stream:
                for chunk in answer.iter_bytes(1 << 20):
                    size += len(chunk)
                    if size > LARGEST:
                        raise Rejected(f"{name} is larger than {LARGEST} bytes", field="FILE", got="more")
                    stream.write(chunk)
                    told(size)
    except httpx.InvalidURL as error:
        raise Rejected(f"{name} is no address: {error}", field="FILE", expected="https://…", got=name) from None
    except httpx.HTTPError as error:
        raise Unavailable(
            f"{name} cannot be fetched: {str(error) or type(error).__name__}; nothing was imported"
        ) from None
