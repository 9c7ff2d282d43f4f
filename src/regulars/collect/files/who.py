"""Who and when: the part that the rows of most files share."""

from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files.cells import ident, moment, wrong
from regulars.collect.files.columns import WHO
from regulars.collect.files.kind import About, Payload, Said

_KEYS = (("user_id", "userId"), ("anonymous_id", "anonymousId"), ("message_id", "messageId"))
_EXTERNAL = tuple(kind for kind in WHO if kind not in ("user_id", "anonymous_id"))


def who_and_when(said: Said, about: About, *, nobody: str = "") -> Payload:
    """Takes identifiers, time and message id out of `said`: a call without its type.

    `nobody` is the anonymous id of a row that names nobody; without it such a row is wrong.
    """
    call: dict[str, Any] = {}
    external = [{"type": kind, "id": ident(kind, said.pop(kind))} for kind in _EXTERNAL if kind in said]
    for field, key in _KEYS:
        if field in said:
            call[key] = ident(field, said.pop(field))
    if external:
        call["context"] = {"externalIds": external}
    elif "userId" not in call and "anonymousId" not in call:
        if not nobody:
            raise wrong("user_id", f"who it was, in one of {', '.join(WHO)}", None)
        call["anonymousId"] = nobody
    call["timestamp"] = moment("timestamp", said.pop("timestamp", None), ZoneInfo(about.time_zone))
    return call
