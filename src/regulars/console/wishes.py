"""What customers wish for, as fields of a form: on their own page, and on the page that staff fill in for them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from regulars.core.definitions import Preference
from regulars.core.errors import Rejected
from regulars.flow.facts import preferences_of

_FIELD = "wish-"


def wishes(preferences: Iterable[Preference], facts: Mapping[str, Any]) -> list[tuple[Preference, Any]]:
    """Each preference with what was answered; None: nothing."""
    said = preferences_of(facts)
    return [(one, said.get(one.id)) for one in preferences]


def answered(preferences: Iterable[Preference], form: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of a form that differ from what is known; None clears one. Raises Rejected for a bad number."""
    said: dict[str, Any] = {}
    for one in preferences:
        if _FIELD + one.id not in form:
            continue
        text = form[_FIELD + one.id].strip()
        value: Any = text or None
        if one.kind in ("many", "range"):
            value = sorted({part.strip() for part in text.split(",") if part.strip()}) or None
        elif one.kind == "number":
            value = number(text, field=one.id)
        if value != known.get(one.id):
            said[one.id] = value
    return said


def number(text: str, *, field: str = "") -> float | None:
    """The number of a form; "nan" and "inf" are none.

    >>> number("2,5"), number("")
    (2.5, None)
    """
    if not text:
        return None
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise Rejected(f"{text[:100]!r} is not a number", field=field, expected="a number", got=text[:100])
    return found
