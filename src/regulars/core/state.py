"""The state port: declared tables, one writer, one transaction per folded batch that includes the log offset."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol, cast

import msgspec

Cell = int | float | str | bytes | None
Key = int | str | tuple[int | str, ...]
Row = tuple[Cell, ...]
Kind = Literal["int", "real", "text", "blob"]


class Table(msgspec.Struct, frozen=True):
    """A table as data, so that every adapter builds it the same way. The key columns come first."""

    name: str
    columns: tuple[tuple[str, Kind], ...]
    key: int = 1  # how many leading columns form the primary key
    indexes: tuple[tuple[str, ...], ...] = ()

    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(name for name, _ in self.columns)


def _table(name: str, columns: str, key: int = 1, *indexes: str) -> Table:
    """`columns` as "name:kind name:kind"."""
    kinds: dict[str, Kind] = {"int": "int", "real": "real", "text": "text", "blob": "blob"}
    pairs = tuple((c.split(":")[0], kinds[c.split(":")[1]]) for c in columns.split())
    return Table(name, pairs, key, tuple(tuple(i.split()) for i in indexes))


META = _table("meta", "key:text value:blob")
#: Profile parts: id = profile << 4 | part. Part 0 is the hot record (core.record).
PART = _table("part", "id:int data:blob")
IDENTIFIER = _table("identifier", "key:text profile:int first_seen:int owners:blob", 1, "profile")
#: Evidence that two identifiers are one customer's (profile.links.Link).
LINK = _table(
    "link",
    "a:text b:text time:int message_id:text rule:text until:int status:text score:real note:text source:text",
    4,
    "b",
)
#: When a person key was named with which groups of a type (profile.links.Holding).
GROUPED = _table("grouped", "member:text kind:text holdings:blob", 2)
CONSENT = _table("consent", "identifier:text purpose:text time:int message_id:text granted:int evidence:blob", 4)
REDIRECT = _table("redirect", "profile:int target:int")
ORDER = _table(
    "order_fact", "order_id:text profile:int time:int total:int currency:text status:text data:blob", 1, "profile time"
)
#: Who is in a segment; which segments a profile is in stands in its hot record.
MEMBERSHIP = _table("membership", "segment:text profile:int since:int", 2)
#: Moves into and out of a segment that wait to be put in place (flow.members).
MOVED = _table("moved", "segment:text seq:int data:blob", 2)
#: Sums by name, day and key ("revenue", day, "EUR"); day 0 where a day has no meaning (sizes of segments).
COUNTER = _table("counter", "name:text day:int key:text value:int", 3)
FAILED = _table(
    "failed",
    "offset:int idx:int source:text received_at:int message_id:text name:text reason:text field:text expected:text "
    "got:text body:blob cause:text route:text call:blob signs:text",
    2,
    "reason",
    "cause",
    "message_id",
)
DUE = _table("due", "day:int profile:int", 2)
#: The records of the other generation: a back-fill builds the next one beside the one that serves (META `generation`).
PART_B = _table("part_b", "id:int data:blob")
MEMBERSHIP_B = _table("membership_b", "segment:text profile:int since:int", 2)
MOVED_B = _table("moved_b", "segment:text seq:int data:blob", 2)
DUE_B = _table("due_b", "day:int profile:int", 2)
#: Profiles that changed since the running back-fill built them.
REBUILD = _table("rebuild", "profile:int")
#: Events that a back-fill admitted after all, until the next verdicts tell the sealer.
LATE = _table("late", "offset:int idx:int", 2)
#: Profiles that a batch changed or removed: the log offset, the smallest of the profiles, all of them (core.record).
#: A row for each batch, written in sequence: a row for each profile would cost a random page for each.
CHANGED = _table("changed", "offset:int first:int profiles:blob", 2)
#: What folding admitted of a range of log records; read by the sealer (core.verdict).
VERDICT = _table("verdict", "first:int last:int data:blob")
#: Sorted runs of hashes: de-duplication, trace, and subject -> offsets of the unsealed tail.
RUN = _table("run", "kind:text level:int seq:int data:blob", 3)
#: Clocks of devices that were wrong once (collect.device_clock.DeviceClock), and when they were last heard of.
DEVICE_CLOCK = _table("device_clock", "device:text seen:int data:blob", 1, "seen")
#: Corrected times and verdicts of events by their log record (flow.timing.Found by index), until the log forgets it.
TIMED = _table("timed", "offset:int data:blob")
#: Facts of the shop, by kind and what each is about: the last that was told (flow.shop_facts).
SHOP_FACT = _table(
    "shop_fact", "kind:text key:text time:int until:int told:int data:blob", 2, "kind time", "kind until"
)
#: Where events came again that had come before, by hash of source and message id, until the log forgets their record.
AGAIN = _table("again", "key:int offset:int idx:int", 3, "offset")
#: What visitors viewed, put into a basket and bought, of a batch, for models of visits (flow.visits.Step).
VISITED = _table("visited", "offset:int time:int data:blob")
#: Owners of visits whom models pass over until they hold nothing of them (core.record.owner_key).
UNLEARNED = _table("unlearned", "owner:int offset:int")
MANIFEST = _table(
    "manifest",
    "file:text kind:text day:int bucket:int rows:int bytes:int checksum:text first:int last:int until:int",
    1,
    "kind day bucket",
)
PRODUCT = _table("product", "id:text updated:int category:text data:blob", 1, "updated")
#: Which products and variants a code of codes_of means: msgpack of [[product, SKU of the variant], ...].
SKU = _table("sku", "code:text places:blob")
#: As of when the level of stock in a store was told last, where that was said; ms.
STOCK_TOLD = _table("stock_told", "product:text sku:text store:text time:int", 3)
USER = _table("user", "name:text role:text password:text language:text")
ACCESS = _table("access", "offset:int time:int user:text action:text subject:text")
#: Requests of customers that shop systems pass on, until and after staff answered them (flow.request_commands).
REQUEST = _table(
    "request",
    "id:text kind:text source:text subject:text time:int status:text by:text closed:int note:text",
    1,
    "status time",
    "subject",
)
#: Shops that registered by themselves (flow.shop_app_commands): numbers used once of which, with the installation's
#: secret, the shop's is made: of now, waiting to be confirmed, and of before; `stamped` is the shop's own clock, s.
SHOP_APP = _table(
    "shop_app",
    "source:text shop:text url:text nonce:text pending:text pending_url:text previous:text rotated:int stamped:int "
    "status:text",
    2,
)
#: Confirmation links that were used, until they would have expired anyway.
CONFIRMED = _table("confirmed", "id:text time:int until:int", 1, "until")
#: Rows that wait to be taken out of the lake: the record that asked for it, a number, msgpack of core.lake.Drop.
LAKE_DROP = _table("lake_drop", "offset:int idx:int data:blob", 2)
#: Erasures: what was removed and how far one is (msgpack of core.erasure.Erasure); no identifier is in it.
ERASURE = _table("erasure", "id:text offset:int phase:text data:blob", 1, "offset")
#: Identifiers on their way out, until nothing holds them any more (msgpack of core.erasure.Stretch, empty: for ever).
ERASING = _table("erasing", "identifier:text erasure:text offset:int data:blob", 1)
#: Pairs that may be one person; status "open", "later", "accepted" or "rejected"; evidence: core.proposal.Proposal.
PROPOSAL = _table("proposal", "a:text b:text status:text score:real evidence:blob by:text time:int", 2, "status", "b")
ANSWER = _table("answer", "offset:int ok:int body:blob")  # what became of a command, kept for a day

TABLES: tuple[Table, ...] = (
    META, PART, IDENTIFIER, LINK, CONSENT, REDIRECT, ORDER, MEMBERSHIP, COUNTER, FAILED, DUE, CHANGED, VERDICT, RUN,
    MANIFEST, PRODUCT, USER, ACCESS, CONFIRMED, ANSWER, PART_B, MEMBERSHIP_B, DUE_B, REBUILD, LATE,
    GROUPED, LAKE_DROP, ERASURE, ERASING, MOVED, MOVED_B, PROPOSAL,
    DEVICE_CLOCK, TIMED, AGAIN, SHOP_FACT, VISITED, UNLEARNED, SKU, STOCK_TOLD, REQUEST,
    SHOP_APP,
)  # fmt: skip

# Keys of META (values are msgpack).
FOLDED = "folded_offset"
SEALED = "sealed_offset"
CLOCK = "clock"  # the shop's clock, ms: the largest tick
SCHEMA = "schema_version"
DEFINITIONS = "definitions"  # core.definitions.Definitions that serve: the records are built with these
GENERATION = "generation"  # "a" or "b": which tables hold the records that serve
EPOCH = "epoch"  # grows with every change of DEFINITIONS or GENERATION
PROFILES_BUILT = "profiles_built"  # record_version that the profile table of the lake was built with


class Changes:
    """What a batch writes: rows to put, keys to delete, counters to add. Applied in one transaction."""

    __slots__ = ("adds", "deletes", "puts")

    def __init__(self) -> None:
        self.puts: dict[str, dict[Key, Row]] = {}
        self.deletes: dict[str, set[Key]] = {}
        self.adds: dict[tuple[str, int, str], int] = {}

    def put(self, table: Table, row: Row) -> None:
        """Insert or replace one row; the last put or delete of a key wins."""
        key: Key = row[0] if table.key == 1 else row[: table.key]  # type: ignore[assignment]  # keys hold no NULL, float or blob
        self.puts.setdefault(table.name, {})[key] = row
        if table.name in self.deletes:
            self.deletes[table.name].discard(key)

    def put_all(self, table: Table, rows: Iterable[Row]) -> None:
        """`put` each of many rows of a table whose key is one column."""
        found: dict[Key, Row] = {row[0]: row for row in rows}  # type: ignore[misc]  # keys hold no NULL, float or blob
        if found:
            self.puts.setdefault(table.name, {}).update(found)
            if table.name in self.deletes:
                self.deletes[table.name] -= found.keys()

    def delete(self, table: Table, key: Key) -> None:
        """Remove one row if it is there."""
        self.puts.get(table.name, {}).pop(key, None)
        self.deletes.setdefault(table.name, set()).add(key)

    def add(self, name: str, day: int, key: str, value: int) -> None:
        """Add to a counter (COUNTER table)."""
        place = (name, day, key)
        self.adds[place] = self.adds.get(place, 0) + value

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes or self.adds)


class StateReader(Protocol):
    """Reads of the state. Each call sees one committed snapshot."""

    def get(self, table: Table, key: Key) -> Row | None:
        """One row by primary key."""
        ...

    def many(self, table: Table, keys: Iterable[Key]) -> dict[Key, Row]:
        """Those of the rows that exist, by primary key."""
        ...

    def parts(self, ids: Sequence[int], table: Table = PART) -> dict[int, bytes]:
        """Profile parts by id (profile << 4 | part) of a generation; the hot path of folding and deciding."""
        ...

    def select(
        self,
        table: Table,
        where: Mapping[str, Cell] | None = None,
        *,
        at_least: Mapping[str, Cell] | None = None,
        below: Mapping[str, Cell] | None = None,
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Row]:
        """Rows with equal columns, within half-open ranges, ordered ("-time" descends; ties by key)."""
        ...

    def count(self, table: Table, where: Mapping[str, Cell] | None = None, *, by: str | None = None) -> dict[Cell, int]:
        """Rows counted, by a column's values or under the key None."""
        ...

    def groups(self, table: Table, by: str, *, largest: int) -> tuple[dict[int, int], list[tuple[Cell, int]]]:
        """How many values of a column stand in how many rows (rows -> values); and the most frequent (value, rows).

        It looks at every row: for pages that people open, not for what happens often.
        """
        ...

    def meta(self, key: str) -> object:
        """A META value, decoded; None when unset."""
        ...

    def size(self) -> dict[str, int]:
        """Bytes: {"database", "wal"}."""
        ...

    def close(self) -> None:
        """Release files."""
        ...


class State(StateReader, Protocol):
    """The single writer's view."""

    def commit(
        self,
        changes: Changes,
        *,
        meta: Mapping[str, object] | None = None,
        before: Iterable[Changes] = (),
        meanwhile: Iterable[object] = (),
    ) -> None:
        """Apply everything and the META values in one transaction, durable on return (fsync).

        What `before` yields is applied first, each as it comes, in the same transaction; it may read this state, and
        add to `changes` until it ends.

        While the disk is waited for, steps of `meanwhile` are taken, as many as fit. They must not touch this state,
        nor fail: the transaction may be through by then.
        """
        ...

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database."""
        ...

    def backup(self, target: str) -> None:
        """A consistent copy while running."""
        ...


def scan(reader: StateReader, table: Table, where: Mapping[str, Cell], *, by: str, chunk: int = 256) -> Iterator[Row]:
    """Rows with equal columns in the order of the whole number `by`, unique among them, a chunk in memory at a time."""
    column = table.names().index(by)
    start = 0
    while rows := reader.select(table, where, at_least={by: start}, order=(by,), limit=chunk):
        yield from rows
        start = cast(int, rows[-1][column]) + 1
