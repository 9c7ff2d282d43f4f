"""An import: rows of a file become calls, calls become bodies, bodies go to a sink; where it stopped, it goes on."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from regulars.catalog import RowError, parse_rows
from regulars.collect.files import KINDS as EVENT_KINDS
from regulars.collect.files.kind import About, BadRow, Call
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.importing.files import BrokenRow, Progress, Row, read
from regulars.importing.sinks import Sink

PRODUCTS = "products"
KINDS = (*EVENT_KINDS, PRODUCTS)
#: Events and bytes of one body; the server takes 4 MB.
BODY_EVENTS, BODY_BYTES = 1_000, 3_000_000
PRODUCT_ROWS = 1_000
#: Bad rows that are kept to be shown.
SHOWN = 1_000


def noun_of(kind: str) -> str:
    """What one thing of a kind of file is called."""
    return EVENT_KINDS[kind].noun if kind in EVENT_KINDS else "items"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The file of an import, and what the caller says of it."""

    path: Path
    kind: str  # one of KINDS
    format: str
    mapping: dict[str, str] = {}  # column -> field
    options: dict[str, str] = {}  # of the kind


class Imported(msgspec.Struct):
    """What became of a file."""

    rows: int = 0
    calls: int = 0
    skipped: int = 0  # acknowledged by an earlier run of the same import
    bad: int = 0
    mistakes: list[str] = []  # "file:line: field: expected …, got …", the first ones


class Journal:
    """How many calls of a file are acknowledged, so that a stopped import goes on where it was."""

    def __init__(self, folder: Path, given: Given) -> None:
        stat = given.path.stat()
        said = {**given.mapping, **given.options}
        about = msgspec.json.encode(
            [str(given.path.absolute()), stat.st_size, stat.st_mtime_ns, given.kind, said], order="deterministic"
        )
        self._path = folder / f"{hashlib.blake2b(about, digest_size=12).hexdigest()}.json"

    def done(self) -> int:
        """Calls that need not be sent again."""
        try:
            return int(msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])["calls"])
        except (FileNotFoundError, msgspec.DecodeError, KeyError):
            return 0

    def note(self, calls: int) -> None:
        """So many calls are acknowledged."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode({"calls": calls}))
        part.replace(self._path)


def run_import(
    given: Given,
    definitions: Definitions,
    sink: Sink,
    *,
    journal: Journal | None = None,
    progress: Progress = lambda _: None,
) -> Imported:
    """Send everything in the file that can be read; the rest is told row by row and harms nothing."""
    if given.kind not in KINDS:
        expected = ", ".join(KINDS)
        raise Rejected(f"there is no import of {given.kind!r}", field="--kind", expected=expected, got=given.kind)
    result = Imported()
    rows = _readable(read(given.path, given.format, progress), given.path, result)
    if given.kind == PRODUCTS:
        _send_products(rows, given, definitions, sink, result)
        return result
    about = _about(definitions, given)
    kind = EVENT_KINDS[given.kind]
    if kind.check is not None:
        kind.check(about)
    _send_calls(_good(kind.calls(rows, about), given.path, result), definitions, sink, journal, result)
    return result


def _readable(rows: Iterator[Row], file: Path, result: Imported) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row in rows:
        result.rows += 1
        if isinstance(row, BrokenRow):
            _note(result, f"{file}:{row.line}: expected {row.expected}, got {row.got}")
        else:
            yield row


def _about(definitions: Definitions, given: Given) -> About:
    shop = definitions.shop
    now = time.time_ns() // 1_000_000
    return About(shop.currency, shop.time_zone, now, tuple(definitions.identity.person), given.mapping, given.options)


def _good(calls: Iterator[Call | BadRow], file: Path, result: Imported) -> Iterator[dict[str, Any]]:
    for call in calls:
        if isinstance(call, BadRow):
            _note(result, f"{file}:{call.line}: {call.field}: expected {call.expected}, got {call.got}")
        else:
            yield call.payload


def _send_calls(
    calls: Iterator[dict[str, Any]], definitions: Definitions, sink: Sink, journal: Journal | None, result: Imported
) -> None:
    done = journal.done() if journal is not None else 0
    moves_clock = definitions.shop.clock == "records"
    newest = 0
    pending: list[bytes] = []
    size = 0

    def send() -> None:
        nonlocal size
        if moves_clock and newest:
            sink.clock(newest)
        sink.events(b'{"batch":[' + b",".join(pending) + b"]}")
        result.calls += len(pending)
        pending.clear()
        size = 0
        if journal is not None:
            journal.note(result.skipped + result.calls)

    for payload in calls:
        if result.skipped < done:
            result.skipped += 1
            continue
        encoded = msgspec.json.encode(payload)
        if pending and (len(pending) >= BODY_EVENTS or size + len(encoded) > BODY_BYTES):
            send()
        if moves_clock:
            newest = max(newest, _instant(payload.get("timestamp")))
        pending.append(encoded)
        size += len(encoded) + 1
    if pending:
        send()


def _send_products(
    rows: Iterator[tuple[int, Mapping[str, Any]]],
    given: Given,
    definitions: Definitions,
    sink: Sink,
    result: Imported,
) -> None:
    pending: list[Mapping[str, Any]] = []
    for line, row in rows:
        said = {k: v for k, v in row.items() if v not in ("", None)} if given.format == "csv" else row
        (parsed,) = parse_rows([(line, said)], currency=definitions.shop.currency, source=given.format)
        if isinstance(parsed, RowError):
            _note(result, f"{given.path}:{line}: {parsed.field}: expected {parsed.expected}, got {parsed.got}")
            continue
        pending.append(said)
        if len(pending) >= PRODUCT_ROWS:
            sink.products(pending)
            result.calls += len(pending)
            pending = []
    if pending:
        sink.products(pending)
        result.calls += len(pending)


def _note(result: Imported, mistake: str) -> None:
    result.bad += 1
    if len(result.mistakes) < SHOWN:
        result.mistakes.append(mistake)


def _instant(stated: object) -> int:
    """UTC milliseconds of a call's timestamp; 0 when it has none."""
    if isinstance(stated, str):
        try:
            return round(datetime.fromisoformat(stated).timestamp() * 1000)
        except ValueError:
            return 0
    return int(stated) if isinstance(stated, int) else 0
