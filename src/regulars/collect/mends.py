"""Mends carried out: a call that a sender got wrong, changed as somebody said."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from regulars.collect.call import UNREADABLE
from regulars.collect.wire import as_number, decoded
from regulars.core.mend import Mend

_YES, _NO = frozenset({"true", "yes", "ja", "1", "on"}), frozenset({"false", "no", "nein", "0", "off"})
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "euro": "EUR", "euros": "EUR", "zł": "PLN", "fr.": "CHF"}
_CODE = re.compile(r"[A-Za-z]{3}\Z")
_AMOUNT = re.compile(r"(?:[A-Z]{3}|[€$£¥])?\s*([+-]?[0-9][0-9.,'\u00a0\u202f ]*)\s*(?:[A-Z]{3}|[€$£¥])?\Z")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ ,T]+(\d{2}:\d{2}(?::\d{2})?))?\Z")


def mended(call: Any, mends: Iterable[Mend]) -> tuple[Any, list[Mend]]:
    """The call after the mends that fit it, in their order, and which of them changed something. `call` is kept.

    >>> mend = Mend(source="web", event="Order", action="cast", field="properties.total", to="number")
    >>> mended({"event": "Order", "properties": {"total": "12,50 €"}}, [mend])[0]["properties"]
    {'total': 12.5}
    """
    done: list[Mend] = []
    if not isinstance(call, dict):
        return call, done
    for mend in mends:
        if mend.event and mend.event != _name(call):
            continue
        changed = _changed(call, mend)
        if changed is not None:
            call = changed
            done.append(mend)
    return call, done


def standing(raw: bytes, mends: Iterable[Mend], route: str) -> tuple[bytes | None, list[Mend]]:
    """A call's bytes after standing mends, and which of them changed it; None where none did.

    `route` is the kind of a call that came alone and does not say it itself.
    """
    try:
        held = decoded(raw)
    except UNREADABLE:
        return None, []
    if route and isinstance(held, dict):
        held = {**held, "type": route}
    better, done = mended(held, mends)
    return (msgspec.json.encode(better) if done else None), done


def _name(call: dict[str, Any]) -> object:
    return call.get("event") or {"page": "Page Viewed", "screen": "Screen Viewed", "identify": "Identify"}.get(
        str(call.get("type")), ""
    )


def _changed(call: dict[str, Any], mend: Mend) -> dict[str, Any] | None:
    """The call after one mend; None where it changes nothing."""
    if mend.action == "rename_event":
        return {**call, "event": mend.to}
    copy: dict[str, Any] = _copied(call)
    changed = _ACTIONS[mend.action](copy, mend)
    return copy if changed else None


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _places(held: Any, parts: list[str], *, make: bool = False) -> Iterator[tuple[dict[str, Any], str]]:
    """The tables that a path leads to, with its last name; a star is every element of a list."""
    if len(parts) == 1:
        if isinstance(held, dict):
            yield held, parts[0]
        return
    first, *rest = parts
    if isinstance(held, list):
        if first == "*":
            for one in held:
                yield from _places(one, rest, make=make)
        elif first.isdecimal() and int(first) < len(held):
            yield from _places(held[int(first)], rest, make=make)
    elif isinstance(held, dict):
        if make and held.get(first) is None:
            held[first] = {}
        yield from _places(held.get(first), rest, make=make)


def _rename(call: dict[str, Any], mend: Mend) -> bool:
    """Within a table of a list each element keeps its own; otherwise the first value that is found moves."""
    source, target = mend.field.split("."), mend.to.split(".")
    if source[:-1] == target[:-1]:
        changed = False
        for table, name in list(_places(call, source)):
            if name in table and table.get(target[-1]) is None:
                table[target[-1]] = table.pop(name)
                changed = True
        return changed
    for table, name in list(_places(call, source)):
        if table.get(name) is None:
            continue
        for place, last in _places(call, target, make=True):
            if place.get(last) is None:
                place[last] = table.pop(name)
                return True
    return False


def _cast(call: dict[str, Any], mend: Mend) -> bool:
    changed = False
    for table, name in _places(call, mend.field.split(".")):
        value = table.get(name)
        if value is None:
            continue
        found = CASTS[mend.to](value)
        if found is not None and (found != value or type(found) is not type(value)):
            table[name] = found
            changed = True
    return changed


def _default(call: dict[str, Any], mend: Mend) -> bool:
    changed = False
    for table, name in _places(call, mend.field.split("."), make=True):
        if table.get(name) in (None, ""):
            table[name] = mend.value
            changed = True
    return changed


def _drop(call: dict[str, Any], mend: Mend) -> bool:
    changed = False
    for table, name in _places(call, mend.field.split(".")):
        changed |= table.pop(name, _ABSENT) is not _ABSENT
    return changed


def number(value: Any) -> int | float | None:
    """A number as people write it; None where two readings are possible.

    >>> number("1.234,50 €"), number("EUR 1,234.50"), number("12,5"), number("1,234"), number("9.99"), number("n/a")
    (1234.5, 1234.5, 12.5, None, 9.99, None)
    """
    if isinstance(value, bool):
        return None
    if not isinstance(value, str):
        return as_number(value)
    plain = as_number(value)
    if plain is not None:
        return plain
    found = _AMOUNT.match(value.strip())
    if found is None or len(value) > 60:
        return None
    digits = re.sub(r"['\u00a0\u202f ]", "", found[1])
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        thousands = "." if comma > point else ","
        digits = digits.replace(thousands, "").replace(",", ".")
    elif digits.count(",") > 1:
        digits = digits.replace(",", "")
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    elif comma >= 0:
        if len(digits) - comma - 1 == 3:
            return None  # 1,234: a thousand and more, or one and a bit
        digits = digits.replace(",", ".")
    return as_number(digits)


def integer(value: Any) -> int | None:
    """A whole number; None for what has a fraction.

    >>> integer("3"), integer(2.0), integer("2.5")
    (3, 2, None)
    """
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def boolean(value: Any) -> bool | None:
    """True or false, as forms and spreadsheets write it.

    >>> boolean("ja"), boolean(0), boolean("maybe")
    (True, False, None)
    """
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    return True if word in _YES else False if word in _NO else None


def string(value: Any) -> str | None:
    """Text; None for lists and tables.

    >>> string(17), string(True), string([1])
    ('17', 'true', None)
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def date(value: Any) -> str | None:
    """A time in ISO form, of Unix seconds or milliseconds or a German date; None for what is none.

    >>> date(1512032400), date("24.12.2017"), date("2017-12-24"), date("soon")
    ('2017-11-30T09:00:00+00:00', '2017-12-24', '2017-12-24', None)
    """
    if isinstance(value, str):
        text = value.strip()
        german = _DAY_FIRST.match(text)
        if german is not None:
            day, month, year, clock = german.groups()
            text = f"{year}-{int(month):02}-{int(day):02}" + (f"T{clock}" if clock else "")
        try:
            datetime.fromisoformat(text)
        except ValueError:
            value = as_number(text)
        else:
            return text
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1e8 <= value < 1e14:
        return None
    return datetime.fromtimestamp(value / 1000 if value >= 1e11 else value, UTC).isoformat()


def currency(value: Any) -> str | None:
    """The code of a currency.

    >>> currency("€"), currency("eur"), currency("Taler")
    ('EUR', 'EUR', None)
    """
    text = str(value).strip()
    if text.casefold() in _SIGNS:
        return _SIGNS[text.casefold()]
    return text.upper() if _CODE.match(text) else None


CASTS: dict[str, Callable[[Any], Any]] = {
    "number": number, "integer": integer, "boolean": boolean, "string": string, "date": date, "currency": currency,
}  # fmt: skip
_ABSENT = object()
_ACTIONS: dict[str, Callable[[dict[str, Any], Mend], bool]] = {
    "rename": _rename, "move": _rename, "cast": _cast, "default": _default, "drop": _drop,
}  # fmt: skip
