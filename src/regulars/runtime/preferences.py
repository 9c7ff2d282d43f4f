"""What customers may wish for, and what one of them does."""

from collections.abc import Mapping
from typing import Any

from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.core.preferences import NAMESPACE, nearest, wrong
from regulars.core.record import Person
from regulars.core.sensitive import detector
from regulars.flow.facts import left_out


def checked(definitions: Definitions, said: Mapping[str, Any]) -> dict[str, Any]:
    """The answers as they are kept; raises Rejected for one that the shop's preferences do not allow. None clears."""
    known = {one.id: one for one in definitions.preferences}
    found = {}
    for name, value in said.items():
        one = known.get(name)
        if one is None:
            listed = ", ".join(known)
            near = nearest(name, known)
            meant = f"; did you mean {near!r}?" if near else ""
            raise Rejected(
                f"there is no preference {name[:100]!r}; known are {listed}{meant}", field=name, expected=near or listed
            )
        should = wrong(one, value)
        if should is not None:
            shown = repr(value)[:200]
            raise Rejected(f"{name} cannot be {shown}; expected {should}", field=name, expected=should, got=shown)
        if left_out(NAMESPACE + name, value, detector(definitions.sensitive).unwanted) != value:
            raise Rejected(
                f"{name} tells of something especially protected (health, faith, …); nobody agreed that it is kept",
                field=name, expected="a wish without it", got="a sensitive text",
            )  # fmt: skip
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
