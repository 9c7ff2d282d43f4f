"""Take a person's events out of a stored body; what others sent with it keeps its place."""

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from regulars.collect.body import BATCHES, mended, plain, split
from regulars.collect.call import UNREADABLE
from regulars.collect.formats import format_of, parts
from regulars.collect.wire import Format, Wrong, decoded
from regulars.core.errors import Rejected
from regulars.core.traces import MASK, spelled_in_text

_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
#: What stands in the place of an erased event. It fails when it is read, so it is never an event again.
ERASED = {"type": "erased"}


def blanked(body: bytes, route: str, indexes: Collection[int], values: Sequence[str]) -> bytes:
    """The body without the events at `indexes`, and without strings of other events that equal one of the values.

    >>> blanked(b'{"batch":[{"type":"track","userId":"a"},{"type":"page","userId":"b"}]}', "batch", {0}, ["a"])
    b'{"batch":[{"type":"erased"},{"type":"page","userId":"b"}]}'
    """
    wanted = frozenset(value.casefold() for value in values)
    spelled = spelled_in_text(f":{value}" for value in values)
    form = format_of(route)
    if form is not None:
        return _blanked(body, form, indexes, lambda held: without_values(held, wanted, spelled))
    try:
        content = plain(body)
        raws = split(content, route)
    except Rejected:
        return msgspec.json.encode(ERASED)  # nobody can read it; it never was an event
    # One by one, as they are read: an event that nobody can read must not take those of others with it.
    kept = [
        ERASED if index in indexes else _without(bytes(raw), wanted, spelled, ERASED) for index, raw in enumerate(raws)
    ]
    if route not in BATCHES:
        return msgspec.json.encode(kept[0])
    rest = {
        name: _without(bytes(raw), wanted, spelled, None) for name, raw in _members(content).items() if name != "batch"
    }
    return msgspec.json.encode({**rest, "batch": kept})


def _without(raw: bytes, wanted: Collection[str], spelled: re.Pattern[str] | None, unreadable: Any) -> Any:
    try:
        return without_values(decoded(raw), wanted, spelled)
    except UNREADABLE:
        return unreadable


def _members(content: bytes) -> dict[str, msgspec.Raw]:
    """What stands in a batch; of one with a name that nobody can read its events alone."""
    try:
        return _decode_members(content)
    except UNREADABLE:
        with suppress(*UNREADABLE):
            return _decode_members(mended(content))
    return {}


def readable(body: bytes, route: str) -> bytes:
    """A body of another vendor's format with everything unpacked that an identifier could hide in; others as they are.

    >>> readable(b"e=pv&uid=ana%40shop.example", "snowplow")
    b'{"data":[{"e":"pv","uid":"ana@shop.example"}]}'
    """
    form = format_of(route)
    if form is None:
        return body
    try:
        outer, raws = parts(body, form)
    except Rejected:
        return body
    opened: list[Any] = []
    for raw in raws:
        try:
            opened.append(form.unfolded(decoded(bytes(raw))))
        except Wrong:
            opened.append(decoded(bytes(raw)))
        except UNREADABLE:
            opened.append(bytes(raw).decode(errors="replace"))
    return msgspec.json.encode({**outer, form.events: opened})


def _blanked(body: bytes, form: Format, indexes: Collection[int], without: Callable[[Any], Any]) -> bytes:
    """The same for another vendor's body; what was packed into texts is left unpacked, so that it can be looked at."""
    try:
        outer, raws = parts(body, form)
    except Rejected:
        return msgspec.json.encode({form.events: [ERASED]})
    kept: list[Any] = []
    for index, raw in enumerate(raws):
        try:
            kept.append(ERASED if index in indexes else without(form.unfolded(decoded(bytes(raw)))))
        except (Wrong, *UNREADABLE):
            kept.append(ERASED)  # nobody can read it; it never was an event
    rest = {name: without(one) for name, one in outer.items()}
    return msgspec.json.encode({**rest, form.events: kept})


def without_values(found: Any, wanted: Collection[str], spelled: re.Pattern[str] | None = None) -> Any:
    """The same with every string that equals one of the values (in small letters) left empty.

    In longer texts what `spelled` (`core.traces.spelled_in_text`) finds is masked.
    """
    if isinstance(found, str):
        if found.strip().casefold() in wanted:
            return ""
        return found if spelled is None else spelled.sub(MASK, found)
    if isinstance(found, bool):
        return found
    if isinstance(found, int):
        return "" if str(found) in wanted else found
    if isinstance(found, list):
        return [without_values(one, wanted, spelled) for one in found]
    if isinstance(found, dict):
        return {name: without_values(one, wanted, spelled) for name, one in found.items()}
    return found
