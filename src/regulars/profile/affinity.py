"""The affinity: a score by key that halves every half-life, as weekly cells and shares."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from regulars.core.definitions import Trait
from regulars.core.errors import Misconfigured
from regulars.core.event import Event
from regulars.core.money import SCALE, is_money
from regulars.profile import cells, reading
from regulars.profile.baskets import Basket
from regulars.profile.monoid import State, Tally
from regulars.profile.reading import Measure, Properties

SHARES = 20  # keys in the value of an affinity
_SHARE_UNITS = 10_000  # shares have 4 decimal places
_LEAST_SHARE = 100  # a key with less than 1/100 of the total is left out of the value
_MOST_KNOWN = 10_000  # category texts whose key is remembered
_FACTOR = 1 << 16  # fixed point of the decay factors
_HALF_LIVES = 10  # an affinity forgets weeks that weigh less than 2^-10
_UNBOUNDED = 1 << 40  # days or weeks: no window


def affinity(trait: Trait, currency: str, unwanted: Callable[[str], bool] | None = None) -> Tally:
    """The tally of an affinity; a key of which `unwanted` says yes counts nothing."""
    return _Affinity(trait, currency, unwanted)


class _Affinity(Measure):
    """`affinity`: a score by key that halves every `half_life_days`. State: weekly cells; value: {key: share}.

    Exponential decay of implicit feedback, as in time-weighted collaborative filtering (Ding and Li, CIKM 2005, "Time
    weight collaborative filtering": f(t) = 2^(-t / T0), T0 the half-life), with t in whole weeks. A share divides one
    decayed score by the sum of all, so that the passing of time alone changes none of them. Shares are computed in
    integers, rounded to 4 places; the value has the 20 largest of at least 1 %. A window counts in whole weeks.
    """

    def __init__(self, trait: Trait, currency: str, unwanted: Callable[[str], bool] | None = None) -> None:
        super().__init__(trait, currency)
        if self.leaves is None:
            raise Misconfigured(f"trait {trait.name!r}: an affinity needs `of`, the property that is its key")
        self._by_key = self.leaves
        self._any_keys = reading.leaves(trait.of, {})
        self._level = trait.level
        self._cap = trait.cap
        self._window = None if trait.window_days is None else max(1, math.ceil(trait.window_days / 7))
        self._half_life = trait.half_life_days
        forgotten = _UNBOUNDED if self._half_life is None else math.ceil(_HALF_LIVES * self._half_life / 7) + 1
        self._width = min(forgotten, self._window or _UNBOUNDED)
        self._factors = (
            ()
            if self._half_life is None
            else tuple(round(_FACTOR * 2 ** (-7 * age / self._half_life)) for age in range(self._width))
        )
        self._constant = 0 if isinstance(trait.weight, str) else max(1, round(trait.weight * SCALE))
        self._weight_name: str | None = None  # of a weight that stands beside the key in the same list
        self._weigh = self._weigher(trait.weight, trait.of) if isinstance(trait.weight, str) else None
        plain = "." not in trait.of and not trait.where and self._weigh is None
        self._plain = trait.of if plain else None
        self._known: dict[Any, str | None] = {}  # category as sent -> key
        self._unwanted = unwanted  # keys of which this says yes are not counted
        # Affinities that read the same keys of a basket share them; one that leaves some out has others.
        self._shared_as = self._level if unwanted is None else -self._level

    def _weigher(self, path: str, of: str) -> Callable[[Properties, Properties], int]:
        self.money = is_money(path)
        head, _, rest = path.partition(".")
        shared = bool(rest) and of.startswith(head + ".")
        names = tuple((rest if shared else path).split("."))
        if shared and len(names) == 1:
            self._weight_name = rest

        def weigh(element: Properties, properties: Properties) -> int:
            if self.foreign(properties):
                return 0
            values = reading.read(element if shared else properties, names)
            return sum(amount for value in values if (amount := self.amount(value)) is not None)

        return weigh

    def zero(self) -> State:
        return []

    def add(self, state: State, event: Event, day: int) -> State:
        added = self.absorb(state, self.content(event), day)
        return state if added is None else added

    def absorb(self, state: State, properties: Properties, day: int) -> State | None:
        amounts: Mapping[str, int] | None = None
        if self._plain is not None:
            leaf = properties.get(self._plain)
            key = self._key(leaf) if type(leaf) is str else None
            if key is not None:
                return cells.add_key(state, (day + 3) // 7, key, self._constant, width=self._width, cap=self._cap)
        columns = self.column.of(properties) if self.column is not None else None
        if columns is not None:
            amounts = self._sums(properties, *columns)
        if amounts is None:
            amounts = {}
            for key, amount in self.amounts(properties):
                amounts[key] = amounts.get(key, 0) + amount
        if not amounts:
            return None
        return cells.add_keys(state, (day + 3) // 7, amounts, width=self._width, cap=self._cap)

    def _sums(self, properties: Properties, basket: Basket, chosen: Sequence[int]) -> dict[str, int] | None:
        """Amounts by key; None when the weight is not in the same list."""
        assert self.column is not None  # noqa: S101 - the caller read by it
        if self._weigh is None:
            weights: list[int | None] = [self._constant] * len(basket.elements)
        elif self._weight_name is None:
            return None
        elif self.foreign(properties):
            return {}
        else:
            weights = self.amounts_in(basket, self._weight_name)
        keys = basket.keys(self.column.name, self._shared_as, self._paths_in)
        sums: dict[str, int] = {}
        for at in chosen:
            weight = weights[at]
            if weight:
                for key in keys[at]:
                    sums[key] = sums.get(key, 0) + weight
        return sums

    def merge(self, left: State, right: State) -> State:
        return cells.merge_keys(left, right, width=self._width, cap=self._cap)

    def value(self, state: State, day: int) -> Any:
        scores = self._scores(state, day)
        if not scores:
            return {}
        if min(scores.values()) < 0:  # more went back than is remembered as bought
            scores = {key: score for key, score in scores.items() if score > 0}
        total = sum(scores.values())
        least = total // _LEAST_SHARE
        best = [(-score, key) for key, score in scores.items() if score > least]
        best.sort()
        half = total // 2
        return {key: (half - score * _SHARE_UNITS) // total / _SHARE_UNITS for score, key in best[:SHARES]}

    def _scores(self, state: State, day: int) -> dict[str, int]:
        after = -_UNBOUNDED if self._window is None else (day + 3) // 7 - self._window
        if not state or state[0] <= after:
            return {}
        factors = self._factors
        newest = state[0]
        first = factors[0] if factors else 1
        scores = {key: amount * first for key, amount in state[1].items()}
        for at in range(2, len(state), 2):
            week = state[at]
            if week <= after:
                break
            factor = factors[newest - week] if factors else 1
            for key, amount in state[at + 1].items():
                scores[key] = scores.get(key, 0) + amount * factor
        return scores

    def due(self, state: State, day: int) -> int:
        if self._window is None:
            return 0
        oldest = cells.oldest_day(state, (day + 3) // 7 - self._window)
        return 0 if oldest is None else (oldest + self._window) * 7 - 3

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self.value(state, day), self.due(state, day)

    def amounts(self, properties: Properties) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for leaf, element in self._by_key(properties):
            amount = self._constant if self._weigh is None else self._weigh(element, properties)
            if amount:
                found += [(key, amount) for key in self._paths_in(leaf)]
        return found

    def keys(self, properties: Properties) -> list[str]:
        return [key for leaf, _ in self._any_keys(properties) for key in self._paths_in(leaf)]

    def place(self, state: State, day: int, key: str, amount: int) -> State:
        return cells.add_key(state, (day + 3) // 7, key, amount, width=self._width, cap=self._cap)

    def _paths_in(self, leaf: Any) -> list[str]:
        if isinstance(leaf, list) and leaf and isinstance(leaf[0], list):
            return [key for path in leaf for key in self._paths_in(path)]
        known = self._key(leaf)
        return [] if known is None else [known]

    def _key(self, leaf: Any) -> str | None:
        """The key of one category path; texts are remembered, other values are not (1 and True are one dict key)."""
        if type(leaf) is str:
            path: Any = leaf
        elif type(leaf) is list and all(type(name) is str for name in leaf):
            path = tuple(leaf)
        else:
            return self._wanted(reading.category(leaf, self._level))
        if path in self._known:
            return self._known[path]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        key = self._known[path] = self._wanted(reading.category(leaf, self._level))
        return key

    def _wanted(self, key: str | None) -> str | None:
        return None if key is not None and self._unwanted is not None and self._unwanted(key) else key
