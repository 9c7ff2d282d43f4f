"""The first page: how the shop is doing, who its customers are, and whether everything works."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromQuery
from markupsafe import Markup

from regulars.console import plots
from regulars.console.formats import Formats
from regulars.console.pages.health import Health, health_of
from regulars.console.plots import Column, Stop
from regulars.console.quality import Quality, quality
from regulars.console.visit import Asked, Visit, needs
from regulars.core.money import exponent
from regulars.core.schema import LIFECYCLE_STAGES

#: Ranges that a reader may choose, in days back from the shop's today; 0: everything.
RANGES = (28, 91, 365, 0)
_RECENT = 28


class Part(msgspec.Struct, frozen=True):
    """One named number and its share."""

    key: str
    count: int
    share: float


class Purpose(msgspec.Struct, frozen=True):
    """Who agreed to a purpose, and who did not."""

    title: str
    text: str
    yes: int
    no: int
    share: float
    bar: Markup


class Overview(msgspec.Struct, frozen=True):
    """Everything on the page."""

    today: int
    range: int
    profiles: int
    new: int  # customers first seen in the last 28 days
    orders: int  # in the chosen range
    revenue: int
    revenue_before: int | None  # of the range before, where the shop is old enough
    basket: float
    events: int
    refused: int
    failed: int
    plot: Markup | None
    unit: str
    partial: bool
    other_currencies: list[tuple[str, int]]
    lifecycle: list[Part]
    lifecycle_bar: Markup
    recent: list[Part]  # events of the last 28 days by name
    recent_spark: Markup | None
    recent_total: int
    purposes: list[Purpose]
    quality: Quality | None
    quality_rows: list[tuple[Any, Markup, Markup]]
    health: Health


@get("/console", guards=[needs("overview")])
async def overview_page(visit: Asked, days: FromQuery[int] = 365) -> Response[str]:
    """The page."""
    chosen = days if days in RANGES else 365
    page = await asyncio.to_thread(overview, visit, chosen)
    return visit.html("overview.html", page=page, ranges=RANGES, active="overview")


def overview(visit: Visit, chosen: int) -> Overview:
    """Read the figures."""
    house, f, t = visit.house, visit.formats, visit.words
    today = house.today
    since = today - chosen + 1 if chosen else None
    currency = house.definitions.shop.currency
    money: dict[int, int] = defaultdict(int)
    others: dict[str, int] = defaultdict(int)
    for day, key, value in house.by_day("revenue"):
        if key == currency:
            money[day] += value
        elif since is None or since <= day:
            others[key] += value
    count: dict[int, int] = {day: value for day, _, value in house.by_day("orders", since=since)}
    inside = {day: value for day, value in money.items() if (since is None or day >= since) and day <= today}
    revenue, orders = sum(inside.values()), sum(value for day, value in count.items() if day <= today)
    before = None
    if chosen and money and min(money) <= today - 2 * chosen + 1:
        before = sum(value for day, value in money.items() if today - 2 * chosen < day <= today - chosen)
    first = min(inside, default=today)
    start = max(since, first) if since is not None else first
    plot, unit, partial = _revenue_plot(visit, inside, count, start, today)
    events: dict[str, int] = defaultdict(int)
    per_day: dict[int, int] = defaultdict(int)
    for day, key, value in house.by_day("events", since=today - _RECENT + 1):
        if day <= today:
            events[key] += value
            per_day[day] += value
    total = sum(events.values())
    profiles = house.total("profiles")
    lifecycle = _lifecycle(house.totals("lifecycle"))
    told = quality(house.services.folder.models)
    return Overview(
        today=today,
        range=chosen,
        profiles=profiles,
        new=sum(value for day, _, value in house.by_day("new_profiles", since=today - _RECENT + 1) if day <= today),
        orders=orders,
        revenue=revenue,
        revenue_before=before,
        basket=revenue / orders if orders else 0.0,
        events=sum(value for _, _, value in house.by_day("events")),
        refused=sum(value for _, _, value in house.by_day("refused")),
        failed=sum(value for _, _, value in house.by_day("failed")),
        plot=plot,
        unit=unit,
        partial=partial,
        other_currencies=sorted(others.items()),
        lifecycle=lifecycle,
        lifecycle_bar=plots.stacked(
            [
                Stop(part.share, f"stage-{part.key}", f"{t('lifecycle.' + part.key)}: {f.number(part.count)}")
                for part in lifecycle
            ],
            label=t("overview.lifecycle"),
        ),
        recent=[
            Part(name, number, number / total)
            for name, number in sorted(events.items(), key=lambda i: (-i[1], i[0]))[:6]
        ],
        recent_spark=plots.spark(
            [per_day.get(day, 0) for day in range(today - _RECENT + 1, today + 1)], label=t("overview.events_per_day")
        )
        if total
        else None,
        recent_total=total,
        purposes=_purposes(visit, profiles),
        quality=told,
        quality_rows=_quality_rows(visit, told),
        health=health_of(house),
    )


def _lifecycle(counts: dict[str, int]) -> list[Part]:
    total = sum(counts.values())
    return [Part(s, counts.get(s, 0), counts.get(s, 0) / total if total else 0.0) for s in LIFECYCLE_STAGES]


def _purposes(visit: Visit, profiles: int) -> list[Purpose]:
    counts = visit.house.totals("consent")
    found = []
    for purpose in visit.house.definitions.purposes:
        yes = min(counts.get(purpose.id, 0), profiles)
        share = yes / profiles if profiles else 0.0
        title = visit.words.of(purpose.title, purpose.id)
        bar = plots.share(share, title=f"{title}: {visit.formats.percent(share)}")
        text = visit.words.of(purpose.wording.text, "")
        found.append(Purpose(title, text, yes, profiles - yes, share, bar))
    return found


def _quality_rows(visit: Visit, told: Quality | None) -> list[tuple[Any, Markup, Markup]]:
    if told is None:
        return []
    f = visit.formats
    rows = []
    for row in told.rows:
        kind = "lead" if row.leader else "base" if row.baseline else ""
        marks = [
            plots.interval(
                m.mean, m.low, m.high, top=top, kind=kind,
                title=f"{f.percent(m.mean, 1)} ({f.percent(m.low, 1)} … {f.percent(m.high, 1)})",
            )
            for m, top in ((row.hit_rate, told.top_hit), (row.precision, told.top_precision))
        ]  # fmt: skip
        rows.append((row, marks[0], marks[1]))
    return rows


def _revenue_plot(
    visit: Visit, money: dict[int, int], orders: dict[int, int], start: int, today: int
) -> tuple[Markup | None, str, bool]:
    """Revenue by day, week or month, whichever gives columns that can be told apart."""
    if not money:
        return None, "week", False
    f, t = visit.formats, visit.words
    unit = "day" if today - start <= 45 else "week" if today - start <= 430 else "month"
    calendar = visit.house.engine.calendar
    buckets: dict[date, list[int]] = {}
    day = start
    while day <= today:
        key = _bucket(calendar.date(day), unit)
        held = buckets.setdefault(key, [0, 0, 0])
        held[0] += money.get(day, 0)
        held[1] += orders.get(day, 0)
        held[2] += 1
        day += 1
    keys = list(buckets)
    found = []
    partial = False
    for at, key in enumerate(keys):
        value, number, held_days = buckets[key]
        open_ = unit != "day" and held_days < _length(key, unit)
        partial |= open_
        what = t(f"overview.{unit}_of", date=_name(f, key, unit))
        title = f"{what}: {f.money(value)}, {t.count('count.orders', number, n=f.number(number))}"
        if open_:
            title += f" ({t('overview.not_whole')})"
        found.append(Column(value, title, _label(f, keys, at, unit), open_))
    factor = 10 ** exponent(f.currency)
    step = factor if max(money.values()) >= 5 * factor else 0
    return (
        plots.columns(found, label=t(f"overview.revenue_per_{unit}"), tick=f.money_short, lowest_step=step),
        unit,
        partial,
    )


def _bucket(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _length(key: date, unit: str) -> int:
    if unit == "week":
        return 7
    return ((key + timedelta(days=32)).replace(day=1) - key).days


def _name(f: Formats, key: date, unit: str) -> str:
    return f.day_of(key, "MMMM y" if unit == "month" else "medium")


def _label(f: Formats, keys: Sequence[date], at: int, unit: str) -> str:
    """What stands below a column: Mondays, the first week of a month, or the first month of a quarter."""
    key = keys[at]
    if unit == "day":
        return f.day_of(key, "d. MMM" if f.language == "de" else "d MMM") if key.weekday() == 0 else ""
    if unit == "week":
        months = [one.month for one in keys]
        new = months[at - 1] != key.month if at else months[:3] == [key.month] * 3
        if not new or at == len(keys) - 1 > 0 or (len(keys) > 60 and key.month % 3 != 1):
            return ""
        return f.day_of(key, "LLL") if key.month > 1 else f.day_of(key, "LLL y")
    return f.day_of(key, "LLL y") if key.month in (1, 7) or len(keys) <= 8 else ""


HANDLERS = (overview_page,)
