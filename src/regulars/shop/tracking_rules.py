"""What must hold for goals and for the days on which a source is closed."""

import re
from datetime import date

from regulars.core.event import BUILT_IN_EVENTS
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest

_YEARLY = re.compile(r"\d\d-\d\d")


def check_tracking(draft: Draft) -> None:
    """Goals name events that come and properties that the plan knows; closed days are days."""
    for goal in draft.goals.values():
        known = draft.named["events"] | {*BUILT_IN_EVENTS}
        if goal.event not in known:
            message = f"unknown event {goal.event!r}; known are {listed(sorted(known))}"
            draft.report("goals", goal.id, "event", message, nearest(goal.event, known))
            continue
        planned = draft.events[goal.event].schema.get("properties", {}) if goal.event in draft.events else {}
        for path in goal.where:
            name = path.partition(".")[0]
            if planned and name not in planned:
                message = f"{goal.event!r} has no property {name!r}; events.toml lists {listed(sorted(planned))}"
                draft.report("goals", goal.id, "where", message, nearest(name, planned))
    for source in draft.sources.values():
        if source.rate is not None and not source.rate > 0:
            draft.report("sources", source.id, "rate", f"expected events a second above 0, got {source.rate:g}")
        for day in source.closed:
            if not _is_day(day):
                message = f"expected days as '12-25' (each year) or '2026-05-14', got {day!r}"
                draft.report("sources", source.id, "closed", message)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(f"2024-{text}" if _YEARLY.fullmatch(text) else text)  # 2024 has a 29th of February
    except ValueError:
        return False
    return True
