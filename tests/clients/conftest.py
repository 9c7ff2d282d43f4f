"""What the tests of all clients share: one running product, one installation of the clients' packages, one site."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from regulars.testing import Product
from regulars.testing.product import free_port
from tests.clients.packages import installed
from tests.clients.shop import PAGES, client_shop


@pytest.fixture(scope="session")
def site_port() -> int:
    """Where the shop's pages lie."""
    return free_port()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, site_port: int) -> Iterator[Product]:
    """A running shop, whose pages are of another origin."""
    root = tmp_path_factory.mktemp("clients")
    shop = client_shop(root / "shop", origin=f"http://{PAGES}:{site_port}")
    with Product(shop, root / "data") as started:
        yield started


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder where the vendors' packages for Node and browsers are installed."""
    return installed()
