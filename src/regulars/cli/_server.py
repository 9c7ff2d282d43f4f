"""Ask the server that runs on a shop's data, as whoever may read its folder."""

import os
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx
import msgspec

from regulars.api.access import operator_key
from regulars.core.errors import Rejected, Unavailable
from regulars.runtime import Settings
from regulars.runtime.build import existing_folder
from regulars.runtime.folder import holder
from regulars.runtime.status import read_status


def ask(settings: Settings, path: str, body: dict[str, Any], *, otherwise: str = "", seconds: float = 60) -> Any:
    """The `result` of a POST; `otherwise` says what works without a server. Raises Rejected and Unavailable."""
    return _asked(settings, "POST", path, body, otherwise, seconds)["result"]


def ask_for(settings: Settings, path: str, body: dict[str, Any], *, seconds: float = 60) -> Any:
    """The whole answer to a POST. Raises Rejected and Unavailable."""
    return _asked(settings, "POST", path, body, "", seconds)


def tell(settings: Settings, path: str, *, seconds: float = 60) -> Any:
    """The answer to a GET. Raises Rejected and Unavailable."""
    return _asked(settings, "GET", path, None, "", seconds)


def _asked(
    settings: Settings, method: str, path: str, body: dict[str, Any] | None, otherwise: str, seconds: float
) -> Any:
    address, key = _address(settings, otherwise)
    try:
        answer = httpx.request(method, f"{address}{path}", json=body, auth=(key, ""), timeout=seconds)
    except httpx.TransportError as error:
        raise Unavailable(f"the server at {address} does not answer: {error}; try again") from error
    told = msgspec.json.decode(answer.content)
    if answer.is_success:
        return told
    problem = str(told.get("detail", answer.text))
    raise Unavailable(problem) if answer.is_server_error else Rejected(problem, field=str(told.get("field", "")))


def fetch(settings: Settings, path: str, last: str, query: dict[str, str], out: Path, *, seconds: float = 60) -> int:
    """Write the answer to a GET of `path` and `last` into a new file, for its owner alone; how many bytes."""
    address, key = _address(settings, "")
    place = f"{address}{path}{quote(last, safe='')}"
    try:
        with httpx.stream("GET", place, params=query, auth=(key, ""), timeout=seconds) as answer:
            if not answer.is_success:
                told = msgspec.json.decode(answer.read())
                raise Rejected(str(told.get("detail", "refused")), field=str(told.get("field", "")), got=last)
            with _new(out) as file:
                try:
                    for piece in answer.iter_bytes():
                        file.write(piece)
                except httpx.TransportError:
                    out.unlink(missing_ok=True)  # half of it would look like the whole
                    raise
                return file.tell()
    except httpx.TransportError as error:
        raise Unavailable(f"the server at {address} does not answer: {error}; try again") from error


def _new(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise Rejected(f"{path} cannot be written: {error.strerror}", field="--out", expected="a new file") from error


def _address(settings: Settings, otherwise: str) -> tuple[str, str]:
    """Where the server of a shop's data listens, and the key of whoever may read its folder."""
    folder = existing_folder(settings)
    if holder(folder) is None:
        way = otherwise or f"start one with `regulars serve {settings.shop}` and try again"
        raise Rejected(
            f"no server runs on {folder.root}; {way}",
            field="SHOP",
            expected="a running server",
            got="none",
        )
    address = str(read_status(folder.status / "supervisor").get("address") or settings.address)
    return address, operator_key(folder.secret())
