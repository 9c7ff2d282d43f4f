"""Plots as SVG without scripts or inline styles: positions in per cent of the width, so that text keeps its size."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

_LEFT = 7.0  # per cent of the width that the labels of the value axis take
_TOP, _BOTTOM = 14, 26  # pixels above and below the plot area
_GAP = 0.22  # of a column's place that stays empty


class Column(NamedTuple):
    """One column of a plot."""

    value: float
    title: str  # what the tooltip says
    label: str = ""  # below the axis; "" for none
    partial: bool = False  # the time it stands for is not over


class Stop(NamedTuple):
    """A part of a stacked bar."""

    share: float  # of 1
    kind: str  # CSS class
    title: str


class Spot(NamedTuple):
    """One point of a scatter plot."""

    x: float
    y: float
    title: str
    kind: str = ""  # CSS class


def nice_ticks(largest: float, *, most: int = 5) -> list[float]:
    """Round values from 0 to at least `largest`, about `most` of them.

    Steps are 1, 2, 2.5 or 5 times a power of ten (after Heckbert, "Nice numbers for graph labels", Graphics
    Gems, 1990).

    >>> nice_ticks(47_000)
    [0.0, 10000.0, 20000.0, 30000.0, 40000.0, 50000.0]
    """
    if largest <= 0:
        return [0.0, 1.0]
    rough = largest / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [step * at for at in range(math.ceil(largest / step - 1e-9) + 1)]


def columns(
    found: Sequence[Column], *, label: str, tick: Callable[[float], str], height: int = 240, lowest_step: float = 0
) -> Markup:
    """Columns over time with a value axis. `label` is read out; `tick` writes a value of the axis."""
    ticks = nice_ticks(max((column.value for column in found), default=0.0))
    if lowest_step and len(ticks) > 1 and ticks[1] < lowest_step:
        ticks = [0.0, lowest_step]
    top = ticks[-1]
    area = height - _TOP - _BOTTOM
    parts = []
    for value in ticks:
        y = _TOP + area * (1 - value / top)
        kind = "axis" if value == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{_LEFT}%" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        spot = f'x="{_LEFT - 0.8}%" y="{y + 4:.1f}"'
        parts.append(f'<text class="tick" {spot} text-anchor="end">{escape(tick(value))}</text>')
    place = (100 - _LEFT) / max(len(found), 1)
    for at, column in enumerate(found):
        tall = max(area * column.value / top, 0)
        x = _LEFT + at * place
        kind = "column partial" if column.partial else "column"
        parts.append(
            f'<g class="hit"><title>{escape(column.title)}</title>'
            f'<rect class="catch" x="{x:.3f}%" y="{_TOP}" width="{place:.3f}%" height="{area}"/>'
            f'<rect class="{kind}" x="{x + place * _GAP / 2:.3f}%" y="{_TOP + area - tall:.1f}" '
            f'width="{place * (1 - _GAP):.3f}%" height="{tall:.1f}" rx="2"/></g>'
        )
        if column.label:
            middle = x + place / 2
            where = f'x="100%" y="{height - 7}" text-anchor="end"'
            if middle < 97:
                where = f'x="{middle:.3f}%" y="{height - 7}" text-anchor="middle"'
            parts.append(f'<text class="tick" {where}>{escape(column.label)}</text>')
    return _svg("plot", height, label, parts)


def stacked(stops: Sequence[Stop], *, label: str, height: int = 14) -> Markup:
    """One bar made of shares."""
    parts, x = [], 0.0
    for stop in stops:
        wide = stop.share * 100
        parts.append(
            f'<rect class="{escape(stop.kind)}" x="{x:.3f}%" width="{wide:.3f}%" height="{height}">'
            f"<title>{escape(stop.title)}</title></rect>"
        )
        x += wide
    return _svg("stack", height, label, parts)


def share(value: float, *, title: str, kind: str = "fill") -> Markup:
    """A share of 1 as a thin bar."""
    wide = min(max(value, 0.0), 1.0) * 100
    parts = [
        f"<title>{escape(title)}</title>",
        '<rect class="track" width="100%" height="6" rx="3"/>',
        f'<rect class="{escape(kind)}" width="{wide:.2f}%" height="6" rx="3"/>' if wide else "",
    ]
    return _svg("share", 6, title, parts)


def interval(mean: float, low: float, high: float, *, top: float, title: str, kind: str = "") -> Markup:
    """A mean as a dot on its interval, on an axis from 0 to `top`."""
    a, b, m = (min(max(value / top, 0.0), 1.0) * 100 if top > 0 else 0.0 for value in (low, high, mean))
    parts = [
        f"<title>{escape(title)}</title>",
        '<line class="grid" x1="0" x2="100%" y1="9" y2="9"/>',
        f'<line class="whisker {escape(kind)}" x1="{a:.2f}%" x2="{b:.2f}%" y1="9" y2="9"/>',
        f'<circle class="dot {escape(kind)}" cx="{m:.2f}%" cy="9" r="4.5"/>',
    ]
    return _svg("interval", 18, title, parts)


def spark(values: Sequence[float], *, label: str, height: int = 36, top: float = 0) -> Markup:
    """A few values as thin columns without axes; the highest, or `top`, takes the whole height."""
    top = top or max(values, default=0) or 1
    place = 100 / max(len(values), 1)
    parts = [
        f'<rect class="column" x="{at * place:.2f}%" width="{place * 0.7:.2f}%" '
        f'y="{height - max(value / top * height, 1):.1f}" height="{max(value / top * height, 1):.1f}"/>'
        for at, value in enumerate(values)
    ]
    return _svg("spark", height, label, parts)


def spark_beside(values: Sequence[float], usual: Sequence[float], *, label: str, height: int = 36) -> Markup:
    """A few values as thin columns, with a line of what is usual through each of their places."""
    top = max([*values, *usual], default=0) or 1
    place = 100 / max(len(values), 1)
    parts = [
        f'<rect class="column" x="{at * place:.2f}%" width="{place * 0.7:.2f}%" '
        f'y="{height - max(value / top * height, 1):.1f}" height="{max(value / top * height, 1):.1f}"/>'
        for at, value in enumerate(values)
    ]
    parts += [
        f'<line class="usual" x1="{at * place:.2f}%" x2="{(at + 0.85) * place:.2f}%" '
        f'y1="{height - value / top * (height - 1):.1f}" y2="{height - value / top * (height - 1):.1f}"/>'
        for at, value in enumerate(usual)
    ]
    return _svg("spark", height, label, parts)


def scatter(
    spots: Sequence[Spot], *, label: str, across: Callable[[float], str], up: Callable[[float], str], height: int = 240
) -> Markup:
    """Named points; the horizontal axis is logarithmic, the vertical one begins at 0."""
    least = min(spot.x for spot in spots)
    decades = range(math.floor(math.log10(max(least, 1e-6))), math.ceil(math.log10(max(spot.x for spot in spots))) + 1)
    first, wide = decades[0], max(len(decades) - 1, 1)
    ticks = nice_ticks(max(spot.y for spot in spots))
    area, right = height - _TOP - _BOTTOM, 100 - _LEFT - 12
    parts = []
    for value in ticks:
        y = _TOP + area * (1 - value / ticks[-1])
        kind = "axis" if value == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{_LEFT}%" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 0.8}%" y="{y + 4:.1f}" text-anchor="end">{escape(up(value))}</text>'
        )
    for power in decades:
        x = _LEFT + right * (power - first) / wide
        text = escape(across(10.0**power))
        parts.append(f'<text class="tick" x="{x:.2f}%" y="{height - 7}" text-anchor="start">{text}</text>')
    taken: list[tuple[float, float]] = []
    for spot in sorted(spots, key=lambda one: -one.y):
        x = _LEFT + right * (math.log10(max(spot.x, 1e-6)) - first) / wide
        y = _TOP + area * (1 - spot.y / ticks[-1])
        beside, away = y, -14 if y > height - _BOTTOM - 42 else 14  # not into the labels of the axis
        while any(abs(beside - other) < 14 and abs(x - at) < 25 for at, other in taken):
            beside += away
        taken.append((x, beside))
        parts.append(
            f'<circle class="dot {escape(spot.kind)}" cx="{x:.2f}%" cy="{y:.1f}" r="5"/>'
            f'<text class="name" x="{x + 1.2:.2f}%" y="{beside + 4:.1f}">{escape(spot.title)}</text>'
        )
    return _svg("plot", height, label, parts)


def _svg(kind: str, height: int, label: str, parts: Sequence[str]) -> Markup:
    return Markup(  # noqa: S704 - every text above is escaped
        f'<svg class="{kind}" width="100%" height="{height}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def step(before: float, after: float, low: float, high: float, *, title: str) -> Markup:
    """One step of a waterfall between `low` and `high`, with a line at zero."""
    span = (high - low) or 1.0
    zero, left = 100 * -low / span, 100 * (min(before, after) - low) / span
    width = max(100 * abs(after - before) / span, 0.6)
    kind = "for" if after >= before else "against"
    return Markup(
        '<svg class="step" height="16" role="img" aria-label="{title}"><title>{title}</title>'
        '<line class="zero" x1="{zero}%" x2="{zero}%" y1="0" y2="16"/>'
        '<rect class="{kind}" x="{left}%" y="3" width="{width}%" height="10" rx="2"/></svg>'
    ).format(title=title, zero=f"{zero:.2f}", kind=kind, left=f"{left:.2f}", width=f"{width:.2f}")
