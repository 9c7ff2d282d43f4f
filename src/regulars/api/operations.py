"""Health, readiness and metrics: how the server is, for people and machines that watch it."""

import time
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import Parameter
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from regulars.api.access import needs
from regulars.api.metrics import Metrics, gauge, gauges
from regulars.core.calendar import Calendar
from regulars.core.errors import RegularsError
from regulars.core.state import COUNTER, SEALED
from regulars.flow.counts import CAME, SOURCE_REFUSED, by_source
from regulars.flow.identity_health import KNOWN, LINKS_REFUSED, STITCHED, UNKNOWN, watch
from regulars.runtime import Services
from regulars.runtime.status import read_status
from regulars.runtime.tracking import TrackingDesk

#: An updater that has not spoken for this long is not ready; seconds.
SILENT_SECONDS = 10.0
#: Of figures; the encoding is added to it.
_EXPOSITION = "text/plain; version=0.0.4"


class Health(msgspec.Struct):
    """The process answers."""

    status: str


class Lag(msgspec.Struct):
    """How far folding is behind the log."""

    records: int
    seconds: float


class Readiness(msgspec.Struct):
    """Whether events can come in and are folded, and what the processes say of themselves."""

    ready: bool
    reasons: list[str]
    lag: Lag
    gateway: dict[str, Any]
    updater: dict[str, Any]
    supervisor: dict[str, Any]


@get("/health", tags=["operations"], sync_to_thread=False)
def health() -> Health:
    """Whether the gateway answers at all."""
    return Health("ok")


@get("/ready", tags=["operations"], sync_to_thread=True)
def ready(services: Services) -> Response[Readiness]:
    """Whether the server does its work: 200 when it does, 503 with reasons when it does not."""
    state = readiness(services)
    return Response(state, status_code=200 if state.ready else 503)


@get("/metrics", tags=["operations"], sync_to_thread=True, media_type=_EXPOSITION)
def metrics_page(services: Services, metrics: Metrics, tracking: TrackingDesk) -> Response[bytes]:
    """Figures in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(services, metrics, tracking))
    return Response(generate_latest(registry), media_type=_EXPOSITION)


def readiness(services: Services) -> Readiness:
    """What /ready tells; the console's health page shows the same."""
    status = services.folder.status
    supervisor, updater = read_status(status / "supervisor"), read_status(status / "updater")
    gateway = read_status(status / "gateway")
    reasons = [] if supervisor.get("started", True) else ["the server is starting"]
    silent = time.time() - float(updater.get("at", 0))
    if not updater:
        reasons.append("the updater has not started yet")
    elif silent > SILENT_SECONDS:
        reasons.append(f"the updater has said nothing for {silent:.0f} s")
    if updater.get("error"):
        reasons.append(f"the updater met a failure: {updater['error']}")
    for name, child in supervisor.get("children", {}).items():
        if not child.get("running", True):
            reasons.append(f"the {name} is down ({child.get('reason', 'ended')}) and is started again")
    lag = Lag(0, 0.0)
    try:
        lag = lag_of(services)
    except RegularsError as error:
        reasons.append(str(error))
    return Readiness(not reasons, reasons, lag, gateway, updater, supervisor)


def lag_of(services: Services) -> Lag:
    """Records that wait to be folded, and since when the oldest waits."""
    records = services.log.head() - services.folded_offset()
    if records <= 0:
        return Lag(0, 0.0)
    oldest = services.oldest_unfolded()
    waited = 0.0 if oldest is None else max(services.clock() - oldest.time, 0) / 1000
    return Lag(records, waited)


#: Of each figure that is watched against its own history (`flow.identity_health`), 1 when it is far from it.
_SUDDEN = {
    "refused": ("regulars_sudden_links_refused", "1: far more links are refused today than in two weeks"),
    "stitch_rate": ("regulars_sudden_stitch_rate", "1: today's share of known people is unlike two weeks"),
    "merges_per_hour": ("regulars_sudden_merges", "1: an hour of today merged far more than any in two weeks"),
    "burned": ("regulars_sudden_burned_identifiers", "1: far more identifiers burned today than in two weeks"),
}


class DayOfSource(msgspec.Struct):
    """What came from a source on one of the shop's days, without anything of a person."""

    day: str  # ISO date
    source: str
    came: int
    refused: dict[str, int]  # by reason: no_consent, not_of_source, no_own_consent


class Counts(msgspec.Struct):
    """Counts that need no consent."""

    days: list[DayOfSource]


@get("/v1/counts", guards=[needs("profiles")], tags=["operations"], sync_to_thread=True)
def counts(services: Services, days: Annotated[int, Parameter(ge=1, le=3660)] = 28) -> Counts:
    """How many events came from each source on each of the last days; no consent is needed and nobody is in it."""
    calendar = Calendar(services.definitions.shop.time_zone)
    today = calendar.day(services.clock())
    rows = by_source(services.state, since=today - days + 1, until=today)
    return Counts([DayOfSource(calendar.date(day).isoformat(), source, came, why) for day, source, came, why in rows])


class _Figures(Collector):
    """Everything /metrics tells, read when it is asked."""

    def __init__(self, services: Services, metrics: Metrics, tracking: TrackingDesk) -> None:
        self._services = services
        self._tracking = tracking
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """The figures of this moment."""
        services = self._services
        yield from self._metrics.families()
        lag = lag_of(services)
        yield gauge("regulars_updater_lag_records", "Log records that wait to be folded", lag.records)
        yield gauge("regulars_updater_lag_seconds", "How long the oldest of them waits", lag.seconds)
        yield gauge("regulars_log_head", "Offset of the last log record", services.log.head())
        sealed = services.state.meta(SEALED)
        unsealed = services.folded_offset() - (sealed if isinstance(sealed, int) else 0)
        yield gauge("regulars_seal_lag_records", "Folded records that are not sealed into the lake yet", unsealed)
        oldest = services.log.oldest_time()
        age = 0.0 if oldest is None else max(services.clock() - oldest, 0) / 1000
        yield gauge("regulars_log_age_seconds", "Age of the oldest record of the log", age)
        yield gauge("regulars_log_bytes", "Log on disk", services.log.size())
        size = services.state.size()
        yield gauge("regulars_state_bytes", "State on disk without its write-ahead log", size["database"])
        yield gauge("regulars_state_wal_bytes", "Write-ahead log of the state", size["wal"])
        yield gauge("regulars_log_files", "Files that hold the log", services.log.files())
        yield gauge("regulars_disk_free_bytes", "What the disk has left", services.folder.free_bytes())
        records, waiting = services.intake.backlog()
        yield gauge("regulars_intake_waiting_records", "Records that wait for the disk", records)
        yield gauge("regulars_intake_waiting_bytes", "Bytes that wait for the disk", waiting)
        refused = self._total("token_refused")
        yield gauge("regulars_tokens_refused", "Events whose token verified nothing, since the beginning", refused)
        known, unknown = (self._total(STITCHED, key) for key in (KNOWN, UNKNOWN))
        yield gauge("regulars_events_of_known", "Events of people, since the beginning", known)
        yield gauge("regulars_events_of_unknown", "Events of devices that nobody holds, since the beginning", unknown)
        links = self._total(LINKS_REFUSED)
        yield gauge("regulars_links_refused", "Links that were refused, since the beginning", links)
        today = Calendar(services.definitions.shop.time_zone).day(services.clock())
        for one in watch(services.state, today):
            yield gauge(*_SUDDEN[one.name], float(one.sudden))
        came = (((source,), count) for source, count in self._by_key(CAME))
        text = "Events by source, each once, whatever their customers allow, since the beginning"
        yield gauges("regulars_events_came", text, ("source",), came)
        text = "Events that were refused, by source and reason, since the beginning"
        places = (
            ((source, reason), count)
            for key, count in self._by_key(SOURCE_REFUSED)
            for source, _, reason in [key.rpartition(":")]
        )
        yield gauges("regulars_events_refused", text, ("source", "reason"), places)
        found = self._tracking.look()
        states = (((one.health.source, one.health.state), 1.0) for one in found.sources)
        text = "1 for the state of each source's tracking"
        yield gauges("regulars_tracking_state", text, ("source", "state"), states)
        shares = (((one.health.source,), one.health.share) for one in found.sources if one.health.share is not None)
        text = "Events of the last 24 whole hours as a share of what these hours usually bring"
        yield gauges("regulars_tracking_share", text, ("source",), shares)
        goals = (((one.goal, one.state), 1.0) for one in found.goals)
        yield gauges("regulars_tracking_goal", "1 for the state of each goal's tracking", ("goal", "state"), goals)
        children = read_status(services.folder.status / "supervisor").get("children", {})
        for name, child in sorted(children.items()):
            yield gauge(f"regulars_{name}_restarts", f"How often the {name} was started again", child["restarts"])

    def _by_key(self, name: str) -> list[tuple[str, int]]:
        """A counter over all days, by key."""
        found: dict[str, int] = {}
        for row in self._services.state.select(COUNTER, {"name": name}):
            found[str(row[2])] = found.get(str(row[2]), 0) + int(row[3] or 0)
        return sorted(found.items())

    def _total(self, name: str, key: str | None = None) -> int:
        """A counter over all days, of one key or of all."""
        rows = self._services.state.select(COUNTER, {"name": name})
        return sum(int(row[3] or 0) for row in rows if key is None or row[2] == key)


HANDLERS = (health, ready, metrics_page, counts)
