"""Places of stock that a shop system tells of and that nobody named: a finding of tracking health for each source."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from regulars.collect.findings import Finding, SourceHealth, worst
from regulars.core.calendar import Calendar
from regulars.core.definitions import Definitions
from regulars.core.state import FAILED, StateReader

UNDECLARED: Final = "undeclared_place"
#: So many of them are named; and so many failed events are looked at.
_NAMED, _MOST = 5, 1_000


def with_undeclared(
    health: Iterable[SourceHealth], state: StateReader, definitions: Definitions, calendar: Calendar
) -> list[SourceHealth]:
    """The sources, those with such places with a finding of them: a place that was named since is none."""
    found = _found(state, definitions, calendar)
    result = []
    for one in health:
        if (finding := found.get(one.source)) is not None:
            replaced = worst(["degraded", one.state] if one.state != "unknown" else ["degraded"])
            one = msgspec.structs.replace(one, state=replaced, findings=[*one.findings, finding])  # noqa: PLW2901
        result.append(one)
    return result


def _found(state: StateReader, definitions: Definitions, calendar: Calendar) -> Mapping[str, Finding]:
    named = {one.id: one.webhook.stores for one in definitions.sources if one.webhook is not None}
    places: dict[str, dict[str, int]] = {}
    for row in state.select(FAILED, {"reason": UNDECLARED}, limit=_MOST):
        source, told, place = str(row[2]), cast(int, row[3]), str(row[9])
        if source in named and place not in named[source]:
            places.setdefault(source, {})[place] = told
    return {
        source: Finding(
            code=UNDECLARED, state="degraded", source=source, reason=", ".join(sorted(held)[:_NAMED]),
            since=calendar.hour(min(held.values())), counted=len(held), expected=0, share=1.0,
        )
        for source, held in places.items()
    }  # fmt: skip
