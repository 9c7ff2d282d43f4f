"""Mended events in the log: calls of the Segment spec, each with the place and receipt of the failed event it was."""

from collections.abc import Sequence
from typing import Any

import msgspec

from regulars.collect.call import UNREADABLE, Call, read_call
from regulars.collect.plan import Failure
from regulars.collect.wire import Envelope, Wrong, bounded, unreadable, wrong
from regulars.core.log import Record
from regulars.core.mend import MENDED, Mend


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, rename={"place": "from"}):
    """One mended event: where the failed one came from (offset, index), when it was received (ms), and the call.

    `signs` is what the door saw of its sender then (core.log.Record.signs).
    """

    place: tuple[int, int]
    received_at: int
    call: dict[str, Any]
    signs: str = ""


class Body(msgspec.Struct, frozen=True):
    """The body of a record of mended events."""

    batch: list[Entry]
    mend: Mend | None = None
    by: str = ""
    failure: dict[str, str] = {}  # why they had failed: reason, field, expected


class _Place(msgspec.Struct, rename={"place": "from"}):
    place: tuple[int, int] | None = None


class _Outer(msgspec.Struct):
    batch: list[msgspec.Raw]


_decode_outer = msgspec.json.Decoder(_Outer).decode
_decode_place = msgspec.json.Decoder(_Place).decode


class _Said(msgspec.Struct):
    mend: Mend | None = None
    by: str = ""
    failure: dict[str, str] = {}


_decode_said = msgspec.json.Decoder(_Said).decode


def encoded(entries: Sequence[Entry], mend: Mend | None = None, by: str = "", **failure: str) -> bytes:
    """The body of a record with these events."""
    return msgspec.json.encode(Body(list(entries), mend, by, failure))


def places_of(body: bytes) -> list[tuple[int, int] | None]:
    """Where each event of a record failed before; None where an erasure left nothing."""
    try:
        raws = _decode_outer(body).batch
    except UNREADABLE:
        return []
    found: list[tuple[int, int] | None] = []
    for raw in raws:
        try:
            found.append(_decode_place(raw).place)
        except UNREADABLE:
            found.append(None)
    return found


def said_of(body: bytes) -> tuple[Mend | None, str, dict[str, str]]:
    """Mend, who carried it out, and why the events had failed."""
    try:
        said = _decode_said(body)
    except UNREADABLE:
        return None, "", {}
    return said.mend, said.by, said.failure


class Mended:
    """The form of mended events; it comes from no client."""

    route = MENDED
    key_field = ""
    events = "batch"

    def opened(self, body: bytes) -> bytes:
        """The body as it is."""
        return body

    def envelope(self, body: bytes) -> Envelope:
        """No key stands in it."""
        try:
            return Envelope("", bounded(len(_decode_outer(body).batch)))
        except UNREADABLE as error:
            raise unreadable(error, "a record of mended events", body) from None

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """The call as it was mended."""
        del outer
        held = event.get("call")
        if not isinstance(held, dict):
            raise wrong("call", "a call of the Segment spec", held)
        found = read_call(msgspec.json.encode(held))
        if isinstance(found, Failure):
            raise Wrong(found)
        return found

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event


def as_received(record: Record, raw: bytes) -> Record:
    """The record as if its event had come when and from where the failed one did: both speak in its judgement."""
    try:
        received = _decode_received(raw)
    except UNREADABLE:
        return record
    return msgspec.structs.replace(record, time=received.received_at, signs=received.signs)


class _Received(msgspec.Struct):
    received_at: int
    signs: str = ""


_decode_received = msgspec.json.Decoder(_Received).decode
