"""The product, started once for the tests of a file that do not stop or break it."""

from collections.abc import Iterator

import pytest

from regulars.testing import Product
from tests.acceptance.shop import make_shop


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running shop."""
    root = tmp_path_factory.mktemp("product")
    with Product(make_shop(root / "shop"), root / "data") as started:
        yield started
