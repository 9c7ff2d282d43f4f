"""A shop of cheap and dear products whose customers have a purse each: no model but a learned order looks at prices."""

import numpy as np

from regulars.recommend.assortment import Good
from regulars.recommend.interactions import Catalogue

AISLES = ("tea", "soap", "lamps", "pens", "bags", "toys")
PRODUCTS = [(f"{aisle}-{at}", aisle) for aisle in AISLES for at in range(30)]
CATALOGUE = Catalogue.of(PRODUCTS)
#: Even ones are cheap, odd ones are dear; minor units.
PRICES = {name: 300 if int(name.rpartition("-")[2]) % 2 == 0 else 3_000 for name, _ in PRODUCTS}
GOODS = {name: Good(price=price, cost=price // 2) for name, price in PRICES.items()}


def baskets(people: int = 300, weeks: int = 10, *, seed: int = 7) -> list[tuple[int, int, list[str]]]:
    """(person, day, products): one a week of two aisles that the person likes, of the person's price, none twice."""
    chance = np.random.default_rng(seed)
    liking = 1 / np.arange(1, 16)
    found = []
    for person in range(people):
        liked = chance.choice(AISLES, 2, replace=False).tolist()
        wanted = {aisle: chance.choice(15, 15, replace=False, p=liking / liking.sum()).tolist() for aisle in liked}
        for week in range(weeks):
            aisle = liked[week % 2]
            found.append((person, 7 * week + person % 7, [f"{aisle}-{2 * wanted[aisle][week // 2] + person % 2}"]))
    return found
