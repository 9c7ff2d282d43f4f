"""Where imported calls and products go: to the running server, or into log and state when none runs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import httpx
import msgspec

from regulars.analyst.client import AnalystClient
from regulars.catalog import from_row
from regulars.core.definitions import Definitions, Source
from regulars.core.errors import Rejected, Unavailable
from regulars.core.log import EVENTS, PRODUCTS, ROWS, STOCK, TICK, NewRecord
from regulars.core.state import PRODUCT, Row, State
from regulars.flow.updater import Updater
from regulars.runtime import DataFolder, Settings
from regulars.runtime.build import open_log, open_state

#: How often a server that says "later" is asked again, and how long a pause between may get; seconds.
ATTEMPTS, LONGEST_PAUSE = 60, 10.0


class Sink(Protocol):
    """Takes what an import makes; when a method returns, what it was given is durable."""

    def events(self, body: bytes) -> None:
        """The body of a `/v1/import`."""
        ...

    def products(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the catalogue that were checked."""
        ...

    def stock(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Levels of stock that were checked."""
        ...

    def rows(self, body: bytes) -> None:
        """The body of a `/v1/import/rows`: rows that wait to be mended."""
        ...

    def items(self) -> Iterator[Mapping[str, Any]]:
        """The catalogue: id, kind, active and variants of each item."""
        ...

    def clock(self, instant: int) -> None:
        """Move the shop's clock, ms."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class HttpSink:
    """The running server."""

    def __init__(self, address: str, key: str) -> None:
        self._http = httpx.Client(base_url=address, auth=(key, ""), timeout=120)

    def events(self, body: bytes) -> None:
        """Post, and again while the server asks to wait."""
        self._post("/v1/import", body)

    def products(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Post the rows as one upsert."""
        self._post("/v1/catalog/items", msgspec.json.encode(rows))

    def stock(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Post the levels."""
        self._post("/v1/catalog/stock", msgspec.json.encode(rows))

    def rows(self, body: bytes) -> None:
        """Post the rows."""
        self._post("/v1/import/rows", body)

    def items(self) -> Iterator[Mapping[str, Any]]:
        """Ask page by page."""
        after: str | None = ""
        while after is not None:
            answer = self._http.get("/v1/catalog/items", params={"after": after, "limit": 1_000})
            if answer.status_code != 200:
                raise Unavailable(
                    f"the server does not tell its catalogue: {_problem(answer).get('detail', answer.text)}"
                )
            page = msgspec.json.decode(answer.content, type=dict[str, Any])
            yield from page["items"]
            after = page["next"]

    def clock(self, instant: int) -> None:
        """Post a tick. The log keeps the order; the updater always has what comes next waiting."""
        self._post("/v1/clock", msgspec.json.encode({"time": instant, "wait": False}))

    def close(self) -> None:
        """Release the connection."""
        self._http.close()

    def _post(self, path: str, body: bytes) -> None:
        pause = 0.2
        why = ""
        for _ in range(ATTEMPTS):
            try:
                answer = self._http.post(path, content=body, headers={"content-type": "application/json"})
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
            else:
                if answer.status_code == 200:
                    return
                problem = _problem(answer)
                if answer.status_code not in (429, 502, 503, 504):
                    raise Rejected(
                        f"the server refused {path}: {problem.get('detail', answer.text[:300])}",
                        field=str(problem.get("field", "")),
                        expected=str(problem.get("expected", "")),
                        got=str(problem.get("got", "")),
                    )
                why = str(problem.get("detail", answer.status_code))
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
        raise Unavailable(
            f"the server at {self._http.base_url} does not take more: {why}. Run the import again to go on"
        )


class LocalSink:
    """Log and state of a shop that no server holds: appends, and folds in this process. The caller holds the folder."""

    def __init__(self, settings: Settings, folder: DataFolder, definitions: Definitions, source: Source) -> None:
        self._source = source.id
        self._log = open_log(folder, settings)
        self._state = open_state(folder, settings)
        self._analyst = AnalystClient(settings.data, definitions)
        self._updater = Updater(definitions, self._log, self._state, sealed=self._analyst.history)
        self._updater.run()

    def events(self, body: bytes) -> None:
        """Append and fold."""
        self._append(EVENTS, "import", time.time_ns() // 1_000_000, body)

    def products(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append and fold."""
        self._append(PRODUCTS, "items", time.time_ns() // 1_000_000, msgspec.json.encode(rows))

    def stock(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append and fold."""
        self._append(PRODUCTS, STOCK, time.time_ns() // 1_000_000, msgspec.json.encode(rows))

    def rows(self, body: bytes) -> None:
        """Append and fold."""
        self._append(EVENTS, ROWS, time.time_ns() // 1_000_000, body)

    def items(self) -> Iterator[Mapping[str, Any]]:
        """Read the state."""
        for row in scan_items(self._state):
            yield msgspec.to_builtins(from_row(row))

    def clock(self, instant: int) -> None:
        """Append and fold a tick."""
        self._append(TICK, "", instant, b"")

    def close(self) -> None:
        """Release the files."""
        self._analyst.close()
        self._state.close()
        self._log.close()

    def _append(self, kind: str, route: str, instant: int, body: bytes) -> None:
        self._log.append([NewRecord(kind, self._source, route, instant, body)])
        self._updater.run()


def scan_items(state: State) -> Iterator[Row]:
    """All items of the catalogue, a page in memory at a time."""
    after = ""
    while rows := [
        row for row in state.select(PRODUCT, at_least={"id": after}, order=("id",), limit=1_001) if row[0] != after
    ]:
        yield from rows
        after = str(rows[-1][0])


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
    return found
