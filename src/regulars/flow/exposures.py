"""Rows of items in the record of a decision, and what of them counts as shown."""

from collections.abc import Iterable, Sequence

import msgspec

from regulars.core.decision import DecisionRecord, RowRecord
from regulars.core.definitions import Definitions
from regulars.core.event import DECISION_SHOWN, Event
from regulars.decide import reach
from regulars.decide.records import pack
from regulars.decide.table import Plan
from regulars.flow.pools import SIZE
from regulars.flow.rows import ItemRow

#: A decision's record is at most this long; of the pools of its rows so much is kept as fits.
RECORD_BYTES = 2048
_MILLION = 1_000_000
_LEAST_POOL = 5


def row_records(rows: Sequence[ItemRow], store: str = "") -> list[RowRecord]:
    """How each row with items, or with a reason for none, came about."""
    return [
        RowRecord(
            place,
            row.personal,
            store,
            [round(one * _MILLION) for one in row.propensities],
            row.moved,
            [code for code, _ in row.notes],
            row.pool,
        )
        for place, row in enumerate(rows)
        if row.items or row.notes
    ]


def pack_within(record: DecisionRecord, rows: list[RowRecord]) -> bytes:
    """The packed record with its rows; where it gets too long, the tails of their pools are left out."""
    packed = pack(msgspec.structs.replace(record, rows=rows))
    while len(packed) > RECORD_BYTES:
        longest = max((len(row.pool) for row in rows), default=0)
        if not longest:
            break
        beyond = -(-(len(packed) - RECORD_BYTES) // SIZE)
        left = max(longest // SIZE - beyond, 0)
        left = left if left >= _LEAST_POOL else 0
        rows = [
            msgspec.structs.replace(row, pool=row.pool[: left * SIZE]) if len(row.pool) == longest else row
            for row in rows
        ]
        packed = pack(msgspec.structs.replace(record, rows=rows))
    return packed


def keeps_exposures(definitions: Definitions) -> bool:
    """Whether a rule asks what was shown before; otherwise nothing is kept of it with the profile."""
    return any(rule.kind == "no_repeat" for rule in definitions.rules)


def exposable(identifier: str, plan: Plan, rows: Sequence[ItemRow]) -> list[reach.Row]:
    """The personal rows of a decision; what everybody gets is kept with nobody."""
    return [
        (identifier, placement.id, placement.channel, placement.counts == "decided", [one.item for one in row.items])
        for placement, row in zip(plan.placements, rows, strict=True)
        if row.items and row.personal
    ]


def seen_rows(events: Iterable[Event]) -> list[tuple[str, str, int]]:
    """(decision id, placement, ms) of the rows that these events say were seen."""
    found = []
    for event in events:
        if event.name != DECISION_SHOWN:
            continue
        identifier, placement = event.properties.get("decision_id"), event.properties.get("placement")
        if isinstance(identifier, str) and isinstance(placement, str) and reach.believable(identifier, event.time):
            found.append((identifier, placement[:100], event.time))
    return found
