"""Lines of an order that its teller lists one by one: an event a line, marked `one_by_one`, besides the order itself.

Together they are the lines as that teller knows them. A line that comes again, of a page that was opened twice, say, is
the same line: the last word for a product and its variant counts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from regulars.profile import reading

#: The property of such an event; its `products` hold the line.
ONE_BY_ONE = "one_by_one"
#: So many lines are kept of an order.
MOST_LINES = 500


class Listed(NamedTuple):
    """All lines of one teller as one word about the order."""

    properties: dict[str, Any]
    ranks: tuple[int, ...]


def is_line(properties: dict[str, Any]) -> bool:
    """Whether an event tells one line of several."""
    return properties.get(ONE_BY_ONE) is True


def gathered(versions: Sequence[Any]) -> list[Any]:
    """The versions (`profile.orders.Version`), single lines put together where the last one of a teller stands.

    What tells all lines at once, later than the last single one, replaces them as it replaces any older word.
    """
    if not any(is_line(version.properties) for version in versions):
        return list(versions)
    lines: dict[tuple[str, str], dict[tuple[str | None, ...], Any]] = {}
    last: dict[tuple[str, str], int] = {}
    for place, version in enumerate(versions):
        if is_line(version.properties):
            teller = version.source, version.by
            last[teller] = place
            held = version.properties.get("products")
            for line in held if isinstance(held, list) else ():
                if isinstance(line, dict):
                    known = lines.setdefault(teller, {})
                    key = _key(line)
                    known.pop(key, None)
                    known[key] = line
    found: list[Any] = []
    for place, version in enumerate(versions):
        teller = version.source, version.by
        if not is_line(version.properties):
            found.append(version)
        elif last[teller] == place:
            rest = {name: value for name, value in version.properties.items() if name != ONE_BY_ONE}
            found.append(Listed({**rest, "products": list(lines.get(teller, {}).values())}, version.ranks))
    return found


def _key(line: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(reading.text(line.get(name)) for name in ("product_id", "sku", "id", "variant"))
