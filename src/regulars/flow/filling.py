"""Fills one row: the candidates of a placement's models, its rules, and what the record keeps of both."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from regulars.core.definitions import Placement
from regulars.core.merchandising import SEARCH, Recommend, Step, searches
from regulars.core.preferences import Unwanted
from regulars.decide.identity import draw
from regulars.flow.merchandise import Standing
from regulars.flow.pools import HIDDEN, KEPT, MOST, Named, out_of, pack_plain, pack_pool
from regulars.flow.shelf import Shelf
from regulars.recommend.arrange import Arranged, Candidate, Drawing, Link, Note, Placed, Wanted, arrange, cut
from regulars.recommend.blend import Blend
from regulars.recommend.goods import Goods
from regulars.recommend.interactions import Catalogue, Mask
from regulars.recommend.model import Reason, ReasonCode, Reasons, Recommended, Shopper
from regulars.recommend.popular import Popular
from regulars.recommend.ranked.learned import RANKER
from regulars.recommend.rules import Judge, Person, RulesHere, rules_here
from regulars.recommend.search import EXACT, Search, answers_search, spelled_out
from regulars.recommend.sources import SOLD, Sources
from regulars.recommend.training import TrainedSet

#: Candidates of each link of a chain where rules move them; without rules as many as the record keeps.
MOST_CANDIDATES = 80
MOST_SOLD = 2_000
#: Models that stand for what is popular: a chain with one of them is filled with whatever sells.
DEEP = frozenset({Blend.name, Popular.name, RANKER})
_MOST_HERE = 200  # placements and days whose rules are remembered


class Moment(NamedTuple):
    """The customer and the moment, as rules look at them."""

    day: int
    row: Callable[[Placement], Sequence[Any]] | None = None  # of the profile, with the context; None: nobody's
    facts: Mapping[str, Any] = {}
    store: str | None = None
    shown: Sequence[tuple[str, str, int]] = ()  # channel, item, days since
    seed: int = 0
    refused: Unwanted | None = None
    explores: bool = True  # not for a machine
    search: Search | None = None  # what the customer searches for, as far as it was found

    def without_history(self) -> "Moment":
        """The same where nothing of what the person bought and saw may be used."""
        return self._replace(shown=())


class Asked(NamedTuple):
    """A row to be made, and with what."""

    placement: Placement
    trained: TrainedSet
    standing: Standing | None
    moment: Moment


class Filled(NamedTuple):
    """A row and how it came about."""

    items: list[Recommended]
    notes: list[Note]
    moved: list[list[int]]
    propensities: list[float]
    pool: bytes
    removed: dict[int, list[str]]


class Filling:
    """Fills rows. It keeps what several rows have in common."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._here: dict[tuple[int, str, int], RulesHere] = {}
        self._available: tuple[int, Catalogue, int, Mask | None] | None = None
        self._last: tuple[TrainedSet, Shopper, int, Sources, Goods | None] | None = None

    def everybodys(self, place: Placement, standing: Standing, moment: Moment) -> tuple[bool, ...] | None:
        """Which rules hold for a customer as for many others; None where one looks closer."""
        here = self._rules(place, standing, moment.day)
        if any(one.mixed is not None or one.rule.match for one in here.all):
            return None
        if moment.shown and any(one.rule.kind == "no_repeat" for one in here.filters):
            return None
        row = [*_row(place, standing, moment), moment.store]
        return tuple(one.gate is None or one.gate(row) for one in here.all)

    def fill(self, asked: Asked, shopper: Shopper, steps: Sequence[Step], shown: Collection[str]) -> Filled:
        """The row that a chain of models makes; where it says what is popular, what sells at all fills it."""
        place, trained, standing, moment = asked
        goods = None if standing is None else standing.goods
        find = trained.known.position.get if goods is None else goods.place
        sources = self._sources(trained, shopper, moment, find, goods)
        available = self._on_shelf(trained.known, goods)
        hidden = _hidden(place, find, shopper, shown)
        told: list[Note] = []
        if searches(place.recommend):
            steps, told = _asked_for(steps, moment.search)
            if moment.search is not None:
                place = structs.replace(place, items=min(place.items, moment.search.most or place.items))
                hidden = {at for one in shown if (at := find(one)) is not None}
                available = _with(available, sources)
        steps, rests = sources.without_resting(steps)
        names = [name for step in steps for name, _ in step.models]
        if not DEEP.isdisjoint(names):
            steps, names = [*steps, Step(((SOLD, 1.0),))], [*names, SOLD]
        notes: list[Note] = [*told, *(("model_missing", {"model": name}) for name in names if not sources.known(name))]
        notes += [(rests, {})] if rests else []
        judge = None if standing is None else self._judge(place, standing, shopper, moment)
        wanted = Wanted(place.items, hidden, available, refuses=_refusal(moment.refused, goods))
        if standing is not None and place.objective not in ("click", "order"):
            worth = standing.worth(place)
            wanted = wanted._replace(worth=worth)
            notes += [("no_margin", {})] if worth is None else []
        if standing is not None and place.explore and moment.explores:
            wanted = wanted._replace(drawing=_drawing(place, standing, moment.seed))
        links = _links(sources, steps, judge, wanted, for_orders=place.objective == "order" or wanted.worth is not None)
        row = cut(links, wanted) if judge is None else arrange(links, judge, wanted)
        ids = trained.known.ids if goods is None else goods.ids
        evidence = _evidence(row.placed, names, sources, judge)
        items = [
            Recommended(ids[one.at], one.score, why, _model_name(one, names))
            for one, why in zip(row.placed, evidence, strict=True)
        ]
        moved = [list(one.rules) for one in row.placed]
        drawn = any(one.propensity != 1.0 for one in row.placed)
        return Filled(
            items,
            notes + [_spoken(note, place.recommend, moment.search) for note in row.notes],
            moved if any(moved) else [],
            [one.propensity for one in row.placed] if drawn else [],
            *_recorded(row, judge, wanted, ids, len(trained.catalogue)),
        )

    # What rows have in common ---------------------------------------------------------------------------------------

    def _sources(
        self,
        trained: TrainedSet,
        shopper: Shopper,
        moment: Moment,
        find: Callable[[str], int | None],
        goods: Goods | None,
    ) -> Sources:
        if moment.search is not None:
            return Sources(trained, shopper, moment.day, moment.search, find, goods=goods)
        last = self._last
        day = moment.day
        if last is None or last[0] is not trained or last[1] is not shopper or last[2] != day or last[4] is not goods:
            last = self._last = trained, shopper, day, Sources(trained, shopper, day, goods=goods), goods
        return last[3]

    def _rules(self, place: Placement, standing: Standing, day: int) -> RulesHere:
        compiled = standing.compiled
        key = (id(compiled), place.id, day)
        found = self._here.get(key)
        if found is None:
            if len(self._here) >= _MOST_HERE:
                self._here.clear()
            today = np.datetime64(day, "D").astype(object)
            found = rules_here(compiled.rules, compiled.filters.get(place.id), place, today)
            self._here[key] = found
        return found

    def _judge(self, place: Placement, standing: Standing, shopper: Shopper, moment: Moment) -> Judge:
        here = self._rules(place, standing, moment.day)
        goods = standing.goods
        kinds = {one.rule.kind for one in here.filters}
        bought: dict[int, int] = {}
        returned: dict[int, int] = {}
        if kinds & {"cool_down", "no_returned"}:
            bought, returned = _history(goods, shopper, moment.day)
        shown = (
            [(channel, at, days) for channel, item, days in moment.shown if (at := goods.place(item)) is not None]
            if "no_repeat" in kinds
            else []
        )
        person = Person(_row(place, standing, moment), moment.facts, moment.store, bought, returned, shown)
        return Judge(here, goods, standing.masks, person)

    def _on_shelf(self, catalogue: Catalogue, goods: Goods | None) -> Mask | None:
        """Which items may be sold, of the models' catalogue and then of what is newer."""
        base = self._shelf.allowed(catalogue)
        if goods is None or len(goods) == len(catalogue) or base is None:
            return base
        version = self._shelf.version
        held = self._available
        if held is None or held[0] != version or held[1] is not catalogue or held[2] != id(goods.ids):
            gone = self._shelf.unavailable
            newer = np.fromiter((one not in gone for one in goods.ids[len(catalogue) :]), np.bool_)
            held = self._available = version, catalogue, id(goods.ids), np.concatenate((base, newer))
        return held[3]


def _row(place: Placement, standing: Standing, moment: Moment) -> Sequence[Any]:
    if moment.row is not None:
        return moment.row(place)
    blank: list[Any] = [None] * standing.compiled.rows.width
    schema = standing.compiled.rows.schema
    blank[schema.segment_slot], blank[schema.interest_slot] = frozenset(), {}
    blank[schema.preference_slot] = frozenset()
    blank[schema.names["context.channel"].slot] = place.channel
    blank[schema.names["context.placement"].slot] = place.id
    return blank


def _asked_for(steps: Sequence[Step], search: Search | None) -> tuple[list[Step], list[Note]]:
    """The chain that answers a search, and what is to be said of it; without a question the rest of the chain."""
    if search is None:
        return [step for step in steps if not answers_search(step)], [("no_query", {})]
    return spelled_out(steps), [("search.partly", {})] if search.partly else []


def _with(available: Mask | None, sources: Sources) -> Mask | None:
    """What may be sold, and what was found: who asks for a product is told that it is sold out, too."""
    if available is None:
        return None
    found = available.copy()
    found[[one.at for one in sources.found]] = True
    return found


def _hidden(place: Placement, find: Callable[[str], int | None], shopper: Shopper, shown: Collection[str]) -> set[int]:
    """What the page shows already and what lies in the basket; for discovery also what is known to the customer."""
    names = [*shown, *shopper.basket]
    if not place.review:
        names += [*shopper.viewed, *shopper.session, *shopper.seen, *(one[0] for one in shopper.left)]
        names += [str(one[0]) for one in shopper.purchases if one[2] > 0]
    return {at for one in names if (at := find(one)) is not None}


def _history(goods: Goods, shopper: Shopper, day: int) -> tuple[dict[int, int], dict[int, int]]:
    """Days since each item was bought last and kept, and since one went back that was not bought again."""
    bought: dict[int, int] = {}
    returned: dict[int, int] = {}
    for product, on, quantity in shopper.purchases:
        at = goods.place(product)
        if at is not None and on <= day:
            into = bought if quantity > 0 else returned
            into[at] = min(day - on, into.get(at, day - on))
    for at in [one for one in returned if bought.get(one, returned[one] + 1) < returned[one]]:
        del returned[at]
    return bought, returned


def _refusal(refused: Unwanted | None, goods: Goods | None) -> Callable[[int], bool] | None:
    """Whether the customer does not want an item, by itself or by its category or brand."""
    if refused is None or goods is None:
        return None

    def refuses(at: int) -> bool:
        cells = goods.cells[at]
        return refused.item(goods.ids[at], cells[3] or "", cells[4] or "")

    return refuses


def _drawing(place: Placement, standing: Standing, seed: int) -> Drawing:
    return Drawing(place.explore, standing.fresh, lambda number: draw(seed, f"{place.id}/{number}"))


def _links(
    sources: Sources, steps: Sequence[Step], judge: Judge | None, wanted: Wanted, *, for_orders: bool
) -> list[Link]:
    links = []
    first = 0
    for step in steps:
        links.append(Link(step.models[0][0], _asking(sources, step, first, judge, wanted, for_orders=for_orders)))
        first += len(step.models)
    return links


def _asking(
    sources: Sources, step: Step, first: int, judge: Judge | None, wanted: Wanted, *, for_orders: bool
) -> Callable[[], list[Candidate]]:
    """The candidates of a link: the best of all, and where rules leave too few of these, the best that they leave."""

    def ask() -> list[Candidate]:
        few = judge is None and not for_orders
        most = max(MOST, wanted.items + 5) if few else max(MOST_CANDIDATES, 2 * wanted.items)
        if judge is not None and step.models[0][0] == SOLD:
            most = MOST_SOLD  # the last link: where it ends, the row is short
        found = sources.step(step, first, most, wanted.hidden, wanted.available, for_orders=for_orders)
        if judge is None or judge.allowed is None:
            return found
        left = [one for one in found if judge.allowed[one.at]]
        if len(left) >= most // 2 or len(found) < most:
            return found
        both = judge.allowed if wanted.available is None else judge.allowed & wanted.available
        more = sources.step(step, first, most, wanted.hidden, both, for_orders=for_orders)
        return [*more, *(one for one in found if not judge.allowed[one.at])]

    return ask


def _model_name(one: Placed, names: Sequence[str]) -> str:
    if one.model < 0:
        return "explore" if one.explored else "rule"
    return {SOLD: Popular.name, EXACT: SEARCH}.get(names[one.model], names[one.model])


def _evidence(placed: Sequence[Placed], names: Sequence[str], sources: Sources, judge: Judge | None) -> list[Reasons]:
    by_model: dict[int, list[int]] = {}
    for slot, one in enumerate(placed):
        by_model.setdefault(one.model, []).append(slot)
    found: list[Reasons] = [()] * len(placed)
    for model, slots in by_model.items():
        if model < 0:
            for slot in slots:
                if placed[slot].explored:
                    found[slot] = (Reason(ReasonCode.DISCOVER),)
            continue
        for slot, why in zip(slots, sources.reasons(names[model], [placed[slot].at for slot in slots]), strict=True):
            found[slot] = why
    if judge is None or not any(one.rules for one in placed):
        return found
    told = {one.at: one.rule for one in judge.here.all}
    for slot, one in enumerate(placed):
        spoken = [told[rule] for rule in one.rules if told[rule].kind == "pin" or told[rule].reason]
        found[slot] = (*(Reason(ReasonCode.RULE, {"rule": rule.id}) for rule in spoken), *found[slot])
    return found


def _recorded(
    row: Arranged, judge: Judge | None, wanted: Wanted, ids: Sequence[str], trained: int
) -> tuple[bytes, dict[int, list[str]]]:
    """The pool as the record keeps it, and the items that each rule took out.

    Places in the record are those of the trained catalogue: what is newer than it has none, and is left out.
    """
    if judge is None:  # models leave out by themselves what may not be shown
        looked_at = [one for one in row.looked_at if one[0].at < trained][:MOST]
        first = {one.at: (one.at, one.score, link, one.model) for one, link in reversed(looked_at)}
        return pack_plain(list(reversed(first.values()))), {}
    named: list[Named] = []
    removed: dict[int, list[str]] = {}
    days: dict[int, int] = {}
    person = judge.person
    for _, at, since in person.shown:
        days[at] = min(since, days.get(at, since))
    seen: set[int] = set()
    for (at, score, model), link in row.looked_at:
        if at in seen:
            continue
        seen.add(at)
        gone = judge.removes(at)
        noted = len(named) < MOST
        if not gone and not noted:
            continue
        out = KEPT
        if wanted.hides(at):
            out = HIDDEN
        elif gone and (rule := judge.remover(at)) is not None:
            out = out_of(rule.at)
            removed.setdefault(rule.at, []).append(ids[at])
        if noted and at < trained:
            known = (person.bought.get(at), person.returned.get(at), days.get(at))
            named.append(Named(at, score, link, out, *known, model))
    return pack_pool(named), removed


def _spoken(note: Note, recommend: Recommend, search: Search | None) -> Note:
    """The note with the placement's models as its file names them."""
    code, arguments = note
    if not code.startswith("short."):
        return note
    if search is not None and code != "short.rules":
        return "short.found", arguments
    model = recommend if isinstance(recommend, str) else ", ".join(str(getattr(one, "model", one)) for one in recommend)
    return code, {**arguments, "model": model}
