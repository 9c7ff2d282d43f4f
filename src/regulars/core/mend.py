"""Mends: what is changed in an event that its sender got wrong, before the tracking plan looks at it."""

import hashlib
import re
from typing import Literal

import msgspec

Action = Literal["rename_event", "rename", "move", "cast", "default", "drop"]
#: What a value can be cast to.
CASTS = ("number", "integer", "boolean", "string", "date", "currency")
#: The log's route of mended events.
MENDED = "mended"
_PATH = re.compile(r"[^.\s][^.]{0,199}(\.[^.]{1,200}){0,9}\Z")
#: Parts of a call that a mend may reach; who was meant and what happened, never what vouches for it.
ROOTS = (
    "event", "name", "category", "messageId", "userId", "anonymousId", "previousId", "groupId", "properties", "traits",
    "timestamp", "originalTimestamp", "context", "rows",
)  # fmt: skip


class Mend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of the events of a source. Paths are those of a failed event: "properties.products.*.price".

    >>> Mend(source="web", event="Order Completed", action="cast", field="properties.total", to="number").told()
    'cast properties.total number'
    """

    id: str = ""  # of a standing mend: its name in mends.toml
    source: str
    event: str = ""  # as the sender calls it; "": every event of the source
    action: Action
    field: str = ""
    to: str = ""  # a name of an event, a path, or one of CASTS
    value: str | int | float | bool | None = None  # of a default

    def told(self) -> str:
        """As the command line takes it."""
        parts = [self.action, self.field, self.to, *([] if self.value is None else [repr(self.value)])]
        return " ".join(part for part in parts if part)

    def mistake(self) -> tuple[str, str] | None:
        """What is wrong with it, key and message; None when nothing is."""
        if self.action == "rename_event":
            return None if self.event and self.to else ("to", "rename_event needs `event` and the new name in `to`")
        if not _PATH.match(self.field):
            return "field", f"{self.action} needs a path as in 'properties.total'"
        for key, path in (("field", self.field), ("to", self.to)):
            if (key == "field" or self.action in ("rename", "move")) and path.split(".")[0] not in ROOTS:
                return key, f"a path begins with one of {', '.join(ROOTS)}"
        if self.field.startswith("context.regulars_token") or self.to.startswith("context.regulars_token"):
            return "field", "what vouches for a login is never mended"
        if self.action in ("rename", "move") and not _PATH.match(self.to):
            return "to", f"{self.action} needs the new path, as in 'properties.total'"
        if self.action == "cast" and self.to not in CASTS:
            return "to", f"cast needs one of {', '.join(CASTS)}"
        if self.action == "default" and self.value is None:
            return "value", "default needs a value"
        return None


def cause_of(source: str, name: str, field: str, reason: str, expected: str) -> str:
    """What failed events have in common that are mended alike; places in lists do not tell them apart.

    >>> cause_of("web", "a", "properties.products.3.price", "wrong_type", "number") == cause_of(
    ...     "web", "a", "properties.products.17.price", "wrong_type", "number")
    True
    """
    parts = (source, name, pattern_of(field), reason, expected)
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=8).hexdigest()


def pattern_of(field: str) -> str:
    """A field with a star for each place in a list.

    >>> pattern_of("properties.products.3.price")
    'properties.products.*.price'
    """
    return ".".join("*" if part.isdecimal() else part for part in field.split("."))
