"""What rules know of every item, by its place in the catalogue, and for which items each rule's condition holds.

Both are worked out beside serving and replaced whole; what a change of a few products touches is evaluated again, and
nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from regulars.recommend.interactions import Catalogue, Float64, Int32, Mask

Cells = tuple[Any, ...]
Test = Callable[[Sequence[Any]], bool]
#: What makes items alike -> the cell that says it (core.item_rows.FIELDS).
_CELL_OF = {"kind": 1, "category": 3, "brand": 4}
_PRICE, _MARGIN, _SHARE, _STOCK, _AGE = 5, 6, 7, 8, 9
_SEPARATOR = " > "


class Lot(NamedTuple):
    """A variant of an item, as far as rules of stock look at it."""

    attributes: Mapping[str, str]
    stock: int | None


class Facts(NamedTuple):
    """One product as rules see it."""

    cells: Cells
    lots: tuple[Lot, ...] = ()


class Goods:
    """Items by position: those of the models' catalogue, then products that are newer than the models."""

    def __init__(
        self, catalogue: Catalogue, known: Mapping[str, Facts], *, attributes: Sequence[str], width: int, day: int
    ) -> None:
        """`attributes` stand behind the fields in the cells, of which there are `width`."""
        self.catalogue = catalogue
        self.day = day
        newer = [one for one in known if one not in catalogue.position]
        self.ids: tuple[str, ...] = (*catalogue.ids, *newer)
        self._newer = {one: len(catalogue) + at for at, one in enumerate(newer)}
        self._attributes = {name: width - len(attributes) + at for at, name in enumerate(attributes)}
        nothing = (None,) * (width - 1)
        unknown = Facts(())
        found = [known.get(one, unknown) for one in self.ids]
        self.cells: list[Cells] = [one.cells or (name, *nothing) for one, name in zip(found, self.ids, strict=True)]
        self.lots: dict[int, tuple[Lot, ...]] = {at: one.lots for at, one in enumerate(found) if one.lots}
        self._groups: dict[tuple[str, int], tuple[Int32, dict[Any, int]]] = {}
        self._numbers: dict[int, Float64] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, item: str) -> int | None:
        """The position of an item."""
        found = self.catalogue.position.get(item)
        return self._newer.get(item) if found is None else found

    def places(self, items: Iterable[str]) -> set[int]:
        """The positions of those items that are known."""
        return {at for one in items if (at := self.place(one)) is not None}

    def changed(self, known: Mapping[str, Facts], items: Iterable[str]) -> "tuple[Goods, list[int]] | None":
        """The goods with these items as they are now, and their positions; None where an item is new."""
        places = [(one, self.place(one)) for one in items]
        if any(at is None for _, at in places):
            return None
        found = object.__new__(Goods)
        found.__dict__.update(self.__dict__)
        found.cells, found.lots = list(self.cells), dict(self.lots)
        at_places: list[int] = []
        for one, at in places:
            if at is None or one not in known:
                continue
            found.cells[at] = known[one].cells
            found.lots.pop(at, None)
            if known[one].lots:
                found.lots[at] = known[one].lots
            at_places.append(at)
        found._numbers = {cell: values.copy() for cell, values in self._numbers.items()}
        for cell, values in found._numbers.items():
            for at in at_places:
                value = found.cells[at][cell]
                values[at] = np.nan if value is None else value
        found._groups = {key: (groups.copy(), dict(names)) for key, (groups, names) in self._groups.items()}
        for (alike, level), (groups, names) in found._groups.items():
            for at in at_places:
                groups[at] = found._group_of(alike, level, at, names)
        return found, at_places

    def group(self, alike: str, level: int = 0) -> Int32:
        """A number for each item, the same for those that are alike; -1 where nobody told."""
        found = self._groups.get((alike, level))
        if found is None:
            names: dict[Any, int] = {}
            of_each = (self._group_of(alike, level, at, names) for at in range(len(self)))
            found = self._groups[alike, level] = np.fromiter(of_each, np.int32, len(self)), names
        return found[0]

    def number(self, cell: int) -> Float64:
        """A cell of every item, NaN where it is not known."""
        found = self._numbers.get(cell)
        if found is None:
            values = (np.nan if one[cell] is None else one[cell] for one in self.cells)
            found = self._numbers[cell] = np.fromiter(values, np.float64, len(self))
        return found

    @property
    def prices(self) -> Float64:
        """Minor units."""
        return self.number(_PRICE)

    @property
    def margins(self) -> Float64:
        """Minor units."""
        return self.number(_MARGIN)

    @property
    def margin_shares(self) -> Float64:
        """Of the price."""
        return self.number(_SHARE)

    @property
    def ages(self) -> Float64:
        """Days in the range."""
        return self.number(_AGE)

    @property
    def stocks(self) -> Float64:
        """Pieces."""
        return self.number(_STOCK)

    def _group_of(self, alike: str, level: int, at: int, names: dict[Any, int]) -> int:
        if alike == "item":
            return at
        cell = _CELL_OF.get(alike, self._attributes.get(alike))
        value = None if cell is None else self.cells[at][cell]
        if value is None:
            return -1
        if level:
            value = _SEPARATOR.join(str(value).split(_SEPARATOR)[:level])
        return names.setdefault(value, len(names))


class Masks:
    """For each tested condition the items that it is true for."""

    def __init__(self, goods: Goods, tests: Mapping[int, Test], first: int, before: "Masks | None" = None,
                 places: Sequence[int] = ()) -> None:  # fmt: skip
        """`first` is the slot of the first cell. With `before`, only items at `places` are tested again."""
        self._first = first
        if before is None:
            self.of: dict[int, Mask] = {one: np.zeros(len(goods), np.bool_) for one in tests}
            looked: Iterable[int] = range(len(goods))
        else:
            self.of = {one: mask.copy() for one, mask in before.of.items()}
            looked = places
        if not tests:
            return
        prefix: list[Any] = [None] * first
        judged = [(test, self.of[one]) for one, test in tests.items()]
        for at in looked:
            row = [*prefix, *goods.cells[at]]
            for test, mask in judged:
                mask[at] = test(row)
