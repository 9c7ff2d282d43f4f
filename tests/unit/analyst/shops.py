"""A data folder with a log and verdicts, without the rooms that make them."""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from regulars.adapters.log.appending import FileLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.decision import DecisionRecord
from regulars.core.definitions import Definitions, Shop, Trait
from regulars.core.event import Event, FailedEvent
from regulars.core.log import DECISION, EVENTS, TICK, NewRecord, Record
from regulars.core.record import HOT, Hot, pack_profiles, part_id
from regulars.core.state import CHANGED, FOLDED, PART, VERDICT, Changes
from regulars.core.verdict import ADMITTED, Verdict, pack

DECODER = "tests.unit.analyst.shops:PlainDecoder"
DAY_MS = 86_400_000


class PlainDecoder:
    """Records whose body is a MessagePack list of (message id, name, time, subject); a None is a failed event."""

    def __init__(self, definitions: Definitions) -> None:
        assert isinstance(definitions, Definitions)

    def decode(self, record: Record) -> list[Event | FailedEvent]:
        rows = msgspec.msgpack.decode(record.body)
        return [plain_event(record, index, row) for index, row in enumerate(rows)]


def plain_event(record: Record, index: int, row: Any) -> Event | FailedEvent:
    if row is None:
        return FailedEvent("web", 0, record.offset, index, "", "", "malformed", "", "", "", b"")
    message_id, name, time, subject = row
    return Event(
        message_id, record.source, name, time, record.time, subject, (subject,), (), {"of": message_id}, {}, {},
        record.offset, index,
    )  # fmt: skip


def fail_training(bench: Any, *, reason: str) -> None:
    raise ValueError(f"{reason} in {bench.data.name}")


def sleep(bench: Any, *, seconds: float) -> int:
    assert bench.data.is_dir()
    print("a library that prints")  # noqa: T201 - it must not end up among the answers
    time.sleep(seconds)
    return os.getpid()


def count_lines(bench: Any, *, currency: str) -> dict[str, Any]:
    lines = bench.table("order_lines", {"currency": currency})
    return {"lines": lines.num_rows, "head": bench.log.head()}


class DataFolder:
    """Writes what gateway and updater write."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.log = FileLog(root / "log")
        self.state = SqliteState(root / "state.db")
        self.definitions = Definitions(
            shop=Shop(name="Corner", time_zone="UTC"),
            traits=(
                Trait(name="orders", kind="count", events=("Order Completed",)),
                Trait(name="days_since_order", kind="days_since", events=("Order Completed",)),
                Trait(name="city", kind="last", events=("Identify",), type="text"),
                Trait(name="category", kind="affinity", events=("Product Viewed",), interest=True),
            ),
        )

    def close(self) -> None:
        self.state.close()
        self.log.close()

    def receive(self, rows: Sequence[Any]) -> int:
        return self.log.append([NewRecord(EVENTS, "web", "batch", 0, msgspec.msgpack.encode(rows))])

    def tick(self) -> int:
        return self.log.append([NewRecord(TICK, "", "", 0, b"")])

    def decide(self, record: DecisionRecord) -> int:
        return self.log.append([NewRecord(DECISION, "", "", record.time, msgspec.msgpack.encode(record))])

    def fold(self, verdicts: Sequence[Verdict], *, last: int) -> None:
        """What a folded batch leaves for sealing."""
        changes = Changes()
        if verdicts:
            changes.put(VERDICT, (verdicts[0].offset, last, pack(verdicts)))
        self.state.commit(changes, meta={FOLDED: last})

    def folds_all(self) -> int:
        """Admit every event that waits, one batch for each record."""
        folded = int(str(self.state.meta(FOLDED) or 0))
        for record in self.log.read(folded, records=10_000):
            codes = bytes([ADMITTED]) * len(msgspec.msgpack.decode(record.body)) if record.kind == EVENTS else b""
            self.fold([Verdict(record.offset, codes)] if codes else [], last=record.offset)
        return self.log.head()

    def keep(self, profiles: Iterable[tuple[int, Hot | None]], *, offset: int) -> None:
        """Store hot records; None removes one."""
        changes = Changes()
        for profile, hot in profiles:
            if hot is None:
                changes.delete(PART, part_id(profile, HOT))
            else:
                changes.put(PART, (part_id(profile, HOT), msgspec.msgpack.encode(hot)))
                changes.put(PART, (part_id(profile, 3), b"a trait group"))
            changes.put(CHANGED, (offset, profile, pack_profiles([profile])))
        self.state.commit(changes, meta={FOLDED: offset})
