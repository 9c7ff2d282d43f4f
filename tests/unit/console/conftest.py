"""A shop in which Ana buys and agrees, and Ben buys and does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.console.corner import Corner, agrees, call, order


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corner]:
    """One shop for the facts of a file; those that change it take one of their own."""
    with Corner(tmp_path_factory.mktemp("corner")) as shop:
        fill(shop)
        yield shop


@pytest.fixture
def own_corner(tmp_path: Path) -> Iterator[Corner]:
    """A shop that a test may change."""
    with Corner(tmp_path) as shop:
        fill(shop)
        yield shop


def fill(shop: Corner) -> None:
    """What happened so far."""
    shop.happened(
        agrees("ana", analytics=True, personalisation=True),
        agrees("ben", analytics=False, personalisation=False),
        {"type": "identify", "messageId": "i1", "userId": "ana", "traits": {"name": "Ana <script>alert(1)</script>"}},
    )
    shop.happened(
        order("ana", "A1", 40.0, days_ago=20),
        order("ana", "A2", 25.5, days_ago=2),
        order("ben", "B1", 12.0, days_ago=1),
        call(
            "ana", "Product Viewed", "v1", {"product_id": "7", "category": "Bikes", "name": "<i>bell</i>"}, days_ago=1
        ),
        call("ben", "Product Viewed", "v2", {"product_id": "7", "category": "Bikes"}, days_ago=1),
    )
    shop.happened(
        call("ana", "Produkt Viewed", "f1", {"secret": "ana@corner.example"}),
        call("ana", "Produkt Viewed", "f2", {"secret": "<svg onload=alert(1)>"}),
    )
