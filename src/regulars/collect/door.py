"""What the events of one record came with: tokens, when they were sent, and what their devices' clocks say."""

from typing import Any

import msgspec

from regulars.collect.call import Call
from regulars.collect.clock import Said, milliseconds
from regulars.collect.device_clock import MARKS, RECEIPT
from regulars.collect.tokens import MOST_OF_RECORD
from regulars.core.log import Record
from regulars.core.mend import Mend


class Door:
    """The tokens of one record, and when it was sent."""

    __slots__ = ("_seen", "applied", "refused", "said", "sent", "token")

    def __init__(
        self,
        token: str | None,
        refused: dict[int, str],
        applied: dict[int, list[Mend]],
        said: Said | None = None,
        sent: object = None,
    ) -> None:
        self.applied = applied
        self.token = token  # of all events without one of their own
        self.said = said
        self.sent = sent  # when all events were that do not say it themselves
        self.refused = refused
        self._seen: set[str] | None = None

    def token_of(self, call: Call) -> str | None:
        """The token that an event came with."""
        context = call.context
        own = context.regulars_token if context is not None else None
        return own if own is not None else self.token

    def looks_at(self, token: str) -> bool:
        """Whether so few others came before that this one is looked at."""
        if self._seen is None:
            self._seen = set()
        if len(self._seen) < MOST_OF_RECORD:
            self._seen.add(token)
        return token in self._seen


def stated(call: Call) -> str | int | float | None:
    """When it happened, as the call says."""
    return call.timestamp if call.timestamp is not None else call.original_timestamp


def hear_clock(record: Record, index: int, call: Call, door: Door, time: int, context: dict[str, Any]) -> None:
    """What an event that got this time says about its device's clock; a time that cannot be is marked."""
    if door.said is not None:
        sent = door.sent if call.sent_at is msgspec.UNSET else call.sent_at
        if sent is not None:
            door.said.note(index, sent, stated(call), time, record.time)
    if time == record.time and (said := stated(call)) is not None and (claimed := milliseconds(said)) != time:
        context["clock"] = {"by": MARKS[RECEIPT]} | ({} if claimed is None else {"stated": claimed})
