"""The identifiers of a customer and their links, drawn as SVG without scripts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

_WIDTH, _ROW, _TOP = 760, 44, 30
_LEFT, _RIGHT = 270, 490
_LABEL = 30  # characters
_MOST = 30  # nodes of a column


class Edge(NamedTuple):
    """A line between two identifiers; `kind` is "held", "refused" or "withdrawn" (a CSS class)."""

    a: str
    b: str
    kind: str
    title: str


def graph(
    left: Sequence[str], right: Sequence[str], edges: Sequence[Edge], *, label: str, titles: Mapping[str, str]
) -> Markup:
    """Identifiers in two columns with their types' titles, a line for each link; what does not fit is left out."""
    places = {key: (_LEFT, _TOP + at * _ROW) for at, key in enumerate(left[:_MOST])}
    places |= {key: (_RIGHT, _TOP + at * _ROW) for at, key in enumerate(right[:_MOST]) if key not in places}
    height = max((y for _, y in places.values()), default=0) + _TOP
    parts = [_line(edge, places) for edge in edges if edge.a in places and edge.b in places]
    parts += [_node(key, x, y, titles) for key, (x, y) in places.items()]
    return Markup(
        '<svg class="graph" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{inner}</svg>'
    ).format(width=_WIDTH, height=height, label=label, inner=Markup().join(parts))


def _line(edge: Edge, places: dict[str, tuple[int, int]]) -> Markup:
    (x1, y1), (x2, y2) = places[edge.a], places[edge.b]
    middle, bend = (y1 + y2) / 2, 0.0
    if x1 == x2:  # two of one column: a bow beside it
        bend = (1 if x1 == _LEFT else -1) * min(30 + abs(y1 - y2) * 0.35, 130)
    return Markup(
        '<path class="{kind}" d="M{x1} {y1} Q{cx:.0f} {cy:.0f} {x2} {y2}"><title>{title}</title></path>'
    ).format(kind=edge.kind, x1=x1, y1=y1, cx=(x1 + x2) / 2 + bend, cy=middle, x2=x2, y2=y2, title=edge.title)


def _node(key: str, x: int, y: int, titles: Mapping[str, str]) -> Markup:
    text = key if len(key) <= _LABEL else key[: _LABEL - 1] + "…"
    side = "end" if x == _LEFT else "start"
    kind = key.partition(":")[0]
    return Markup(
        '<g class="node"><title>{key}</title><circle cx="{x}" cy="{y}" r="6"/>'
        '<text x="{tx}" y="{ty}" text-anchor="{side}">{value}</text>'
        '<text class="kind" x="{tx}" y="{ky}" text-anchor="{side}">{kind}</text></g>'
    ).format(
        key=key, x=x, y=y, tx=x - 14 if x == _LEFT else x + 14, ty=y + 2, ky=y + 15, side=side,
        value=text.partition(":")[2] or text, kind=titles.get(kind, kind),
    )  # fmt: skip
