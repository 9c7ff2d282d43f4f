"""The shelf sees every change of the catalogue, however it falls among reads, and reads little when little changed."""

import random
from collections.abc import Iterable

import pytest

from regulars.adapters.state.sqlite import SqliteState
from regulars.catalog.rows import to_row
from regulars.core.catalog import CatalogItem
from regulars.core.state import CLOCK, FOLDED, PRODUCT, Changes
from regulars.flow import shelf as module
from regulars.flow.shelf import Shelf
from regulars.recommend.interactions import Catalogue

IDS = tuple(f"p{at:02}" for at in range(40))
CATALOGUE = Catalogue.of((one, "") for one in IDS)


class Shop:
    """A state that products are folded into."""

    def __init__(self) -> None:
        self.state = SqliteState(":memory:")
        self.folded = 0
        self.stock: dict[str, int] = {}

    def fold(self, products: Iterable[tuple[str, int]], *, at: int) -> None:
        changes = Changes()
        self.folded += 1
        for name, stock in products:
            self.stock[name] = stock
            changes.put(PRODUCT, to_row(CatalogItem(id=name, title=name, stock=stock), at))
        self.state.commit(changes, meta={FOLDED: self.folded, CLOCK: at})

    def sold_out(self) -> set[str]:
        return {name for name, stock in self.stock.items() if not stock}


def hidden(shelf: Shelf) -> set[str]:
    mask = shelf.allowed(CATALOGUE)
    return set() if mask is None else {one for one, allowed in zip(IDS, mask.tolist(), strict=True) if not allowed}


@pytest.fixture(autouse=True)
def _small_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    monkeypatch.setattr(module, "FEW", 2)


@pytest.mark.parametrize("seed", range(60))
def test_every_change_is_seen_once_the_clock_went_on(seed: int) -> None:
    chance = random.Random(seed)
    shop, now = Shop(), 1_000
    shelf = Shelf(shop.state)
    shop.fold([(one, 1) for one in IDS[: chance.randrange(40)]], at=now)
    for _ in range(chance.randrange(30)):
        if chance.random() < 0.5:
            shelf.refresh()
        now += chance.choice([0, 0, 1, 5])
        shop.fold([(chance.choice(IDS), chance.randrange(2)) for _ in range(chance.choice([1, 2, 15]))], at=now)
    for step in range(60):
        shop.fold([], at=now + 20_000 * (step > 20) + step)
        while shelf.refresh():
            pass
    assert hidden(shelf) == shop.sold_out()
    assert {one: item.stock for one, item in shelf.items(IDS).items()} == shop.stock


def test_a_large_import_of_one_instant_is_seen_at_once_and_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    shelf = Shelf(shop.state)
    while shelf.refresh():
        pass
    shop.fold([(one, 0) for one in IDS], at=2_000)
    while shelf.refresh():
        pass
    assert hidden(shelf) == set(IDS)
    taken: list[int] = []
    select = shop.state.select

    def counted(*arguments: object, **named: object) -> list[object]:
        rows = select(*arguments, **named)  # type: ignore[arg-type]  # handed on as they came
        taken.append(len(rows))
        return rows  # type: ignore[return-value]

    monkeypatch.setattr(shop.state, "select", counted)
    for step in range(60):
        shop.fold([], at=20_000 + step)
        assert not shelf.refresh()
    assert max(taken) <= module.FEW
    assert sum(taken) < 2 * len(IDS)  # the last row of a list is the first one of the next
    assert not any(taken[-10:])
