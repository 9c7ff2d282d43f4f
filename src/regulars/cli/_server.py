"""Ask the server that runs on a shop's data, as whoever may read its folder."""

from typing import Any

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
    try:
        answer = httpx.post(f"{address}{path}", json=body, auth=(operator_key(folder.secret()), ""), timeout=seconds)
    except httpx.TransportError as error:
        raise Unavailable(f"the server at {address} does not answer: {error}; try again") from error
    told = msgspec.json.decode(answer.content)
    if answer.is_success:
        return told["result"]
    problem = str(told.get("detail", answer.text))
    raise Unavailable(problem) if answer.is_server_error else Rejected(problem, field=str(told.get("field", "")))
