"""What would mend failed events of one cause: candidates from the plan and from the events, tried on the events."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

import msgspec

from regulars.collect.call import UNREADABLE
from regulars.collect.formats import FORMATS, format_of
from regulars.collect.mended import Entry, encoded
from regulars.collect.mends import mended
from regulars.collect.segment import Decoder
from regulars.collect.wire import Wrong, decoded
from regulars.core.definitions import Definitions
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record
from regulars.core.mend import CASTS, MENDED, Mend, pattern_of

#: Bytes of a failed event that can be mended; a larger one is no event.
LARGEST = 300_000
_CHUNK_BYTES = 1_000_000
_LIKE = 0.6
_MOST_CANDIDATES = 8
#: What shops call the same; letters only.
_SYNONYMS = (
    {"total", "amount", "revenue", "value", "ordertotal", "grandtotal", "summe", "gesamt"},
    {"productid", "sku", "itemid", "articleid", "artikelnummer", "variantid"},
    {"orderid", "ordernumber", "transactionid", "bestellnummer", "id"},
    {"userid", "customerid", "uid", "kundennummer", "memberid"},
    {"anonymousid", "deviceid", "clientid", "visitorid"},
    {"currency", "currencycode", "waehrung"},
    {"quantity", "qty", "menge", "count"},
    {"price", "unitprice", "preis"},
    {"category", "productcategory", "kategorie"},
)
_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean", "string": "string", "str": "string"}
_WHO = {"userid": "userId", "customerid": "userId", "anonymousid": "anonymousId", "deviceid": "anonymousId"}
_WHO |= {"memberid": "userId", "kundennummer": "userId", "clientid": "anonymousId", "visitorid": "anonymousId"}


class Suggestion(msgspec.Struct, frozen=True):
    """A mend, and how many of the events that it was tried on would pass with it."""

    mend: Mend
    mended: int
    tried: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.mended / self.tried if self.tried else 0.0


def suggest(failed: Sequence[FailedEvent], definitions: Definitions, decoder: Decoder) -> list[Suggestion]:
    """The mends that help, the best first; the failed events are of one cause."""
    found = []
    for mend in list(dict.fromkeys(_candidates(failed, definitions)))[:_MOST_CANDIDATES]:
        passed = sum(isinstance(result, Event) for result in tried(failed, mend, decoder))
        if passed:
            found.append(Suggestion(mend, passed, len(failed)))
    return sorted(found, key=lambda one: -one.mended)


def entry_of(failed: FailedEvent, mend: Mend) -> Entry | None:
    """A failed event as it would go into the log again; None where its bytes cannot be read as an event."""
    if len(failed.body) > LARGEST:
        return None
    mends = [msgspec.structs.replace(mend, event="")]  # whoever asks has chosen the events already
    try:
        call = _call(failed, mends)
    except (Wrong, *UNREADABLE):
        return None
    if call is None:
        return None
    if failed.route and format_of(failed.route) is None:
        call = {**call, "type": failed.route}
    if not call.get("messageId") and not mend.field.startswith("messageId"):
        call = {**call, "messageId": failed.message_id or f"failed-{failed.offset}-{failed.index}"}
    return Entry((failed.offset, failed.index), failed.received_at, call, failed.signs)


def _call(failed: FailedEvent, mends: Sequence[Mend]) -> dict[str, Any] | None:
    form = format_of(failed.route)
    if form is not None and not failed.call and failed.route not in FORMATS:
        return None  # a delivery of a shop system is read with its head alone
    held = decoded(failed.call or failed.body)
    if not isinstance(held, dict):
        return None
    better, _ = mended(held, mends)
    if form is not None and not failed.call:
        translated = msgspec.to_builtins(form.call(better, {}))
        return {name: value for name, value in translated.items() if value is not None}
    return dict(better)


def tried(failed: Iterable[FailedEvent], mend: Mend, decoder: Decoder) -> Iterator[Event | FailedEvent]:
    """What would become of each; one whose bytes cannot be read comes back as it is."""
    waiting: list[tuple[FailedEvent, Entry | None]] = []
    size = 0
    for one in failed:
        waiting.append((one, entry_of(one, mend)))
        size += len(one.body)
        if size > _CHUNK_BYTES:
            yield from _judged(waiting, decoder)
            waiting, size = [], 0
    yield from _judged(waiting, decoder)


def _judged(waiting: Sequence[tuple[FailedEvent, Entry | None]], decoder: Decoder) -> Iterator[Event | FailedEvent]:
    entries = [entry for _, entry in waiting if entry is not None]
    if waiting:
        source, time = waiting[0][0].source, waiting[0][0].received_at
        results = iter(decoder.decode(Record(0, EVENTS, source, MENDED, time, encoded(entries))) if entries else ())
        for one, entry in waiting:
            yield one if entry is None else next(results)


# Candidates -----------------------------------------------------------------------------------------------------------


def _candidates(failed: Sequence[FailedEvent], definitions: Definitions) -> Iterator[Mend]:
    first = failed[0]
    field = pattern_of(first.field)
    calls = [held for one in failed[:50] if (held := _held(one)) is not None]
    schema = _schema(first.name, definitions)

    def mend(action: Any, **given: Any) -> Mend:
        return Mend(source=first.source, event=first.name, action=action, **given)

    if first.reason == "unknown_event":
        names = [event.name for event in definitions.events]
        by_letters = {_letters(name): name for name in names}
        for near in get_close_matches(_letters(first.name), list(by_letters), n=3, cutoff=_LIKE):
            yield mend("rename_event", to=by_letters[near])
    elif first.reason == "no_identifier":
        for path in _paths(calls):
            target = _WHO.get(_letters(path.rpartition(".")[2]))
            if target is not None and path != target:
                yield mend("move", field=path, to=target)
    elif first.reason == "missing_field":
        yield from (mend(action, **given) for action, given in _missing(field, calls, schema, definitions))
    elif first.reason == "unknown_field":
        at, _, leaf = field.rpartition(".")
        for near in get_close_matches(leaf, list(_part(schema, at).get("properties", {})), n=2, cutoff=_LIKE):
            yield mend("rename", field=field, to=f"{at}.{near}")
        yield mend("drop", field=field)
    elif first.reason == "number_out_of_range":
        yield mend("cast", field=field, to="string")
    elif first.reason in ("wrong_type", "invalid_value") and field and not field.startswith("("):
        yield from (mend("cast", field=field, to=to) for to in _casts(field, first.expected))
        yield mend("drop", field=field)


def _missing(
    field: str, calls: Sequence[Any], schema: dict[str, Any], definitions: Definitions
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to a missing field: what stands beside it, what stands elsewhere, what it always is."""
    yield from (("rename", {"field": path, "to": field}) for path in _like(field, calls, schema))
    leaf = field.rpartition(".")[2]
    for path in _paths(calls):
        if path != field and "*" not in field and _same(path.rpartition(".")[2], leaf):
            yield "move", {"field": path, "to": field}
    constant = _constant(field, schema, definitions)
    if constant is not None:
        yield "default", {"field": field, "value": constant}


def _casts(field: str, expected: str) -> list[str]:
    words = re.findall(r"[a-z]+", expected.lower())
    found = [_TYPES[word] for word in words if word in _TYPES]
    leaf = _letters(field.rpartition(".")[2])
    if "currency" in leaf or "waehrung" in leaf:
        found.insert(0, "currency")
    if "date" in words or "time" in words or leaf.endswith(("date", "at", "time")):
        found.append("date")
    return [one for one in dict.fromkeys(found) if one in CASTS]


def _like(field: str, calls: Sequence[Any], schema: dict[str, Any]) -> list[str]:
    """Fields beside the missing one that look like it, the likeliest first; the plan's own are left alone."""
    at, _, leaf = field.rpartition(".")
    planned = _part(schema, at).get("properties", {})
    beside: Counter[str] = Counter()
    for call in calls:
        for table in _tables(call, at.split(".") if at else []):
            beside.update(name for name in table if name not in planned and name != leaf)
    scored = {
        name: 1.0 if _same(name, leaf) else SequenceMatcher(None, _letters(name), _letters(leaf)).ratio()
        for name in beside
    }
    near = [name for name in scored if scored[name] >= _LIKE]
    return [f"{at}.{name}" if at else name for name in sorted(near, key=lambda name: (-scored[name], -beside[name]))]


def _tables(held: Any, parts: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not parts:
        if isinstance(held, dict):
            yield held
    elif parts[0] == "*" and isinstance(held, list):
        for one in held:
            yield from _tables(one, parts[1:])
    elif isinstance(held, dict):
        yield from _tables(held.get(parts[0]), parts[1:])


def _paths(calls: Sequence[Any]) -> list[str]:
    """Paths to plain values in the first calls, to three tables deep, lists left out."""
    found: dict[str, None] = {}

    def walk(held: Any, at: str, depth: int) -> None:
        for name, value in held.items():
            path = f"{at}.{name}" if at else str(name)
            if isinstance(value, dict) and depth < 3:
                walk(value, path, depth + 1)
            elif isinstance(value, str | int | float):
                found.setdefault(path)

    for call in calls[:20]:
        walk(call, "", 0)
    return list(found)


def _constant(field: str, schema: dict[str, Any], definitions: Definitions) -> str | int | float | bool | None:
    at, _, leaf = field.rpartition(".")
    said = _part(schema, at).get("properties", {}).get(leaf, {})
    allowed = said.get("enum", [said["const"]] if "const" in said else [])
    if len(allowed) == 1 and isinstance(allowed[0], str | int | float | bool):
        return allowed[0]
    return definitions.shop.currency if _same(leaf, "currency") else None


def _schema(name: str, definitions: Definitions) -> dict[str, Any]:
    letters = _letters(name)
    return next((event.schema for event in definitions.events if _letters(event.name) == letters), {})


def _part(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of a table within the properties."""
    held = schema
    for part in path.split(".")[1:]:
        held = held.get("items", {}) if part == "*" else held.get("properties", {}).get(part, {})
        if "$ref" in held:
            held = schema.get("$defs", {}).get(str(held["$ref"]).rpartition("/")[2], {})
        if not isinstance(held, dict):
            return {}
    return held


def _held(failed: FailedEvent) -> dict[str, Any] | None:
    try:
        held = decoded(failed.call or failed.body) if len(failed.body) <= LARGEST else None
    except UNREADABLE:
        return None
    return held if isinstance(held, dict) else None


def _same(name: str, other: str) -> bool:
    mine, its = _letters(name), _letters(other)
    return mine == its or any(mine in words and its in words for words in _SYNONYMS)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
