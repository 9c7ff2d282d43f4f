"""What every command works with: its words, what it may use, and the steps that several of them take."""

from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

import msgspec

from regulars.core import state as tables
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.core.identifier import MAX_LENGTH
from regulars.core.log import Record
from regulars.core.state import Changes, StateReader
from regulars.core.verdict import Verdict, pack
from regulars.flow.desk import Desk
from regulars.flow.engine import Engine
from regulars.flow.generation import Tables
from regulars.flow.history import History
from regulars.flow.refold import refold
from regulars.profile.assignment import IdRow

#: Pairs of identifiers that one command links or proposes at most: what is folded between two batches of events.
MOST_PAIRS = 500
_SHOWN = 200  # characters of what was sent that an answer repeats


class Command(msgspec.Struct):
    """The body of a COMMAND record."""

    name: str
    args: dict[str, Any] = {}
    by: str = ""


class Context(msgspec.Struct):
    """What a command may use, and what it asks of the updater."""

    engine: Engine
    state: StateReader
    history: History
    record: Record
    day: int
    tables: Tables
    wanted: Definitions | None = None  # by which records are to be built from now on
    again: bool = False  # also when they are by these already
    after: list[Callable[[], None]] = []  # to be called once the changes are committed


Handler = Callable[[Context, Command, Changes], dict[str, Any]]


def identifier_key(value: object, engine: Engine) -> str:
    """The key of an identifier that a command names; raises Rejected when it can name nobody."""
    kind, colon, rest = str(value or "").partition(":")
    key = engine.identifiers.key(kind, rest) if colon else None
    if key is None:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        raise Rejected(
            f"{shown} is not an identifier",
            field="identifier",
            expected="type:value, for example user_id:42",
            got=shown,
        )
    return key


def stored_key(value: object, context: Context) -> str:
    """The same for a command about somebody who is known: also a key that is stored as it is written here.

    What was stored before the rules changed (another spelling, a value that is blocked by now) must stay within reach.
    """
    written = str(value or "")
    kind, colon, rest = written.partition(":")
    key = context.engine.identifiers.key(kind, rest) if colon else None
    if key is None or (key != written and context.state.get(tables.IDENTIFIER, key) is None):
        as_written = written if colon and len(rest) <= MAX_LENGTH else ""
        if as_written and context.state.get(tables.IDENTIFIER, as_written) is not None:
            return as_written
    return key or identifier_key(value, context.engine)


def bounded(asked: Sized, field: str) -> None:
    """Raise Rejected for a command that asks for nothing, or for more than one transaction should hold."""
    if not 0 < len(asked) <= MOST_PAIRS:
        raise Rejected(
            f"a command holds 1 to {MOST_PAIRS} {field}, got {len(asked)}; send several commands",
            field=field,
            expected=f"1 to {MOST_PAIRS}",
            got=str(len(asked)),
        )


def repair(
    numbers: Iterable[int], pending: Mapping[str, IdRow], context: Context, desk: Desk, changes: Changes
) -> None:
    """Read the histories of these profiles and fold them anew; the sealer is told what is admitted only now."""
    late: list[tuple[int, int]] = []
    for number in sorted(numbers):
        past = context.history.of(number, pending)
        late += refold(context.engine, desk, context.state, past, day=context.day)
    if late:
        offset = context.record.offset
        changes.put(tables.VERDICT, (offset, offset, pack([Verdict(offset, b"", None, late)])))
