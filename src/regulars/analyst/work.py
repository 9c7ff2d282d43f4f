"""What the child does for each question, on the data folder's log, state and lake."""

import functools
import importlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import msgspec
import pyarrow as pa

from regulars.adapters.lake import compaction, duck
from regulars.adapters.lake.files import Stale
from regulars.adapters.lake.parquet import ParquetLake
from regulars.adapters.lake.profile_rows import profile_columns
from regulars.adapters.lake.profile_table import Leave, ProfileTable, chunks
from regulars.adapters.log.reading import FileLogReader
from regulars.adapters.state.sqlite import SqliteStateReader
from regulars.analyst.protocol import Compacted, ProfilesWritten, Sealed, Setup
from regulars.analyst.sealing import Decoder, Harvest
from regulars.core.calendar import Calendar
from regulars.core.errors import Misconfigured
from regulars.core.event import Event
from regulars.core.lake import DECISION_PART, EVENT_PART, PROFILE_PART, Drop, Dropped, PartFile, PastDecision
from regulars.core.record import HOT, Hot, part_id, unpack_profiles
from regulars.core.state import CHANGED, EPOCH, FOLDED, MANIFEST, Table
from regulars.flow import generation
from regulars.flow.engine import without_plan

P = ParamSpec("P")
T = TypeVar("T")

_HOT = msgspec.msgpack.Decoder(Hot)
_SCAN_ROWS = 20_000  # rows of the state read at a time when every profile is read


class Workbench:
    """Log, state and lake of a data folder, read-only but for new files of the lake."""

    def __init__(self, data: Path, setup: Setup) -> None:
        self.data = data
        self.definitions = setup.definitions
        self.calendar = Calendar(setup.definitions.shop.time_zone)
        self.lake = ParquetLake(data / "lake", duck.Limits(memory=setup.memory, threads=setup.threads))
        self._decoder_name = setup.decoder

    @functools.cached_property
    def log(self) -> FileLogReader:
        """The log, read-only."""
        return FileLogReader(self.data / "log")

    @functools.cached_property
    def state(self) -> SqliteStateReader:
        """The state, read-only."""
        return SqliteStateReader(self.data / "state.db")

    @functools.cached_property
    def decoder(self) -> Decoder:
        """Reads the events of a log record."""
        # What folding admitted stays admitted, also when the tracking plan was narrowed since.
        decoder: Decoder = entry_point(self._decoder_name)(without_plan(self.definitions))
        return decoder

    @property
    def profile_table(self) -> ProfileTable:
        """The profile table with the columns of the records that serve."""
        serving = generation.definitions(self.state) or self.definitions
        return ProfileTable(self.lake.folder, profile_columns(serving))

    @property
    def part(self) -> Table:
        """The table of the records that serve."""
        return generation.tables(self.state).part

    def listed(self, *kinds: str) -> list[PartFile]:
        """The parts that the manifest lists now."""
        parts = [PartFile(*row) for row in self.state.select(MANIFEST, order=("file",))]  # type: ignore[arg-type]
        return [part for part in parts if not kinds or part.kind in kinds]

    def table(self, name: str, arguments: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of a named query as an Arrow table, for training."""
        return self._reading(lambda: self.lake.table(name, self.listed(EVENT_PART), arguments))

    # Questions ------------------------------------------------------------------------------------------------------

    def seal(self, after: int, until: int, limit: int) -> Sealed:
        """Write what folding admitted of a range of the log as parts."""
        harvest = Harvest(self.calendar, self.decoder)
        harvest.gather(self.log, self.state, after=after, until=until, limit=limit)
        parts = self.lake.seal(harvest.events, days=harvest.days)
        parts += self.lake.seal_decisions(harvest.decisions, days=harvest.decision_days())
        counts = (len(harvest.events), len(harvest.decisions))
        return Sealed(harvest.offset, parts, harvest.verdicts, *counts, missing=harvest.missing)

    def history(self, subjects: Sequence[str]) -> list[Event]:
        """Every sealed event of the subjects."""
        return self._reading(lambda: self.lake.history(subjects, self.listed(EVENT_PART)))

    def timeline(self, subjects: Sequence[str], limit: int, before: int | None) -> list[Event]:
        """The newest of them."""
        return self._reading(lambda: self.lake.newest(subjects, self.listed(EVENT_PART), limit=limit, before=before))

    def decisions(self, subjects: Sequence[str], limit: int, before: int | None) -> list[PastDecision]:
        """The newest decisions about these anchors."""
        return self._reading(
            lambda: self.lake.decisions(subjects, self.listed(DECISION_PART), limit=limit, before=before)
        )

    def query(self, name: str, arguments: Mapping[str, Any]) -> list[Any]:
        """The rows of a named query."""
        rows: list[Any] = self._reading(lambda: self.lake.query(name, self.listed(EVENT_PART), arguments))
        return rows

    def count(self, conditions: Sequence[str], as_of: int) -> list[int]:
        """Profiles that fulfil each condition."""
        listed = functools.partial(self.listed, PROFILE_PART)
        table, connection = self.profile_table, self.lake.connection
        return self._reading(lambda: table.count(connection, listed(), conditions, as_of=as_of))

    def overlap(self, segments: Sequence[str]) -> list[tuple[str, str, int]]:
        """Profiles in both segments of every pair."""
        table, connection = self.profile_table, self.lake.connection
        pairs = self._reading(lambda: table.overlap(connection, self.listed(PROFILE_PART), segments))
        return [(*pair, number) for pair, number in pairs.items()]

    def sample(self, condition: str, as_of: int, limit: int) -> list[int]:
        """A few profiles that fulfil a condition."""
        table, connection = self.profile_table, self.lake.connection
        listed = functools.partial(self.listed, PROFILE_PART)
        return self._reading(lambda: table.sample(connection, listed(), condition, as_of=as_of, limit=limit))

    def compact(self, today: int) -> Compacted:
        """Merge parts."""
        groups = compaction.plan(self.listed(), today=today)
        written = [part for group in groups for part in self.lake.compact(group)]
        return Compacted(written, [part.file for group in groups for part in group])

    def drop(self, drops: Sequence[Drop], share: tuple[int, int]) -> Dropped:
        """Take rows out of the lake: out of this one of so many shares of its parts."""
        number, shares = share

        def mine() -> list[PartFile]:
            return [part for part in self.listed() if zlib.crc32(part.file.encode()) % shares == number]

        return self._reading(lambda: self.lake.drop(mine(), drops))

    def update_profiles(self, as_of: int, *, rebuild: bool, leave: Leave) -> ProfilesWritten:
        """Write the profile table anew or what changed of it; again when a back-fill switched the records meanwhile."""
        while True:
            epoch = self.state.meta(EPOCH)
            written = self._update_profiles(as_of, rebuild=rebuild, leave=leave)
            if self.state.meta(EPOCH) == epoch:
                return written

    def _update_profiles(self, as_of: int, *, rebuild: bool, leave: Leave) -> ProfilesWritten:
        # The offset first: records may be newer than it, and are then among the changed ones of the next time.
        offset = int(str(self.state.meta(FOLDED) or 0))
        listed = self.listed(PROFILE_PART)
        table = self.profile_table
        if rebuild or not table.fits(listed):
            parts = table.build(self._all_profiles(), as_of=as_of, offset=offset)
        else:
            rows = self.state.select(CHANGED, below={"offset": offset + 1}, order=("offset",))
            changed = sorted({number for row in rows for number in unpack_profiles(cast(bytes, row[2]))})
            records = (self._hot(chunk) for chunk in chunks(changed))
            parts = table.update(listed, records, as_of=as_of, offset=offset, leave=leave)
        kept, old = {part.file for part in parts}, {part.file for part in listed}
        new = [part for part in parts if part.file not in old]
        return ProfilesWritten(new, sorted(old - kept), offset, sum(part.rows for part in new))

    def sweep(self) -> list[str]:
        """Remove unlisted files."""
        return self.lake.sweep(self.listed())

    def verify(self) -> list[str]:
        """Damaged and missing files."""
        return self.lake.verify(self.listed())

    def train(self, entry: str, arguments: Mapping[str, Any]) -> Any:
        """Run somebody else's function with this workbench."""
        return entry_point(entry)(self, **arguments)

    def _reading(self, read: Callable[[], T]) -> T:
        """Read; once more with a fresh manifest when a compaction has removed a file meanwhile."""
        try:
            return read()
        except Stale:
            return read()

    def _hot(self, profiles: Sequence[int]) -> dict[int, Hot | None]:
        stored = self.state.parts([part_id(profile, HOT) for profile in profiles], self.part)
        return {
            profile: _HOT.decode(data) if (data := stored.get(part_id(profile, HOT))) is not None else None
            for profile in profiles
        }

    def _all_profiles(self) -> Iterator[dict[int, Hot | None]]:
        low, part = 0, self.part
        while rows := self.state.select(part, at_least={"id": low}, order=("id",), limit=_SCAN_ROWS):
            numbered = [(int(row[0] or 0), bytes(row[1] or b"")) for row in rows]  # type: ignore[arg-type]  # a blob
            yield {number >> 4: _HOT.decode(data) for number, data in numbered if number & 15 == HOT}
            low = numbered[-1][0] + 1


def entry_point(name: str) -> Callable[..., Any]:
    """The object that "module:name" stands for."""
    module, _, attribute = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise Misconfigured(
            f"{name!r} cannot be loaded: {error}; give it as 'module:name' of something that exists"
        ) from error
    return found
