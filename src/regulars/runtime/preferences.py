"""What customers may wish for, and what one of them does."""

from collections.abc import Mapping
from typing import Any

from regulars.core.definitions import Definitions, Preference
from regulars.core.errors import Rejected
from regulars.core.record import Person
from regulars.flow.facts import NAMESPACE

_MOST = 50  # texts of one answer
_LENGTH = 200  # characters of a text


def checked(definitions: Definitions, said: Mapping[str, Any]) -> dict[str, Any]:
    """The answers as they are kept; raises Rejected for one that the shop's preferences do not allow. None clears."""
    known = {one.id: one for one in definitions.preferences}
    found = {}
    for name, value in said.items():
        one = known.get(name)
        if one is None:
            listed = ", ".join(known)
            raise Rejected(f"there is no preference {name!r}; known are {listed}", field=name, expected=listed)
        if value is not None and not _fits(one, value):
            raise Rejected(
                f"{name} cannot be {value!r}"[:300], field=name, expected=_expected(one), got=repr(value)[:200]
            )
        found[name] = value
    if not found:
        raise Rejected("no preference is given", field="preferences", expected="preferences", got="none")
    return found


def declared(definitions: Definitions, person: Person, language: str) -> list[dict[str, Any]]:
    """What the person wishes for, in the shop's order, with who said it when."""
    found = []
    for one in definitions.preferences:
        fact = person.facts.get(NAMESPACE + one.id)
        if fact is not None and fact[2] is not None:
            title = one.title.get(language) or one.title.get("en") or one.id
            origin = fact[3] if fact[3:] else "customer"
            found.append({"preference": one.id, "title": title, "value": fact[2], "time": fact[0], "origin": origin})
    return found


def _fits(one: Preference, value: object) -> bool:
    if one.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (one.at_least is None or value >= one.at_least) and (one.at_most is None or value <= one.at_most)
    if one.kind in ("many", "range"):
        if not isinstance(value, list) or len(value) > _MOST or (one.kind == "range" and len(value) != 2):
            return False
        return all(_is_text(text) and (not one.options or text in one.options) for text in value)
    return _is_text(value) and (one.kind == "text" or value in one.options)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LENGTH and value.isprintable()


def _expected(one: Preference) -> str:
    if one.options:
        return ("one of " if one.kind == "choice" else "some of ") + ", ".join(one.options)
    return {"number": "a number", "range": "two texts, from and to", "text": "a text"}.get(one.kind, "a list of texts")
