"""An import: rows of a file become calls, calls become bodies, bodies go to a sink; where it stopped, it goes on."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from regulars.catalog import RowError, parse_rows
from regulars.collect.customers import RECORD, customers
from regulars.collect.rows import BadRow, Call, events, order_lines, orders
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.importing.files import BrokenRow, Progress, Row, read
from regulars.importing.sinks import Sink

KINDS = ("orders", "order-lines", "events", "products", "customers")
#: Events and bytes of one body; the server takes 4 MB.
BODY_EVENTS, BODY_BYTES = 1_000, 3_000_000
PRODUCT_ROWS = 1_000
#: Bad rows that are kept to be shown.
SHOWN = 1_000


class Imported(msgspec.Struct):
    """What became of a file."""

    rows: int = 0
    calls: int = 0
    skipped: int = 0  # acknowledged by an earlier run of the same import
    bad: int = 0
    mistakes: list[str] = []  # "file:line: field: expected …, got …", the first ones


class Journal:
    """How many calls of a file are acknowledged, so that a stopped import goes on where it was."""

    def __init__(self, folder: Path, file: Path, kind: str, mapping: Mapping[str, str]) -> None:
        stat = file.stat()
        about = msgspec.json.encode(
            [str(file.absolute()), stat.st_size, stat.st_mtime_ns, kind, dict(mapping)], order="deterministic"
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
    file: Path,
    kind: str,
    file_format: str,
    definitions: Definitions,
    sink: Sink,
    *,
    journal: Journal | None = None,
    mapping: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> Imported:
    """Send everything in the file that can be read; the rest is told row by row and harms nothing."""
    if kind not in KINDS:
        raise Rejected(f"there is no import of {kind!r}", field="--kind", expected=", ".join(KINDS), got=kind)
    result = Imported()
    rows = _readable(read(file, file_format, progress), file, result)
    if kind == "products":
        _send_products(rows, file, file_format, definitions, sink, result)
        return result
    calls = _calls(kind, rows, definitions, mapping or {})
    _send_calls(_good(calls, file, result), definitions, sink, journal, result)
    return result


def _readable(rows: Iterator[Row], file: Path, result: Imported) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row in rows:
        result.rows += 1
        if isinstance(row, BrokenRow):
            _note(result, f"{file}:{row.line}: expected {row.expected}, got {row.got}")
        else:
            yield row


def _calls(
    kind: str, rows: Iterator[tuple[int, Mapping[str, Any]]], definitions: Definitions, mapping: Mapping[str, str]
) -> Iterator[Call | BadRow]:
    shop = definitions.shop
    if kind == "events":
        return events(rows, time_zone=shop.time_zone, mapping=mapping)
    if kind == "customers":
        person = definitions.identity.person
        if RECORD not in person and not set(person) & set(mapping.values()):
            raise Rejected(
                f"the ids of a customer file need a type of identifier: add [types.{RECORD}] with kind = 'person' to "
                "identity.toml, or name a type with --map COLUMN=TYPE",
                field="identity.toml",
                expected=RECORD,
                got=", ".join(person),
            )
        now = time.time_ns() // 1_000_000
        return customers(rows, time_zone=shop.time_zone, now=now, types=person, mapping=mapping)
    make: Callable[..., Iterator[Call | BadRow]] = orders if kind == "orders" else order_lines
    return make(rows, currency=shop.currency, time_zone=shop.time_zone, mapping=mapping)


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
    file: Path,
    file_format: str,
    definitions: Definitions,
    sink: Sink,
    result: Imported,
) -> None:
    pending: list[Mapping[str, Any]] = []
    for line, row in rows:
        said = {k: v for k, v in row.items() if v not in ("", None)} if file_format == "csv" else row
        (parsed,) = parse_rows([(line, said)], currency=definitions.shop.currency, source=file_format)
        if isinstance(parsed, RowError):
            _note(result, f"{file}:{line}: {parsed.field}: expected {parsed.expected}, got {parsed.got}")
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
