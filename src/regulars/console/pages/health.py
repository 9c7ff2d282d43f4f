"""How the server is: processes, lags, sizes, room on the disk, versions."""

import asyncio
import platform
import sqlite3
import time
from pathlib import Path
from typing import Any, Literal

import msgspec
from litestar import Response, get
from markupsafe import Markup

from regulars.console import plots
from regulars.console.house import House
from regulars.console.quality import serving
from regulars.console.visit import Asked, Visit, needs
from regulars.core.errors import RegularsError
from regulars.core.state import SEALED
from regulars.flow.counts import by_source
from regulars.flow.identity_health import Health as IdentityHealth
from regulars.flow.identity_health import health as identity_health
from regulars.profile.reasons import reason_in_words
from regulars.runtime.status import read_status

Level = Literal["good", "warn", "bad"]
#: An updater that has not spoken for this long does not work; seconds.
SILENT_SECONDS = 10.0
_LAG_WARN, _LAG_BAD = 2_000, 50_000  # records
_DISK_WARN, _DISK_BAD = 5e9, 1e9  # bytes
_NONE = "\N{EN DASH}"
_WAL_WARN = 500e6  # bytes
_FAILED_WARN = 0.01  # share of events that fail in seven days


class Process(msgspec.Struct, frozen=True):
    """A process of the server."""

    name: str
    running: bool
    pid: int | None
    since: float | None  # Unix seconds
    restarts: int
    reason: str  # why it was started again last
    error: str  # what it says is wrong now


class Health(msgspec.Struct, frozen=True):
    """What the page shows."""

    level: Level
    problems: list[str]  # codes of what needs a look: words `health.problem.…`
    lag_records: int
    lag_seconds: float
    seal_lag: int
    log_records: int
    log_age_ms: int | None
    log_bytes: int
    log_files: int
    state_bytes: int
    state_wal: int
    waiting: int  # records that wait for the disk
    disk_free: int
    processes: list[Process]
    failed_week: int
    events_week: int
    refused_week: int
    versions: list[tuple[str, str]]
    sources: list[tuple[str, int, list[tuple[str, int]]]]  # of a week: source, events that came, refused by reason
    doubts: list[tuple[str, str, int]]  # (counter, source or reason, times in a week): signals that proved nothing

    @property
    def failed_rate(self) -> float:
        """Share of the last seven days' events that failed."""
        total = self.failed_week + self.events_week + self.refused_week
        return self.failed_week / total if total else 0.0


_NOTHING = "\u2013"


@get("/console/health", guards=[needs("health")])
async def health_page(visit: Asked) -> Response[str]:
    """The page."""
    found = await asyncio.to_thread(health_of, visit.house)
    folder = str(visit.house.services.folder.root) if visit.may("users") else ""
    identity = await asyncio.to_thread(
        identity_health, visit.house.services.state, visit.house.definitions.identity, visit.house.today
    )
    return visit.html(
        "health.html", h=found, active="health", folder=folder, now=time.time(), i=identity,
        nobodys=identity.nobodys,
        kinds={one.id: visit.words.of(dict(one.title), one.id) for one in visit.house.definitions.identity.types},
        watched=_watched(visit, identity), sizes=_sizes(visit, identity), reasons=_reasons(visit, identity),
    )  # fmt: skip


def _watched(visit: Visit, found: IdentityHealth) -> list[tuple[str, str, str, str, bool]]:
    """Figures of today beside their history: name, today, usual, threshold, whether it is sudden."""
    rows: list[tuple[str, str, str, str, bool]] = []
    for one in found.watched:
        rate = one.name == "stitch_rate"
        usual, beyond = one.usual, one.threshold
        far = "" if usual is None or beyond is None else _figure(visit, beyond if rate else usual + beyond, rate=rate)
        sudden_from = f"± {far}" if rate and far else far or _NOTHING
        value, before = (_figure(visit, figure, rate=rate) for figure in (one.value, usual))
        rows.append((one.name, value, before, sudden_from, one.sudden))
    return rows


def _figure(visit: Visit, value: float | None, *, rate: bool) -> str:
    if value is None:
        return _NOTHING
    return visit.formats.percent(value, 1) if rate else visit.formats.number(round(value))


def _sizes(visit: Visit, found: IdentityHealth) -> Markup:
    """How many profiles have how many identifiers."""
    low, columns = 0, []
    for bound, count in found.identifiers_per_profile:
        last = (bound, count) == found.identifiers_per_profile[-1]
        span = f"> {low}" if last else str(bound) if bound == low + 1 else f"{low + 1}-{bound}"
        label = span if last else str(bound)
        title = visit.words("health.identity.size", n=span, profiles=visit.formats.number(count))
        columns.append(plots.Column(count, title, label))
        low = bound
    return plots.columns(columns, label=visit.words("health.identity.sizes"), tick=visit.formats.compact, height=200)


def _reasons(visit: Visit, found: IdentityHealth) -> list[tuple[str, int]]:
    return [(reason_in_words(reason, visit.language), count) for reason, count in found.refused.items()]


def health_of(house: House) -> Health:
    """Read everything; a part that cannot be read is a problem of its own."""
    services = house.services
    problems: list[str] = []
    processes = _processes(services.folder.status, problems)
    try:
        head, folded = services.log.head(), services.folded_offset()
        lag = max(head - folded, 0)
        oldest = services.oldest_unfolded() if lag else None
        waited = max(services.clock() - oldest.time, 0) / 1000 if oldest is not None else 0.0
        first, born = services.log.first(), services.log.oldest_time()
        log_bytes, state_bytes = services.log.size(), services.state.size()
        files = services.log.files()
    except RegularsError:
        problems.append("storage")
        head = folded = lag = first = log_bytes = files = 0
        waited, born, state_bytes = 0.0, None, {"database": 0, "wal": 0}
    sealed = services.state.meta(SEALED)
    free = services.folder.free_bytes()
    if lag > _LAG_WARN:
        problems.append("lag")
    if free < _DISK_WARN:
        problems.append("disk")
    if state_bytes["wal"] > _WAL_WARN:
        problems.append("wal")
    today = house.today
    week = {
        name: sum(value for day, _, value in house.by_day(name, since=today - 6) if day <= today)
        for name in ("failed", "events", "refused")
    }
    total = sum(week.values())
    if total and week["failed"] / total > _FAILED_WARN:
        problems.append("failed")
    bad = {"updater", "gateway", "silent", "storage"} & set(problems) or lag > _LAG_BAD or free < _DISK_BAD
    return Health(
        level="bad" if bad else "warn" if problems else "good",
        problems=problems,
        lag_records=lag,
        lag_seconds=waited,
        seal_lag=max(folded - (sealed if isinstance(sealed, int) else 0), 0),
        log_records=max(head - first + 1, 0),
        log_age_ms=None if born is None or head < first or born > services.clock() else services.clock() - born,
        log_bytes=log_bytes,
        log_files=files,
        state_bytes=state_bytes["database"],
        state_wal=state_bytes["wal"],
        waiting=services.intake.backlog()[0],
        disk_free=free,
        processes=processes,
        failed_week=week["failed"],
        events_week=week["events"],
        refused_week=week["refused"],
        versions=_versions(house),
        sources=_sources(house),
        doubts=_doubts(house),
    )


def _sources(house: House) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """What came from each source in seven days, whatever customers allow, and what was refused and why."""
    came: dict[str, int] = {one.id: 0 for one in house.definitions.sources}
    refused: dict[str, dict[str, int]] = {}
    for _, source, count, reasons in by_source(house.services.state, since=house.today - 6, until=house.today):
        came[source] = came.get(source, 0) + count
        mine = refused.setdefault(source, {})
        for reason, times in reasons.items():
            mine[reason] = mine.get(reason, 0) + times
    ordered = sorted(came.items(), key=lambda one: (-one[1], one[0]))
    return [(source, count, sorted(refused.get(source, {}).items())) for source, count in ordered]


def _doubts(house: House) -> list[tuple[str, str, int]]:
    """Tokens that verified nothing by reason, consent that could not be read by source; of seven days, most first."""
    counted: dict[tuple[str, str], int] = {}
    for name in ("token_refused", "consent_unread"):
        for _, key, value in house.by_day(name, since=house.today - 6):
            counted[name, key] = counted.get((name, key), 0) + value
    return sorted(((*place, times) for place, times in counted.items()), key=lambda row: -row[2])


def _processes(folder: Path, problems: list[str]) -> list[Process]:
    supervisor = read_status(folder / "supervisor")
    children: dict[str, Any] = supervisor.get("children", {})
    found = []
    for name in ("gateway", "updater"):
        child, said = children.get(name, {}), read_status(folder / name)
        running = bool(child.get("running", bool(said)))
        error = str(said.get("error") or "")
        if not running or error:
            problems.append(name)
        found.append(
            Process(
                name, running, child.get("pid") or said.get("pid"), said.get("since"), int(child.get("restarts", 0)),
                str(child.get("reason") or ""), error,
            )
        )  # fmt: skip
        if name == "updater" and time.time() - float(said.get("at", 0)) > SILENT_SECONDS:
            problems.append("silent")
    return found


def _versions(house: House) -> list[tuple[str, str]]:
    models = serving(house.services.folder.models)
    return [
        ("regulars", house.version),
        ("definitions", house.definitions.version or _NONE),
        ("records", house.definitions.record_version or _NONE),
        ("models", models.version if models is not None else _NONE),
        ("python", platform.python_version()),
        ("sqlite", sqlite3.sqlite_version),
    ]


HANDLERS = (health_page,)
