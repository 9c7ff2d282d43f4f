"""What `regulars evaluate` found, as one page without scripts: plots first, figures below."""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup

from regulars.console.formats import Formats
from regulars.console.plots import Spot, interval, scatter
from regulars.console.words import Words
from regulars.recommend.evaluation import Evaluation, Figures, Report
from regulars.recommend.measuring import METRICS, Interval

#: What every recommender has to beat.
BASELINES = frozenset({"overall_popularity", "own_most_bought", "most_viewed", "seen_last"})
_LEVEL = re.compile(r"(new|low|medium|high)(?: \(up to (\d+) days\))?")


def level(group: str, words: Words) -> str:
    """The name of a level of activity in the reader's language; lengths of visits are numbers."""
    found = _LEVEL.fullmatch(group)
    return group if found is None else words(f"evaluation.level_{found[1]}", days=found[2])


def resting(report: Report, words: Words) -> list[str]:
    """Which models would not serve, and why."""
    return [
        words(
            "evaluation.rests_text",
            model=words.known(f"recommender.{name}", name),
            why=words(f"evaluation.rests.{why}"),
        )
        for name, why in report.rests.items()
    ]


class Cell(NamedTuple):
    """A figure, and its interval."""

    text: str
    small: str = ""


class Line(NamedTuple):
    """One recommender, or one group."""

    title: str
    cells: list[Cell]
    plot: Markup = Markup()
    hit: str = ""


class Group(NamedTuple):
    """The hit rate within groups of customers."""

    title: str
    heads: list[str]
    rows: list[Line]


class Part(NamedTuple):
    """One kind of question."""

    title: str
    text: str
    heads: list[str]
    rows: list[Line]
    groups: list[Group]
    trade: Markup | None


def page(report: Report, words: Words, formats: Formats) -> str:
    """The report as HTML."""
    maker = _Maker(words, formats, report)
    span = words("evaluation.folder")
    if report.first_day is not None and report.cut_day is not None and report.last_day is not None:
        days = {"first": report.first_day, "cut": report.cut_day, "last": report.last_day}
        span = words("evaluation.span", **{name: formats.day(day) for name, day in days.items()})
    facts = [words("evaluation.products", n=formats.number(report.products))]
    facts += [words(f"evaluation.{kind}", n=formats.number(count)) for kind, count in report.learned_from.items()]
    return _template().render(
        t=words,
        language=words.language,
        heading=words("evaluation.title", name=report.title),
        span=span,
        facts=facts,
        parts=[maker.part(kind, one, report.seconds) for kind, one in report.evaluations.items()],
        rests=resting(report, words),
        skipped=[
            words("evaluation.skipped_text", kind=words.known(f"evaluation.kind.{kind}", kind), why=why)
            for kind, why in report.skipped.items()
        ],
    )


class _Maker:
    """Makes parts in one language."""

    def __init__(self, words: Words, formats: Formats, report: Report) -> None:
        self._words = words
        self._formats = formats
        self._report = report

    def part(self, kind: str, found: Evaluation, seconds: Mapping[str, float]) -> Part:
        words, formats = self._words, self._formats
        figures = dict(sorted(found.figures.items(), key=lambda one: (one[0] in BASELINES, -one[1]["hit_rate"].mean)))
        metrics = [name for name in METRICS if any(name in one for one in figures.values())]
        if found.kind == "sessions":  # one product is wanted: precision is the hit rate over k
            metrics.remove("precision")
        if kind == "discovery":
            metrics = [name for name in metrics if name not in ("review_hit_rate", "discovery_hit_rate")]
        heads = [words(f"evaluation.{name}") for name in metrics]
        heads += [words("evaluation.lead"), words("evaluation.coverage")]
        heads += [words("evaluation.latency"), words("evaluation.fitting")]
        top = max(one["hit_rate"].high for one in figures.values())
        return Part(
            words(f"evaluation.kind.{kind}"),
            words(f"evaluation.text.{kind}", cases=formats.number(found.cases), k=found.k),
            heads,
            [self._row(name, one, found, metrics, seconds.get(name), top) for name, one in figures.items()],
            self._groups(found),
            self._trade(found) if found.latency else None,
        )

    def _row(
        self,
        name: str,
        figures: Mapping[str, Interval],
        found: Evaluation,
        metrics: list[str],
        seconds: float | None,
        top: float,
    ) -> Line:
        formats = self._formats
        cells = [self._cell(metric, figures.get(metric)) for metric in metrics]
        lead = found.lead.get(name, {}).get("hit_rate")
        if lead is None:
            cells.append(Cell("" if name != found.leader else self._words("evaluation.leader")))
        else:
            low, high = (formats.number(100 * one, 1) for one in (lead.low, lead.high))
            cells.append(Cell(f"{100 * lead.mean:+.1f}".replace(".", formats.number(0.5, 1)[1]), f"{low} … {high}"))
        share, latency = found.coverage.get(name), found.latency.get(name)
        cells.append(Cell("" if share is None else formats.percent(share, 1)))
        cells.append(
            Cell("")
            if latency is None
            else Cell(formats.number(latency.p50, 3), self._words("evaluation.p99", ms=formats.number(latency.p99, 2)))
        )
        cells.append(Cell("" if seconds is None else formats.number(seconds, 1)))
        hit = figures["hit_rate"]
        text = formats.percent(hit.mean, 1)
        spoken = f"{self._title(name)}: {text} ({formats.percent(hit.low, 1)} … {formats.percent(hit.high, 1)})"
        plot = interval(hit.mean, hit.low, hit.high, top=top, title=spoken, kind=_kind(name, found))
        return Line(self._title(name), cells, plot, text)

    def _cell(self, metric: str, found: Interval | None) -> Cell:
        if found is None:
            return Cell("")
        if metric == "novelty":
            low, mean, high = (self._formats.number(one, 1) for one in (found.low, found.mean, found.high))
        elif metric in ("mrr", "ndcg"):
            low, mean, high = (self._formats.number(one, 4) for one in (found.low, found.mean, found.high))
        else:
            low, mean, high = (self._formats.percent(one, 1) for one in (found.low, found.mean, found.high))
        return Cell(mean, f"{low} … {high}")

    def _groups(self, found: Evaluation) -> list[Group]:
        by_activity = "by_length" if found.kind == "sessions" else "by_activity"
        groups = []
        for title, told, cases in (
            (by_activity, found.by_activity, found.activity_cases),
            ("by_segment", found.by_segment, found.segment_cases),
        ):
            if told:
                names = list(found.figures)
                named = self._segment if title == "by_segment" else self._level
                rows = [self._group_row(named(one), told[one], cases[one], names) for one in told]
                heads = [self._words("evaluation.cases"), *map(self._title, names)]
                groups.append(Group(self._words(f"evaluation.{title}"), heads, rows))
        return groups

    def _segment(self, name: str) -> str:
        return self._words.of(self._report.segments.get(name, {}), name)

    def _level(self, name: str) -> str:
        return level(name, self._words)

    def _group_row(self, group: str, figures: Figures, cases: int, names: list[str]) -> Line:
        told = [self._cell("hit_rate", figures[name].get("hit_rate")) for name in names]
        return Line(group, [Cell(self._formats.number(cases)), *told])

    def _trade(self, found: Evaluation) -> Markup:
        spots = [
            Spot(latency.p50, found.figures[name]["hit_rate"].mean, self._title(name), _kind(name, found))
            for name, latency in found.latency.items()
        ]
        return scatter(
            spots,
            label=self._words("evaluation.trade"),
            across=lambda value: f"{self._formats.number(value, 3)} ms",
            up=self._formats.percent,
        )

    def _title(self, name: str) -> str:
        return self._words.known(f"recommender.{name}", name)


def _kind(name: str, found: Evaluation) -> str:
    return "lead" if name == found.leader else "base" if name in BASELINES else ""


@cache
def _template() -> Template:
    environment = Environment(loader=PackageLoader("regulars.console"), autoescape=True, trim_blocks=True)
    return environment.get_template("evaluation_report.html")
