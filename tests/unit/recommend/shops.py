"""A small grocery shop whose customers have rhythms, and baskets written by hand."""

from collections.abc import Iterable, Sequence

import numpy as np

from regulars.recommend.interactions import Catalogue, Interactions

PRODUCTS = (
    ("milk", "dairy"),
    ("butter", "dairy"),
    ("bread", "bakery"),
    ("rolls", "bakery"),
    ("pasta", "dry food"),
    ("sauce", "dry food"),
    ("detergent", "household"),
    ("sponges", "household"),
    ("candles", "seasonal"),
    ("caviar", "delicacies"),
)
CATALOGUE = Catalogue.of(PRODUCTS)
Basket = tuple[int, int, Sequence[str]]  # person, day, products


def lines_of(baskets: Iterable[Basket], quantity: int = 1) -> Interactions:
    """Order lines of baskets; each basket is an order of its own."""
    rows = [
        (person, CATALOGUE.position[product], basket, day)
        for basket, (person, day, products) in enumerate(baskets)
        for product in products
    ]
    columns = np.asarray(rows, np.int32).reshape(-1, 4)
    return Interactions(
        person=columns[:, 0],
        item=columns[:, 1],
        basket=columns[:, 2],
        day=columns[:, 3],
        quantity=np.full(len(rows), quantity, np.int32),
        unit_price=np.full(len(rows), 100, np.int64),
    )


def grocer(people: int = 60, weeks: int = 20, seed: int = 3) -> Interactions:
    """Customers who come once a week, from their first week on.

    They mostly buy their own favourite of dairy and of bakery, pasta with sauce at times, and detergent once a month.
    """
    chance = np.random.default_rng(seed)
    baskets: list[Basket] = []
    for week in range(weeks):
        for person in range(people):
            if week < person % 10:
                continue
            products = {("milk", "butter")[person % 2 if chance.random() < 0.9 else (person + 1) % 2]}
            if chance.random() < 0.8:
                products.add(("bread", "rolls")[person % 3 == 0])
            if chance.random() < 0.3:
                products |= {"pasta", "sauce"}
            if (week + person) % 4 == 0:
                products.add("detergent")
            baskets.append((person, 7 * week + person % 7, sorted(products)))
    return lines_of(baskets)
