"""Segments: how large, what they ask, how they overlap, who is in them; and a box to try a condition."""

import asyncio
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath, FromQuery
from markupsafe import Markup

from regulars.console import plots
from regulars.console.clauses import Clause, Reader
from regulars.console.people import Card, cards
from regulars.console.visit import Asked, Missing, Visit, needs
from regulars.core.condition import Condition, Mistake, check, compile_condition
from regulars.core.definitions import CONTRACT, Segment
from regulars.core.errors import RegularsError
from regulars.core.record import profile_from_name, profile_name
from regulars.flow.members import members

_MOST_CHARACTERS = 2_000
_SAMPLE = 12
_PAGE = 25
_HEAT = (0.001, 0.05, 0.15, 0.3, 0.5, 0.75)  # lower bounds of the shades, as shares of the smaller segment


class Line(msgspec.Struct, frozen=True):
    """One segment of the list."""

    id: str
    title: str
    size: int
    share: float
    bar: Markup
    purpose: str  # "" for the contract
    clause: Clause
    when: str


class Tried(msgspec.Struct, frozen=True):
    """What became of a condition that somebody tried."""

    when: str
    mistakes: list[Mistake]
    problem: str = ""
    count: int = 0
    total: int = 0
    clause: Clause | None = None
    sample: list[Card] = []


@get("/console/segments", guards=[needs("segments")])
async def segments_page(visit: Asked, when: FromQuery[str] = "") -> Response[str]:
    """The list, and the answer to a condition that was tried."""
    lines = await asyncio.to_thread(_lines, visit)
    tried = await _try(visit, when) if when.strip() else None
    names = [trait.name for trait in visit.house.definitions.traits if trait.kind != "affinity"]
    return visit.html(
        "segments.html", active="segments", lines=lines, tried=tried, when=when, names=names,
        total=visit.house.total("profiles"), overlap=None,
    )  # fmt: skip


@get("/console/segments/try", guards=[needs("segments")])
async def try_condition(visit: Asked, when: FromQuery[str] = "") -> Response[str]:
    """The answer alone, for a page that is already there."""
    if not visit.partial:
        return await _whole(visit, when)
    tried = await _try(visit, when) if when.strip() else None
    return visit.html("_try.html", tried=tried)


@get("/console/segments/overlap", guards=[needs("segments")])
async def overlap(visit: Asked) -> Response[str]:
    """How the segments overlap; it takes the child process for analysis, so it comes after the page."""
    problem, matrix = "", None
    analyst = visit.house.services.analyst
    try:
        if analyst is not None:
            matrix = await _matrix(visit)
    except RegularsError as error:
        problem = str(error)
    template = "_overlap.html" if visit.partial else "overlap.html"
    return visit.html(template, active="segments", overlap=matrix, problem=problem)


@get("/console/segments/{segment:str}", guards=[needs("segments")])
async def segment_page(visit: Asked, segment: FromPath[str], after: FromQuery[str] = "") -> Response[str]:
    """One segment and its members."""
    found = next((one for one in visit.house.definitions.segments if one.id == segment), None)
    if found is None:
        raise Missing
    await visit.looked("list segment", f"segment:{segment}")
    start = (profile_from_name(after) or 0) + 1 if after.startswith("p_") else 0
    line, members, following = await asyncio.to_thread(_members, visit, found, start)
    return visit.html(
        "segment.html", active="segments", line=line, members=members, following=following, first=start == 0
    )


async def _whole(visit: Visit, when: str) -> Response[str]:
    lines = await asyncio.to_thread(_lines, visit)
    names = [trait.name for trait in visit.house.definitions.traits if trait.kind != "affinity"]
    tried = await _try(visit, when) if when.strip() else None
    return visit.html(
        "segments.html", active="segments", lines=lines, tried=tried, when=when, names=names,
        total=visit.house.total("profiles"), overlap=None,
    )  # fmt: skip


def _lines(visit: Visit) -> list[Line]:
    sizes = visit.house.totals("segment")
    total = visit.house.total("profiles")
    lines = [_line(visit, segment, sizes.get(segment.id, 0), total) for segment in visit.house.definitions.segments]
    return sorted(lines, key=lambda line: (-line.size, line.title))


def _line(visit: Visit, segment: Segment, size: int, total: int) -> Line:
    share = size / total if total else 0.0
    title = visit.words.of(segment.title, segment.id)
    purposes = {purpose.id: visit.words.of(purpose.title, purpose.id) for purpose in visit.house.definitions.purposes}
    return Line(
        segment.id,
        title,
        size,
        share,
        plots.share(share, title=f"{title}: {visit.formats.percent(share, 1)}"),
        "" if segment.purpose == CONTRACT else purposes.get(segment.purpose, segment.purpose),
        in_words(visit, visit.house.engine.segments.conditions[segment.id]),
        segment.when,
    )


def in_words(visit: Visit, condition: Condition) -> Clause:
    """What a condition asks, of nobody in particular."""
    rows = visit.house.engine.rows
    nobody: list[Any] = [None] * rows.width
    return Reader(visit.house.definitions, visit.words, visit.formats).read(
        condition.explain(rows.row(nobody, frozenset()) if not rows.interest_slots else _empty_row(visit))
    )


def _empty_row(visit: Visit) -> list[Any]:
    rows = visit.house.engine.rows
    values: list[Any] = [None] * rows.width
    for slot in rows.interest_slots:
        values[slot] = {}
    return rows.row(values, frozenset())


async def _try(visit: Visit, when: str) -> Tried:
    house = visit.house
    when = when.strip()[:_MOST_CHARACTERS]
    schema = house.engine.rows.schema
    mistakes = check(when, schema)
    if mistakes:
        return Tried(when, mistakes)
    condition = compile_condition(when, schema)
    analyst = house.services.analyst
    if analyst is None:
        return Tried(when, [], problem=visit.words("segments.no_analyst"))
    try:
        today, sql = house.today, condition.sql()
        count, total = await analyst.later(analyst.count, [sql, "TRUE"], as_of=today)
        numbers = await analyst.later(analyst.sample, sql, as_of=today, limit=_SAMPLE) if count else []
    except RegularsError as error:
        return Tried(when, [], problem=str(error))
    sample = []
    if numbers:
        await visit.looked("try condition", f"condition:{when[:120]}")
        sample = cards(visit, numbers)
    return Tried(when, [], count=count, total=total, clause=in_words(visit, condition), sample=sample)


def _members(visit: Visit, segment: Segment, start: int) -> tuple[Line, list[Card], str]:
    house = visit.house
    line = _line(visit, segment, house.total("segment", segment.id), house.total("profiles"))
    tables = house.services.serving.tables
    found = members(house.services.state, tables, segment.id, start=start, limit=_PAGE + 1)
    numbers = [number for number, _ in found]
    following = profile_name(numbers[_PAGE - 1]) if len(numbers) > _PAGE else ""
    return line, cards(visit, numbers[:_PAGE]), following


class Cell(msgspec.Struct, frozen=True):
    """Who is in both of two segments."""

    count: int
    shade: str  # CSS class
    title: str


async def _matrix(visit: Visit) -> list[tuple[str, list[Cell]]]:
    """For each segment a row of cells, in the order of the list by size."""
    analyst = visit.house.services.analyst
    lines = _lines(visit)
    ids = [line.id for line in lines]
    if analyst is None or not ids:
        return []
    pairs = await analyst.later(analyst.overlap, ids)
    found = []
    for row in lines:
        cells = []
        for column in lines:
            both = pairs.get((row.id, column.id), pairs.get((column.id, row.id), 0))
            sizes = pairs.get((row.id, row.id), 0), pairs.get((column.id, column.id), 0)
            cells.append(_cell(visit, row, column, both, min(sizes)))
        found.append((row.title, cells))
    return found


def _cell(visit: Visit, row: Line, column: Line, both: int, smaller: int) -> Cell:
    f, t = visit.formats, visit.words
    if row.id == column.id:
        return Cell(both, "self", t("segments.self", title=row.title, n=f.number(both)))
    share = both / smaller if smaller else 0.0
    shade = sum(share >= bound for bound in _HEAT)
    title = t("segments.both", a=row.title, b=column.title, n=f.number(both), share=f.percent(share))
    return Cell(both, f"h{shade}" if shade else "", title)


HANDLERS = (segments_page, try_condition, overlap, segment_page)
