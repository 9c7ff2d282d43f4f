"""Reading a record of events: what it says, and what can be told of its events before anything else is known.

The latter is what they are told apart by, whose they are said to be, and what they count as. Whoever reads a record
computes it, so that another process can.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from regulars.collect.clock import Said
from regulars.collect.dedup import digests_of
from regulars.collect.tail import subject_digests
from regulars.core.event import Event, FailedEvent
from regulars.core.log import Record
from regulars.flow.arrivals import Arrived, Watcher
from regulars.flow.engine import Engine


class Told(msgspec.Struct, array_like=True, gc=False):
    """What is told of events, should each of them count."""

    digests: bytes  # `dedup.digests_of`
    subjects: bytes  # `tail.subject_digests`
    arrived: Arrived


class Decoded(NamedTuple):
    """What a record says: its events, why tokens verified nothing, by place, what it says of clocks, and `Told`."""

    results: list[Event | FailedEvent]
    refused: dict[int, str]
    said: Said
    told: Told


class Reader:
    """Reads records by one version of the definitions."""

    def __init__(self, engine: Engine) -> None:
        self.watcher = Watcher(engine)
        self._decode = engine.decoder.decode

    def read(self, record: Record) -> Decoded:
        """A record of events."""
        refused: dict[int, str] = {}
        said = Said()
        results = self._decode(record, refused, said=said)
        return Decoded(results, refused, said, self.told([one for one in results if isinstance(one, Event)]))

    def told(self, events: Sequence[Event]) -> Told:
        """What is told of events."""
        return Told(
            digests_of([(event.source, event.message_id) for event in events]),
            subject_digests([event.subject for event in events]),
            self.watcher.arrived(events),
        )
