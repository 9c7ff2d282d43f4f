"""Tracking health: what arrives otherwise than usual, what it costs, how to mend it; what is collected but unused."""

import asyncio

import msgspec
from litestar import Response, get
from markupsafe import Markup

from regulars.collect.findings import SourceHealth
from regulars.console import plots
from regulars.console.visit import Asked, Visit, needs
from regulars.core.calendar import DAY_MS
from regulars.flow.shop_facts import LATE_DAYS, late_entries, reads_on_air
from regulars.flow.tracking import FieldUse, Source
from regulars.shop.data_use_page import use_in_words

_LEVELS = {"sound": "good", "degraded": "warn", "broken": "bad", "unknown": ""}
_MOST_FIELDS = 200


class Shown(msgspec.Struct, frozen=True):
    """A source on the page."""

    source: Source
    level: str
    day: Markup  # the last 24 hours beside the usual


class ShownField(msgspec.Struct, frozen=True):
    """A property on the page."""

    use: FieldUse
    used_for: list[str]
    trend: Markup


@get("/console/tracking", guards=[needs("health")])
async def tracking_page(visit: Asked) -> Response[str]:
    """The page."""
    desk = visit.house.tracking
    found = await asyncio.to_thread(desk.look, visit.language)
    state, now = visit.house.services.state, visit.house.services.clock()
    fields = await asyncio.to_thread(desk.health.fields, state, now=now)
    late = 0
    if reads_on_air(visit.house.services.serving.definitions):
        late = await asyncio.to_thread(late_entries, state, since=now - LATE_DAYS * DAY_MS)
    sources = [Shown(one, _LEVELS[one.health.state], _day(visit, one.health)) for one in found.sources]
    shown = [
        ShownField(use, [use_in_words(one, visit.language) for one in use.used_for], _trend(visit, use))
        for use in sorted(fields, key=_urgency)[:_MOST_FIELDS]
    ]
    return visit.html(
        "tracking.html", active="tracking", found=found, sources=sources, fields=shown, levels=_LEVELS,
        hidden=max(len(fields) - _MOST_FIELDS, 0), late=late,
    )  # fmt: skip


def _urgency(use: FieldUse) -> tuple[float, str, str, str]:
    """What is empty most and used comes first."""
    return (-(use.empty_share or 0.0) * bool(use.used_for), use.source, use.event, use.field)


def _day(visit: Visit, health: SourceHealth) -> Markup:
    came, usual = visit.formats.number(health.came), visit.formats.number(round(sum(health.usual)))
    return plots.spark_beside(health.day, health.usual, label=visit.words("tracking.day", came=came, usual=usual))


def _trend(visit: Visit, use: FieldUse) -> Markup:
    share = "\u2013" if use.empty_share is None else visit.formats.percent(use.empty_share, 1)
    return plots.spark(use.trend, label=visit.words("tracking.trend", share=share), height=18, top=1)


HANDLERS = (tracking_page,)
