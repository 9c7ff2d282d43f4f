"""Take the pictures of the documentation from a running server, with the system's Chromium.

    .venv/bin/python tools/screenshots.py http://127.0.0.1:8765 --user admin --customer user_id:13

The password is asked for, or read from REGULARS_PASSWORD. Pictures go to docs/images as PNGs of few colours.
"""

import argparse
import getpass
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
#: Width and height of the window, by the end of the picture's name.
SIZES = {"": (1440, 900), "-tablet": (820, 1180)}


def main() -> int:
    """Take them all."""
    asked = _arguments()
    password = os.environ.get("REGULARS_PASSWORD") or getpass.getpass(f"password of {asked.user}: ")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium on the PATH; install the system's package", file=sys.stderr)
        return 3
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--hide-scrollbars"])
        for end, size in SIZES.items():
            with _signed_in(browser, asked.address, asked.user, password, asked.language, size) as page:
                _take(page, asked.address, asked.customer, asked.folder, end)
        browser.close()
    return 0


def _take(page: Page, address: str, customer: str, folder: Path, end: str) -> None:
    for name, path in (("overview", "/console"), ("segments", "/console/segments")):
        page.goto(f"{address}{path}", wait_until="networkidle")
        _save(page, folder / f"{name}{end}.png")
    page.goto(f"{address}/console/customers", wait_until="networkidle")
    page.fill("input[name=identifier]", customer)
    page.press("input[name=identifier]", "Enter")
    page.wait_for_url("**/console/customers/p_*")
    page.wait_for_load_state("networkidle")
    _save(page, folder / f"customer{end}.png")


@contextmanager
def _signed_in(
    browser: Browser, address: str, user: str, password: str, language: str, size: tuple[int, int]
) -> Iterator[Page]:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, locale=language, color_scheme="light")
    page = context.new_page()
    page.goto(f"{address}/login?language={language}")
    page.fill("input[name=name]", user)
    page.fill("input[name=password]", password)
    page.click("button.primary")
    page.wait_for_url("**/console*")
    try:
        yield page
    finally:
        context.close()


def _save(page: Page, file: Path) -> None:
    page.screenshot(path=file)
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation from a running server.")
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8765")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--customer", default="user_id:13", help="whose page is shown")
    parser.add_argument("--language", default="en", choices=("de", "en"))
    parser.add_argument("--folder", type=Path, default=IMAGES)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
