"""Try a merchandising rule on recorded decisions: what it would have changed, won and lost; in the child process."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from regulars.adapters.lake.decisions import row_decisions
from regulars.analyst.learning import of_orders
from regulars.analyst.protocol import RowRules
from regulars.analyst.sealing import Harvest
from regulars.analyst.work import Workbench
from regulars.catalog.rows import from_row
from regulars.core.calendar import Calendar
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.core.event import DECISION_SHOWN, Event
from regulars.core.item_rows import ItemRows, margin
from regulars.core.lake import DECISION_PART, LoggedDecision, RowDecision
from regulars.core.merchandising import PlacementTrial, Trial
from regulars.core.schema import Rows
from regulars.core.state import FOLDED, PRODUCT, SEALED
from regulars.flow.models import current, recommend_folder
from regulars.flow.pools import unpack_pool
from regulars.flow.row_replay import RowReplay, recorded_rules, untold
from regulars.recommend.goods import Facts, Goods, Lot
from regulars.recommend.reactions import Shown, clicks_won, margin_won
from regulars.recommend.store import load

CLICKED = "Product Clicked"
#: An order of a clicked product counts as its consequence for so long, ms.
CONSEQUENCE_MS = 7 * 86_400_000


def try_rules(work: Workbench, *, shop: Any, changed: Any, tried: list[str], since: int, until: int) -> Any:
    """`dry_run` of definitions as builtins."""
    pair = [msgspec.convert(one, Definitions) for one in (shop, changed)]
    return msgspec.to_builtins(dry_run(work, definitions=pair[0], other=pair[1], tried=tried, since=since, until=until))


def dry_run(
    work: Workbench, *, definitions: Definitions, other: Definitions, tried: list[str], since: int, until: int
) -> Trial:
    """Decisions of `since` to `until` (ms) by the shop's rules and by `other`'s; one of them has the tried ones."""
    there = {rule.id for rule in other.rules}
    without, with_them = (definitions, other) if set(tried) <= there else (other, definitions)
    newest = tail(work)
    replays = _Replays(work, without, with_them, definitions)
    seen, clicks, click_count, ordered = _reactions(work, since, until, newest, definitions)
    trial = Trial(tried, since, until, definitions.shop.currency, 0, 0, {}, None, [], [])
    found: dict[str, _Sums] = {}
    refused = {rule.id: why for rule in with_them.rules if rule.id in tried and (why := untold(rule))}
    new = not set(tried) <= {rule.id for rule in definitions.rules}
    if new and refused:
        trial.notes += [f"untold.{why}" for why in sorted(set(refused.values()))]
    counts: Counter[str] = Counter()
    same = 0
    at_once = {one.id for one in definitions.placements if one.counts == "decided"}
    for decision in decisions(work, since, until, newest):
        trial.decisions += 1
        pair = replays.of(decision)
        if isinstance(pair, str):
            counts[pair] += len(decision.rows)
            continue
        recorded = recorded_rules(definitions, decision)
        for row in decision.rows:
            name, shown = decision.chosen[row.place][0], decision.chosen[row.place][4]
            before, after = (one.row(decision, row, recorded) for one in pair)
            if before is None or after is None:
                counts["placement"] += 1
                continue
            trial.rows += 1
            ours = before if with_them is other else after
            drawn = set(shown) - set(ours.items) if row.propensities else set()
            same += [one for one in shown if one not in drawn] == [
                one for at, one in enumerate(ours.items) if at >= len(shown) or shown[at] not in drawn
            ]
            sums = found.setdefault(name, _Sums(PlacementTrial(name)))
            exposed = name in at_once or (decision.id, name) in seen
            sums.add(before.items, after.items, max(before.unfilled, after.unfilled), shown, exposed=exposed)
    trial.untold = dict(counts)
    trial.agreement = same / trial.rows if trial.rows else None
    margins = _margins(work)
    for name, sums in sorted(found.items()):
        trial.placements.append(sums.told(clicks.get(name, {}), margins, click_count, ordered))
    return trial


class _Sums:
    """One placement's rows, added up."""

    def __init__(self, told: PlacementTrial) -> None:
        self._told = told
        self._moved: Counter[tuple[int, str]] = Counter()
        self._exposures: Counter[tuple[int, str]] = Counter()

    def add(
        self, before: Sequence[str], after: Sequence[str], unfilled: int, shown: Sequence[str], *, exposed: bool
    ) -> None:
        told = self._told
        told.rows += 1
        told.changed += list(before) != list(after)
        told.removed += len(set(before) - set(after))
        told.added += len(set(after) - set(before))
        told.unfilled += unfilled
        if exposed:
            told.seen += 1
            self._exposures.update(enumerate(shown))
            if list(before) != list(after):
                self._moved.update(enumerate(after))
                self._moved.subtract(enumerate(before))

    def told(
        self,
        clicks: Mapping[tuple[int, str], int],
        margins: Mapping[str, float],
        clicked: int,
        ordered: int,
    ) -> PlacementTrial:
        hits = {key: count for key, count in clicks.items() if key in self._exposures}
        shown = Shown(self._exposures, hits)
        moved = {key: float(count) for key, count in self._moved.items() if count}
        self._told.recorded_clicks = sum(hits.values())
        self._told.clicks = clicks_won(shown, moved)
        self._told.margin = margin_won(shown, moved, margins, clicked=clicked, ordered=ordered)
        return self._told


class _Replays:
    """The two ways to fill rows, for each version of the models that decided."""

    def __init__(self, work: Workbench, without: Definitions, with_them: Definitions, shop: Definitions) -> None:
        attributes = {**without.attributes, **with_them.attributes}
        replace = msgspec.structs.replace
        self._pair = [replace(one, attributes=attributes) for one in (without, with_them)]
        self._work = work
        self._day = Calendar(shop.shop.time_zone).day(int(str(work.state.meta("clock") or 0)))
        rows = ItemRows(Rows(shop), attributes)
        self._known: dict[str, Facts] = {}
        self._attributes = tuple(attributes)
        self._width = len(rows.cells(from_row(("", 0, "", msgspec.msgpack.encode({"id": ""}))), 0))
        for stored in work.state.select(PRODUCT):
            item = from_row(stored)
            lots = tuple(Lot(one.attributes, one.stock) for one in item.variants)
            self._known[item.id] = Facts(rows.cells(item, self._day), lots)
        self._made: dict[str, tuple[RowReplay, RowReplay] | None] = {}

    def of(self, decision: RowDecision) -> tuple[RowReplay, RowReplay] | str:
        """Without and with the rules; or why the decision's rows cannot be filled again."""
        version = decision.models.partition("+")[0]
        if version not in self._made:
            self._made[version] = self._make(version)
        pair = self._made[version]
        if pair is None:
            return "models"
        return pair if pair[0].fits(decision) else "traits"

    def _make(self, version: str) -> tuple[RowReplay, RowReplay] | None:
        models = self._work.data / "models"
        folder = recommend_folder(models) / (version or current(models) or "none")
        if not version or not folder.is_dir() or folder.parent != recommend_folder(models):
            return None
        trained = load(folder)
        goods = Goods(trained.catalogue, self._known, attributes=self._attributes, width=self._width, day=self._day)
        without, with_them = self._pair
        return RowReplay(without, trained, goods), RowReplay(with_them, trained, goods)


def decisions(
    work: Workbench, since: int, until: int, newest: Harvest, identifier: str | None = None
) -> Iterator[RowDecision]:
    """Decisions with rows, each once: sealed ones, then those that wait in the log."""
    told: set[str] = set()
    listed = work.listed(DECISION_PART)
    sealed = row_decisions(work.lake.folder, listed, since=since, until=until, identifier=identifier)
    waiting = (one for one in map(_of_log, newest.decisions) if since <= one.time < until and one.rows)
    for decision in (*sealed, *waiting):
        if decision.id not in told and decision.hot and (identifier is None or decision.id == identifier):
            told.add(decision.id)
            yield decision


def tail(work: Workbench) -> Harvest:
    """What was folded and is not sealed yet."""
    harvest = Harvest(work.calendar, work.decoder)
    after, until = (int(str(work.state.meta(name) or 0)) for name in (SEALED, FOLDED))
    if until > after:
        harvest.gather(work.log, work.state, after=after, until=until, limit=1 << 62)
    return harvest


def _of_log(logged: LoggedDecision) -> RowDecision:
    one = logged.record
    return RowDecision(one.id, one.time, one.anchor, one.configuration, one.models, one.hot, one.chosen, one.rows)


def _reactions(
    work: Workbench, since: int, until: int, newest: Harvest, definitions: Definitions
) -> tuple[set[tuple[str, str]], dict[str, Counter[tuple[int, str]]], int, int]:
    """Rows that were seen; clicks by placement, slot and item; products clicked, and how many of them ordered."""
    first, last = work.calendar.day(since), work.calendar.day(until) + 1
    names = [DECISION_SHOWN, CLICKED]
    table = work.table("reactions", {"names": names, "since": first, "until": last})
    rows: list[tuple[Any, ...]] = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    for event in newest.events:
        if event.name in names:
            said = event.properties
            rows.append((event.name, event.subject, event.time, *(_text(said, one) for one in FIELDS)))
    seen = {(row[3], row[4]) for row in rows if row[0] == DECISION_SHOWN and row[4]}
    places = {one.id: one for one in decisions(work, since, until, newest)}
    clicks: dict[str, Counter[tuple[int, str]]] = {}
    clicked: dict[tuple[str, str], int] = {}
    for name, subject, time, identifier, placement, product in rows:
        decision = places.get(identifier)
        if name != CLICKED or decision is None or not product:
            continue
        shown = next((one[4] for one in decision.chosen if one[0] == placement), [])
        if product in shown:
            clicks.setdefault(placement, Counter())[shown.index(product), product] += 1
            clicked.setdefault((subject, product), time)
    return seen, clicks, len(clicked), _ordered(work, clicked, first, newest.events, definitions)


FIELDS = ("decision_id", "placement", "product_id")


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return None if value is None else str(value)


def _ordered(
    work: Workbench,
    clicked: Mapping[tuple[str, str], int],
    first: int,
    newest: Iterable[Event],
    definitions: Definitions,
) -> int:
    """Clicks after which the same person ordered the product within a week."""
    if not clicked:
        return 0
    table = work.table("order_lines", of_orders(definitions, since=first))
    columns = (table.column(name).to_pylist() for name in ("subject", "product_id", "time"))
    lines = list(zip(*columns, strict=True))
    for event in newest:
        if event.name == "Order Completed":
            products = event.properties.get("products")
            held = [one for one in products if isinstance(one, dict)] if isinstance(products, list) else []
            lines += [(event.subject, str(one.get("product_id")), event.time) for one in held]
    found = {
        (subject, product)
        for subject, product, time in lines
        if (at := clicked.get((subject, product))) is not None and at <= time <= at + CONSEQUENCE_MS
    }
    return len(found)


def _margins(work: Workbench) -> dict[str, float]:
    items = map(from_row, work.state.select(PRODUCT))
    return {one.id: float(profit) for one in items if (profit := margin(one)) is not None}


def recorded_row_rules(work: Workbench, *, shop: Any, decision: str, since: int) -> Any:
    """What rules did to the rows of one recorded decision, by placement."""
    found = next(decisions(work, since, since + 1, tail(work), decision), None)
    if found is None:
        raise Rejected(
            f"no decision {decision!r} with rows is kept; the log and the lake hold those of the terms of shop.toml",
            field="DECISION",
            got=decision,
        )
    return msgspec.to_builtins(list(_told(work, msgspec.convert(shop, Definitions), found)))


def _told(work: Workbench, definitions: Definitions, decision: RowDecision) -> Iterator[RowRules]:
    names = recorded_rules(definitions, decision)
    folder = recommend_folder(work.data / "models") / decision.models.partition("+")[0]
    ids = load(folder).catalogue.ids if folder.is_dir() else ()
    for row in decision.rows:
        placement, _, _, _, shown = decision.chosen[row.place]
        took: dict[str, list[str]] = {}
        for one in unpack_pool(row.pool):
            if one.rule is not None:
                took.setdefault(names.get(one.rule, f"#{one.rule}"), []).append(ids[one.at] if ids else f"#{one.at}")
        moved: dict[str, list[str]] = {}
        for slot, rules in enumerate(row.moved):
            for rule in rules:
                moved.setdefault(names.get(rule, f"#{rule}"), []).append(shown[slot])
        certain = [one / 1e6 for one in row.propensities]
        same = bool(names) or not definitions.rules
        yield RowRules(placement, shown, certain, took, moved, row.notes, same)
