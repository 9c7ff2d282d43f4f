"""What the lake really holds, beside what the configuration says: by source and field, how full, used for what.

Counts and names of fields only. A field that no plan names is told where enough customers sent it: a name that few sent
may be a value itself, and tell of one of them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from regulars.core.definitions import Definitions
from regulars.core.event import ALWAYS_KEPT, ORDER_EVENTS
from regulars.shop.data_use import Uses, said

#: (source, event, part, field, filled, different values, subjects), as the lake's analysis `field_use` has them.
Found = tuple[str, str, str, str, int, int, int]
#: So many customers sent a field that no plan names before the report names it.
FEWEST = 20
FACTS, ACCOUNT = "facts of the profile", "account and consent"


def found_use(definitions: Definitions, rows: Iterable[Sequence[Any]], *, days: int, language: str) -> dict[str, Any]:
    """What came in the last `days` days, by source, event and field."""
    uses = Uses(definitions)
    titles = {one.id: said(one.title, one.id, language) for one in definitions.sources}
    events = {one.name: one for one in definitions.events}
    sources: dict[str, dict[str, dict[str, Any]]] = {}
    for source, name, part, field, filled, different, subjects in rows:
        event = events.get(name)
        entry = sources.setdefault(str(source), {}).setdefault(
            str(name),
            {
                "name": name, "title": said(event.title, name, language) if event is not None else name,
                "planned": event is not None or name in ALWAYS_KEPT, "events": 0, "customers": 0, "fields": [],
                "rare_fields": 0,
            },
        )  # fmt: skip
        if not part:
            entry["events"], entry["customers"] = filled, subjects
            continue
        planned = event is not None and field in event.schema.get("properties", {})
        used = _used(uses, str(name), str(part), str(field))
        if field == "?" or (not planned and not used and subjects < FEWEST):
            entry["rare_fields"] += 1
            continue
        entry["fields"].append(
            {"name": field, "filled": filled, "different": different, "planned": planned, "used_for": used}
        )
    return {
        "days": days,
        "sources": [
            {
                "id": source, "title": titles.get(source, source), "configured": source in titles,
                "events": [_shares(entry) for entry in found.values()],
            }
            for source, found in sorted(sources.items())
        ],
    }  # fmt: skip


def _used(uses: Uses, name: str, part: str, field: str) -> list[str]:
    if part == "traits":
        return [FACTS]
    if name in ALWAYS_KEPT and name not in ORDER_EVENTS:
        return [ACCOUNT]
    return uses.of(name, field)


def _shares(entry: dict[str, Any]) -> dict[str, Any]:
    """Fields with the share of the events in which they are filled."""
    for field in entry["fields"]:
        field["share"] = round(field.pop("filled") / entry["events"], 4) if entry["events"] else 0.0
        field["unused"] = not field["used_for"]
    return entry
