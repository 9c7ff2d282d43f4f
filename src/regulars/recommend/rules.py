"""Merchandising rules, compiled: what of a rule is settled for every customer alike is a bit per item.

A condition is a conjunction of parts. Those that read the item alone become a mask over the catalogue, those that
read the customer and the moment alone are tested once in a row, and only what is left is tested item by item.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from regulars.core.condition import Condition, compile_condition
from regulars.core.condition.nodes import And, InSegment, Interest, Node, Prefers, Ref, walk
from regulars.core.condition.text import text_of
from regulars.core.definitions import Placement
from regulars.core.item_rows import AGE, ITEM, ItemRows
from regulars.core.merchandising import FILTERS, NAMED_FOR_SEARCH, Rule, searches
from regulars.core.preferences import NAMESPACE
from regulars.recommend.goods import Goods, Masks, Test
from regulars.recommend.interactions import Mask

#: Stands for the placement's own filter where rules are counted.
OWN_FILTER = -1
_PREFERENCE = "preference."
_MOST_MASKS = 256  # combinations of rules whose masks are remembered


class Compiled(NamedTuple):
    """A rule with its condition in parts; a part that is None always holds."""

    at: int  # its place among the rules of the shop
    rule: Rule
    gate: Test | None  # of the customer and the moment
    item: Test | None  # of the item
    mixed: Test | None  # of both
    condition: Condition | None


def compile_rules(rules: Sequence[Rule], rows: ItemRows) -> tuple[Compiled, ...]:
    """The rules in their order."""
    return tuple(_compiled(at, rule, rows) for at, rule in enumerate(rules))


def compile_filter(placement: Placement, rows: ItemRows) -> Compiled | None:
    """The placement's own filter, as a rule that takes out what it is not true for."""
    if not placement.filter.strip():
        return None
    rule = Rule(id=f"{placement.id}.filter", kind="exclude", when=f"({placement.filter}) is not true")
    return _compiled(OWN_FILTER, rule, rows)


def reads_age(rules: Sequence[Compiled]) -> bool:
    """Whether a rule's mask is another one on another day."""
    return any(one.condition is not None and AGE in one.condition.names for one in rules)


class RulesHere(NamedTuple):
    """The rules of one placement on one day."""

    filters: tuple[Compiled, ...]
    moving: tuple[Compiled, ...]  # boost and bury
    pins: tuple[Compiled, ...]  # by position, then in the order of the files
    caps: tuple[Compiled, ...]

    @property
    def all(self) -> tuple[Compiled, ...]:
        """Every rule."""
        return (*self.filters, *self.moving, *self.pins, *self.caps)


NO_RULES = RulesHere((), (), (), ())


def rules_here(rules: Sequence[Compiled], own: Compiled | None, placement: Placement, today: date) -> RulesHere:
    """The rules that are made for a placement and a day."""
    here = [one for one in rules if _is_here(one.rule, placement, today)]
    filters = [one for one in here if one.rule.kind in FILTERS]
    pins = sorted((one for one in here if one.rule.kind == "pin"), key=lambda one: one.rule.position)
    return RulesHere(
        filters=tuple(filters if own is None else [own, *filters]),
        moving=tuple(one for one in here if one.rule.kind in ("boost", "bury")),
        pins=tuple(pins),
        caps=tuple(one for one in here if one.rule.kind == "diversity"),
    )


def _is_here(rule: Rule, placement: Placement, today: date) -> bool:
    if rule.kind in NAMED_FOR_SEARCH and not rule.placements and searches(placement.recommend):
        return False
    if rule.placements and placement.id not in rule.placements:
        return False
    if rule.channels and placement.channel not in rule.channels:
        return False
    return not (rule.starts and today < date.fromisoformat(rule.starts)) and not (
        rule.ends and today > date.fromisoformat(rule.ends)
    )


class Person(NamedTuple):
    """The customer and the moment, as rules look at them. Days are counted back from today."""

    row: Sequence[Any]  # of the profile, with the context
    facts: Mapping[str, Any]
    store: str | None = None
    bought: Mapping[int, int] = {}  # item -> days since it was bought last and kept
    returned: Mapping[int, int] = {}  # item -> days since one went back
    shown: Sequence[tuple[str, int, int]] = ()  # channel, item, days since it was shown


class Judge:
    """The rules of one row for one customer: which items may not be in it, and why."""

    def __init__(self, here: RulesHere, goods: Goods, masks: "SharedMasks", person: Person) -> None:
        self.here = here
        self.goods = goods
        self.person = person
        self._masks = masks
        self._row: list[Any] = [*person.row, person.store]
        self._holding = {one.at: one.gate is None or one.gate(self._row) for one in here.all}
        active = [one for one in here.filters if self._holding[one.at]]
        # Some filters are one bit per item, the others look at the customer.
        still = [one for one in active if masks.settles(one)]
        self._each = [self._test(one) for one in active if not masks.settles(one)]
        each = iter(self._each)
        self._tests = [(one, masks.removed(one).__getitem__ if masks.settles(one) else next(each)) for one in active]
        self._out: dict[int, bool] = {}
        self.allowed: Mask | None = masks.without(still) if still else None

    def removes(self, at: int) -> bool:
        """Whether a filter takes the item out."""
        found = self._out.get(at)
        if found is None:
            out = self.allowed is not None and not self.allowed[at]
            found = self._out[at] = out or any(test(at) for test in self._each)
        return found

    def out_of(self, places: Sequence[int]) -> list[bool]:
        """Of each item whether a filter takes it out; looked up in one go, and remembered."""
        out = [False] * len(places) if self.allowed is None else (~self.allowed[list(places)]).tolist()
        each = self._each
        for number, at in enumerate(places):
            if each and not out[number]:
                for test in each:
                    if test(at):
                        out[number] = True
                        break
            self._out[at] = out[number]
        return out

    def remover(self, at: int) -> Compiled | None:
        """The first filter that takes the item out."""
        return next((one for one, test in self._tests if test(at)), None)

    def held(self, one: Compiled, places: Sequence[int]) -> list[bool]:
        """Of each item whether the condition of a rule is true for it."""
        if not self._holding[one.at]:
            return [False] * len(places)
        found: list[bool] = [True] * len(places)
        if one.item is not None:
            found = self._masks.of(one)[list(places)].tolist()
        if one.mixed is None:
            return found
        return [there and self.holds(one, at) for there, at in zip(found, places, strict=True)]

    def holds(self, one: Compiled, at: int) -> bool:
        """Whether the condition of a rule is true for the item."""
        if not self._holding[one.at]:
            return False
        if one.item is not None and not self._masks.of(one)[at]:
            return False
        return one.mixed is None or one.mixed([*self._row, *self.goods.cells[at]])

    def group(self, one: Compiled) -> Any:
        """What makes items alike for a rule, by position."""
        return self.goods.group(one.rule.alike, one.rule.level)

    def _test(self, one: Compiled) -> Any:
        """Of a position: whether the filter takes the item out."""
        beyond = self._beyond(one)
        if beyond is None:
            return lambda at: self.holds(one, at)
        if one.item is None and one.mixed is None:
            return beyond
        return lambda at: self.holds(one, at) and beyond(at)

    def _beyond(self, one: Compiled) -> Any:
        """What a kind asks beside its condition; None: nothing."""
        rule, person = one.rule, self.person
        match rule.kind:
            case "in_stock":
                wanted = self._wanted(rule)
                return lambda at: not _in_stock(self.goods, at, wanted, passes=rule.unknown == "pass")
            case "cool_down" | "no_returned":
                known = person.bought if rule.kind == "cool_down" else person.returned
                met = [at for at, days in known.items() if rule.days is None or days < rule.days]
            case "no_repeat":
                most = rule.days or 0
                met = [
                    at
                    for channel, at, days in person.shown
                    if days < most and (not rule.seen_on or channel in rule.seen_on)
                ]
            case "margin_floor":
                return self._masks.below(one).item
            case _:
                return None
        if rule.alike == "item":
            return set(met).__contains__
        groups = self.group(one)
        alike = {int(groups[at]) for at in met} - {-1}
        return lambda at: int(groups[at]) in alike

    def _wanted(self, rule: Rule) -> dict[str, frozenset[str]]:
        """By attribute of a variant the values that suit the customer; attributes that nothing is known of are none."""
        found: dict[str, frozenset[str]] = {}
        for attribute, source in rule.match.items():
            if source.startswith(_PREFERENCE):
                said = self.person.facts.get(NAMESPACE + source.removeprefix(_PREFERENCE))
                values = [said] if isinstance(said, str) else said if isinstance(said, list | tuple) else []
            else:
                values = [] if self.person.store is None else [self.person.store]
            if values:
                found[attribute] = frozenset(str(one).casefold() for one in values)
        return found


def _in_stock(goods: Goods, at: int, wanted: Mapping[str, frozenset[str]], *, passes: bool) -> bool:
    """Whether an item can be bought in what suits the customer. A variant that does not name an attribute suits."""
    lots = goods.lots.get(at) if wanted else None
    if not lots:
        stock = float(goods.stocks[at])
        return passes if np.isnan(stock) else stock > 0
    suiting = [
        one.stock
        for one in lots
        if all(
            name not in one.attributes or str(one.attributes[name]).casefold() in values
            for name, values in wanted.items()
        )
    ]
    known = [stock for stock in suiting if stock is not None]
    if known:
        return any(stock > 0 for stock in known)
    return passes if suiting else False


class SharedMasks:
    """Masks of the rules over the goods of now, and what follows from several of them; for all customers."""

    def __init__(self, goods: Goods, rules: Sequence[Compiled], first: int, before: "SharedMasks | None" = None,
                 places: Sequence[int] = ()) -> None:  # fmt: skip
        """`rules` are those of the shop and the placements' own filters; each by its identity."""
        tests = {at: one.item for at, one in enumerate(rules) if one.item is not None}
        self.goods = goods
        self._numbers = {id(one): at for at, one in enumerate(rules)}
        self._rules = tuple(rules)  # kept: their identities are keys
        self.masks: Masks = Masks(goods, tests, first, None if before is None else before.masks, places)
        self._removed: dict[int, Mask] = {}
        self._below: dict[int, Mask] = {}
        self._without: dict[tuple[int, ...], Mask] = {}

    def of(self, one: Compiled) -> Mask:
        """The items for which a rule's own part holds."""
        return self.masks.of[self._numbers[id(one)]]

    def prepare(self) -> None:
        """Work out what a first customer would wait for."""
        for one in self._rules:
            if self.settles(one):
                self.removed(one)
            elif one.rule.kind in ("diversity", "no_repeat", "cool_down", "no_returned"):
                self.goods.group(one.rule.alike, one.rule.level)
            elif one.rule.kind == "margin_floor":
                self.below(one)
            elif one.rule.kind == "in_stock":
                _ = self.goods.stocks

    def settles(self, one: Compiled) -> bool:
        """Whether a filter is one bit per item, once its gate is known."""
        if one.mixed is not None or one.rule.kind not in ("exclude", "margin_floor", "in_stock"):
            return False
        return one.rule.kind != "in_stock" or not one.rule.match

    def below(self, one: Compiled) -> Mask:
        """The items whose margin lies below a rule's floor, whatever its condition."""
        number = self._numbers[id(one)]
        found = self._below.get(number)
        if found is None:
            found = self._below[number] = _below(one.rule, self.goods)
        return found

    def removed(self, one: Compiled) -> Mask:
        """The items that a settled filter takes out."""
        number = self._numbers[id(one)]
        found = self._removed.get(number)
        if found is None:
            found = self._beyond(one.rule)
            if one.item is not None:
                found = self.of(one) if found is None else found & self.of(one)
            if found is None:
                found = np.ones(len(self.goods), np.bool_)
            self._removed[number] = found
        return found

    def without(self, filters: Sequence[Compiled]) -> Mask:
        """The items that none of the filters takes out."""
        key = tuple(self._numbers[id(one)] for one in filters)
        found = self._without.get(key)
        if found is None:
            found = ~np.logical_or.reduce([self.removed(one) for one in filters])
            if len(self._without) >= _MOST_MASKS:
                self._without.clear()
            self._without[key] = found
        return found

    def _beyond(self, rule: Rule) -> Mask | None:
        if rule.kind == "margin_floor":
            return _below(rule, self.goods)
        if rule.kind == "in_stock":
            return self.goods.stocks <= 0 if rule.unknown == "pass" else ~(self.goods.stocks > 0)
        return None


def _below(rule: Rule, goods: Goods) -> Mask:
    found = np.zeros(len(goods), np.bool_)
    for floor, known in ((rule.share, goods.margin_shares), (rule.amount, goods.margins)):
        if floor is not None:
            found |= known < floor if rule.unknown == "pass" else ~(known >= floor)
    return found


# Compiling --------------------------------------------------------------------------------------------------------


def _compiled(at: int, rule: Rule, rows: ItemRows) -> Compiled:
    if not rule.when.strip():
        return Compiled(at, rule, None, None, None, None)
    condition = compile_condition(rule.when, rows.schema, where=f"rules: rules.{rule.id}.when")
    parts = condition.node.items if isinstance(condition.node, And) else (condition.node,)
    sorted_out: dict[str, list[Node]] = {"gate": [], "item": [], "mixed": []}
    for part in parts:
        sorted_out[_side(part)].append(part)
    tests = {side: _test(nodes) for side, nodes in sorted_out.items()}
    return Compiled(at, rule, tests["gate"], tests["item"], tests["mixed"], condition)


def _side(node: Node) -> str:
    of_item = of_person = False
    for part in walk(node):
        if isinstance(part, Ref):
            is_item = part.name.startswith(ITEM)
            of_item, of_person = of_item or is_item, of_person or not is_item
        elif isinstance(part, InSegment | Interest | Prefers):
            of_person = True
    return "mixed" if of_item and of_person else "item" if of_item else "gate"


def _test(nodes: Sequence[Node]) -> Test | None:
    if not nodes:
        return None
    node = nodes[0] if len(nodes) == 1 else And(tuple(nodes))
    return Condition(text_of(node), node).test
