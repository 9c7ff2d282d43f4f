"""What the tests of the browser SDK share: a served shop with a site, and browsers that nobody used before."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.site import Shop, served
from tests.chromium import CHROMIUM, FLAGS


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with served(tmp_path_factory.mktemp("sdk")) as one:
        yield one


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(driver: Playwright) -> Iterator[Browser]:
    launched = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """Makes browsers that nobody used before; a page whose script throws fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def make() -> BrowserContext:
        context = browser.new_context(locale="en")
        context.set_default_timeout(15_000)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
    assert [one for one in complaints if "on purpose" not in one] == []
