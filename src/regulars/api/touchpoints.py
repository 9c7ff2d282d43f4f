"""Rows of touchpoints over HTTP, and what the shop's own facts say: what is on air, advertising, footfall."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.params import QueryParameter

from regulars.api.access import needs
from regulars.api.asgi import inflate
from regulars.api.hot import JSON, Answer, Done, Request, Route
from regulars.api.keys import Keys, keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.api.vendors import VendorDoor
from regulars.collect.clock import milliseconds
from regulars.collect.files.touch import Rows
from regulars.collect.files.touches import ROWS
from regulars.core.definitions import Source
from regulars.core.event import PROGRAMME
from regulars.flow.shop_facts import KEPT_DAYS, KINDS, facts, on_air
from regulars.runtime import Services

#: Bytes of a body.
BYTES = 2_000_000
DAY_MS = 86_400_000


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """`POST /v1/touchpoints/{kind}` for each kind of row."""
    keys = keys_of(services)
    return {f"/v1/touchpoints/{rows.touch.name}": TouchDoor(rows, services, keys, metrics) for rows in ROWS.values()}


class TouchDoor(VendorDoor):
    """The door of one kind of row. Only servers have such rows: a gateway of beacons, a call centre, a till."""

    form = "touch"

    def __init__(self, rows: Rows, services: Services, keys: Keys, metrics: Metrics) -> None:
        super().__init__(services, keys, metrics, rows)
        self.name = f"touchpoints/{rows.touch.name}"
        self._rows = rows
        self.limit = BYTES
        self._answer = Answer(200, JSON, self.told)

    def _keep(self, request: Request, body: bytes, done: Done) -> None:
        plain = inflate(body, self.limit)
        self._format.envelope(plain)
        super()._keep(request, self._rows.stored(plain), done)

    def find(self, key: str) -> Source | None:
        """The source of a key."""
        return self._keys.source(key)

    def known(self, request: Request, key: str) -> Source:
        """As for every route, and a server."""
        source = super().known(request, key)
        if source.kind != "server":
            raise self.forbidden(source, "a server key")
        return source


class OnAir(msgspec.Struct):
    """What is on air at an instant."""

    at: str
    on_air: list[dict[str, Any]]


class Facts(msgspec.Struct):
    """Facts of the shop of one kind, the newest first."""

    kind: str
    facts: list[dict[str, Any]]
    complete: bool


_Text = Annotated[str, QueryParameter(max_length=200)]
_Days = Annotated[int, QueryParameter(ge=1, le=KEPT_DAYS)]
_Most = Annotated[int, QueryParameter(ge=1, le=10_000)]


@get("/v1/programme/now", guards=[needs("decide")], tags=["touchpoints"], sync_to_thread=True)
def programme_now(services: Services, at: _Text = "", station: _Text = "", dialled: _Text = "") -> OnAir:
    """What is on air now, or at `at` (ISO 8601), by station or by the number that a caller dialled."""
    time = services.clock()
    if at:
        stated = milliseconds(at.replace(" ", "+"))
        if stated is None:
            raise Problem(400, "at is no time", field="at", expected="a time as 2026-05-04T20:15:00+02:00", got=at[:60])
        time = stated
    found = on_air(services.state, time, station=station, dialled=dialled)
    return OnAir(datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds"), found)


@get("/v1/facts/{kind:str}", guards=[needs("profiles")], tags=["touchpoints"], sync_to_thread=True)
def shop_facts(services: Services, kind: str, days: _Days = 30, limit: _Most = 1_000) -> Facts:
    """Facts of the shop as they were told last: advertising, searches, programme, footfall."""
    if kind not in KINDS.values():
        raise Problem(
            404, f"there are no facts {kind!r}", field="kind", expected=", ".join(sorted(KINDS.values())), got=kind[:60]
        )
    now = services.clock()
    until = now + (KEPT_DAYS * DAY_MS if kind == KINDS[PROGRAMME] else DAY_MS)  # a schedule is told ahead
    found, complete = facts(services.state, kind, since=now - days * DAY_MS, until=until, most=limit)
    return Facts(kind, found, complete)


HANDLERS = (programme_now, shop_facts)
