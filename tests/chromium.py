"""Chromium, as tests of pages start it, and how the administrator of a started product gets in."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from regulars.testing import Product

#: Where it is installed; None: tests that need it say that they skip.
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


def admin_password(product: Product) -> str:
    """What the server printed at its first start."""
    deadline = time.monotonic() + 30
    while (found := re.search(r"name admin, password ([a-z0-9-]+)", product.printed())) is None:
        assert time.monotonic() < deadline, f"no password was printed: {product.printed()[-2000:]}"
        time.sleep(0.1)
    return found[1]
