"""A shop for cameras and clothes: what is bought after what, what instead of what, and what is said of it."""

import numpy as np

from regulars.recommend.assortment import Assortment, Good
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.material import Material

TODAY = 400
PRODUCTS = (
    ("camera_a", "Photo > Cameras"),
    ("camera_b", "Photo > Cameras"),
    ("bag", "Photo > Bags"),
    ("tripod", "Photo > Tripods"),
    ("shirt_red_m", "Clothes > Shirts"),
    ("shirt_blue_m", "Clothes > Shirts"),
    ("shirt_green_l", "Clothes > Shirts"),
    ("coat_summer", "Clothes > Coats"),
    ("coat_winter", "Clothes > Coats"),
    ("socks", "Clothes > Socks"),
    ("lens_new", "Photo > Lenses"),
    ("mug_new", "Kitchen"),
    ("how_to_shoot", "Advice"),
    ("which_camera", "Advice"),
    ("on_shirts", "Advice"),
)
GOODS = {
    "camera_a": Good(brand="Optik", terms=("spiegelreflex", "kamera", "24", "brand=optik"), price=50_000, cost=30_000),
    "camera_b": Good(brand="Optik", terms=("kamera", "spiegelreflex", "18", "brand=optik"), price=60_000, cost=40_000),
    "bag": Good(terms=("tasche", "kamera"), price=4_000, cost=1_000),
    "tripod": Good(terms=("stativ", "kamera"), price=3_000, cost=1_000),
    "shirt_red_m": Good(style="shirt", colour="red", sizes=("M",), terms=("hemd", "red")),
    "shirt_blue_m": Good(style="shirt", colour="blue", sizes=("M", "L"), terms=("hemd", "blue"), since=TODAY - 10),
    "shirt_green_l": Good(style="shirt", colour="green", sizes=("L",), terms=("hemd", "green")),
    "coat_summer": Good(style="coat", season="summer"),
    "coat_winter": Good(style="coat", season="winter"),
    "lens_new": Good(brand="Optik", terms=("objektiv", "kamera", "brand=optik"), since=TODAY - 5),
    "mug_new": Good(terms=("tasse",), since=TODAY - 3),
    "how_to_shoot": Good(kind="video", products=("camera_a", "camera_b"), phase="after"),
    "which_camera": Good(kind="article", products=("camera_a", "camera_b"), phase="before"),
    "on_shirts": Good(kind="tip", interests=("clothes",)),
}
CATALOGUE = Catalogue.of(PRODUCTS)
ASSORTMENT = Assortment.of(CATALOGUE, GOODS)


def sales(people: int = 200, seed: int = 5) -> Interactions:
    """One in two buys a camera (either one), then a bag with it or weeks after; the others buy clothes."""
    chance = np.random.default_rng(seed)
    rows: list[tuple[int, str, int, int]] = []
    basket = 0
    for person in range(people):
        day = int(chance.integers(0, 200))
        if person % 2:
            rows.append((person, ("shirt_red_m", "coat_summer", "socks")[person % 3], basket, day))
            rows.append((person, "socks", basket + 1, day + 100))
            basket += 2
            continue
        first = ("camera_a", "camera_b")[person % 4 // 2]
        rows.append((person, first, basket, day))
        if person % 3:
            rows.append((person, "tripod", basket, day))
            rows.append((person, "bag", basket, day))
        basket += 1
        rows.append((person, "bag", basket, day + 20))
        if person % 8 in {0, 6}:
            rows.append((person, ("camera_b", "camera_a")[person % 4 // 2], basket + 1, day + 150))
        basket += 2
    columns = np.asarray([(who, CATALOGUE.position[item], one, day) for who, item, one, day in rows], np.int32)
    return Interactions(
        person=columns[:, 0],
        item=columns[:, 1],
        basket=columns[:, 2],
        day=columns[:, 3],
        quantity=np.ones(len(rows), np.int32),
        unit_price=np.full(len(rows), 100, np.int64),
    )


MATERIAL = Material(sales(), ASSORTMENT)
