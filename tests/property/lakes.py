"""The keeper's work in memory: sealing what folding admitted, and taking out of the lake what was asked for."""

from collections.abc import Iterable, Sequence

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.analyst.sealing import Harvest
from regulars.core.event import Event
from regulars.core.lake import EVENT_PART, Drop
from regulars.core.state import FOLDED, LAKE_DROP, SEALED, VERDICT, Changes
from regulars.flow import lake_drops
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater


def dropped(drop: Drop, event: Event) -> bool:
    return (
        drop.kind in ("", EVENT_PART)
        and (not drop.subjects or event.subject in drop.subjects)
        and drop.names_event(event.name, event.source)
        and (drop.before is None or event.time < drop.before)
        and (drop.since is None or event.time >= drop.since)
        and (drop.offset is None or event.offset <= drop.offset)
    )


class Keeping:
    """A shop with a lake: log, state, updater, and the events that are sealed."""

    def __init__(self, engine: Engine, *, records: int = 1) -> None:
        self.engine = engine
        self.log = MemoryLog()
        self.state = SqliteState(":memory:")
        self.sealed: dict[tuple[int, int], Event] = {}
        self.updater = Updater(engine, self.log, self.state, sealed=self.history, records=records)

    def history(self, subjects: Sequence[str]) -> Iterable[Event]:
        return [event for event in self.sealed.values() if event.subject in subjects]

    def seal(self) -> None:
        after, until = self.state.meta(SEALED) or 0, self.state.meta(FOLDED) or 0
        assert isinstance(after, int)
        assert isinstance(until, int)
        found = Harvest(self.engine.calendar, self.engine.plain_decoder)
        found.gather(self.log, self.state, after=after, until=until, limit=1_000)
        self.sealed.update({(event.offset, event.index): event for event in found.events})
        changes = Changes()
        for first in found.verdicts:
            changes.delete(VERDICT, first)
        self.state.commit(changes, meta={SEALED: found.offset})

    def keep(self) -> int:
        """Seal, and do what the drops say; how many rows went."""
        self.seal()
        keys, drops = lake_drops.waiting(self.state.select(LAKE_DROP))
        gone = [place for place, event in self.sealed.items() if any(dropped(drop, event) for drop in drops)]
        for place in gone:
            del self.sealed[place]
        changes = Changes()
        for key in keys:
            changes.delete(LAKE_DROP, key)
        self.state.commit(changes)
        return len(gone)
