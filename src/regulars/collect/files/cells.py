"""Cells of files -> values of events: numbers, ids and times, as CSV, NDJSON and Parquet hold them."""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from regulars.core.errors import Rejected


def is_empty(value: object) -> bool:
    """Whether a cell says nothing: blank, null, NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def number(field: str, value: object) -> int | float:
    """A number; text may use a decimal comma and a currency sign. Three digits after a comma are thousands.

    >>> number("price", "1.234,50 €"), number("quantity", "3"), number("weight", "0,350"), number("total", "1,350")
    (1234.5, 3, 0.35, 1350)
    """
    if type(value) is int and -1e15 < value < 1e15:
        return value
    given = value
    if isinstance(value, str):
        text = re.sub(r"[^\d,.\-]", "", value)
        if re.search(r",\d{1,2}$|,\d{4,}$|^-?0,\d+$", text):
            text = text.replace(".", "").replace(",", ".")
        try:
            value = float(text.replace(",", "")) if re.fullmatch(r"[\d\s.,\-+€$£A-Z]+", value.strip()) else math.nan
        except ValueError:
            value = math.nan
    if isinstance(value, Decimal):  # from Parquet
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e15:
        raise wrong(field, "a number", given)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def ident(field: str, value: object) -> str:
    """An id as text; a whole float (as spreadsheets write ids) loses its point.

    >>> ident("order_id", 31198570044.0)
    '31198570044'
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value).strip()) not in range(1, 257):
        raise wrong(field, "an id of at most 256 characters", value)
    return str(value).strip()


_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ ,T]+(\d{1,2}:\d{2}(?::\d{2})?))?\Z")


def _written(text: str) -> datetime | None:
    """ISO 8601, or the day first with points, as it is written in Germany."""
    named = _DAY_FIRST.match(text)
    if named:
        text = f"{named[3]}-{int(named[2]):02}-{int(named[1]):02}" + (f"T{named[4]}" if named[4] else "")
        text = re.sub(r"T(\d):", r"T0\1:", text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def moment(field: str, value: object, zone: ZoneInfo) -> str:
    """A time as ISO 8601 in UTC; one without an offset is the shop's local time.

    >>> moment("timestamp", "2017-01-01 11:53:26", ZoneInfo("America/New_York"))
    '2017-01-01T16:53:26+00:00'
    >>> moment("timestamp", "1.7.2017 9:05", ZoneInfo("Europe/Berlin"))
    '2017-07-01T07:05:00+00:00'
    """
    found: datetime | None = None
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day, tzinfo=zone)
    elif isinstance(value, str):
        found = _written(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e14:
        found = datetime.fromtimestamp(value / 1000 if value >= 1e11 else value, UTC)
    if found is None:
        raise wrong(field, "a time as 2017-11-30T10:00:00", value)
    try:
        return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC).isoformat()
    except (OverflowError, ValueError):
        raise wrong(field, "a time as 2017-11-30T10:00:00", value) from None


_YES = frozenset(("true", "yes", "y", "ja", "j", "1", "x", "wahr", "on", "granted", "opt-in"))
_NO = frozenset(("false", "no", "n", "nein", "0", "falsch", "off", "denied", "opt-out", "widerrufen"))


def yes_or_no(field: str, value: object) -> bool:
    """What somebody said; anything that is neither is wrong, for a consent is never guessed.

    >>> yes_or_no("consent:mail", "Ja"), yes_or_no("consent:mail", 0)
    (True, False)
    """
    word = str(int(value) if isinstance(value, bool | float) else value).strip().lower()
    if word not in _YES and word not in _NO:
        raise wrong(field, "yes or no (ja, nein, 1, 0)", value)
    return word in _YES


def plain(field: str, value: Any) -> Any:
    """Any other cell as JSON can hold it."""
    if isinstance(value, str | bool | int | dict | list):
        return value
    if isinstance(value, float):
        return number(field, value)
    return number(field, value) if isinstance(value, Decimal) else str(value)


def wrong(field: str, expected: str, got: object) -> Rejected:
    """The error of a cell."""
    shown = "nothing" if is_empty(got) else repr(got)
    shown = shown if len(shown) <= 120 else shown[:119] + "…"
    return Rejected(f"{field}: expected {expected}, got {shown}", field=field, expected=expected, got=shown)
