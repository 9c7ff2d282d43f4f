"""How fast a product feed comes in, in Google's format as XML packed with gzip: read, logged, folded, durable.

`regulars import` is run as a shop runs it, without a server, so that its process does everything. Then the same feed
with one price in a hundred changed, as the next night has it; then levels of stock for all products.
"""

import argparse
import gzip
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit

ITEMS, QUICK = 200_000, 20_000
#: Every fourth product has four variants.
_VARIANTS = 4
BUDGETS: dict[str, str] = {}
SHOP = {
    "shop.toml": '[shop]\nname = "Feed"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n',
    "sources.toml": '[sources.backend]\nkind = "server"\nkey_sha256 = "' + "0" * 64 + '"\n',
    "consent.toml": '[purposes.analytics]\ntext = { de = "Wir zählen Besuche.", en = "We count visits." }\n',
}
_COLOURS = ("rot", "blau", "grün", "weiß")


def main() -> int:
    """Import, import again, set stock."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} items instead of {ITEMS}")
    items = QUICK if parser.parse_args().quick else ITEMS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shop = folder / "shop"
        shop.mkdir()
        for file, text in SHOP.items():
            (shop / file).write_text(text, encoding="utf-8")
        feed = _feed(folder / "feed.xml.gz", items, changed=0)
        first, memory, said, cpu = _imported(shop, feed)
        later, _, _, later_cpu = _imported(shop, _feed(folder / "later.xml.gz", items, changed=100))
        stock = folder / "stock.csv"
        rows = "".join(f"{_product(number)};P{number};{number % 50}\n" for number in range(items))
        stock.write_text("id;sku;Bestand\n" + rows, encoding="utf-8")
        levels, _, _, levels_cpu = _imported(shop, stock)
        figures: dict[str, Any] = {
            "items": items,
            "imported": int(said.split(" items imported")[0].rpartition(" ")[2]),
            "items_per_second": items / first,
            "items_per_second_next_night": items / later,
            "levels_per_second": items / levels,
            "cpu_us_per_item": 1e6 * cpu / items,
            "cpu_us_per_item_next_night": 1e6 * later_cpu / items,
            "cpu_us_per_level": 1e6 * levels_cpu / items,
            "memory_mb": memory,
            "packed_bytes_per_item": feed.stat().st_size / items,
        }
    return 0 if emit("feed", figures, BUDGETS) else 1


def _imported(shop: Path, file: Path) -> tuple[float, float, str, float]:
    """Seconds, peak resident memory in MB, what was said, and seconds of a processor."""
    command = [sys.executable, "-m", "regulars", "import", str(shop), str(file)]
    read, write = os.pipe()
    began = time.perf_counter()
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)]
    )
    os.close(write)
    with os.fdopen(read) as output:
        said = output.read()
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}: {said}")
    return seconds, usage.ru_maxrss / 1024, said, usage.ru_utime + usage.ru_stime


def _product(number: int) -> str:
    group = number // _VARIANTS
    return f"P{number}" if group % 4 else f"G{group}"


def _feed(path: Path, items: int, *, changed: int) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as stream:
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" ')
        stream.write('xmlns:g="http://base.google.com/ns/1.0"><channel><title>Eckladen</title>\n')
        for number in range(items):
            product = _product(number)
            shared = f"<g:item_group_id>{product}</g:item_group_id>" if product.startswith("G") else ""
            price = number % 9_000 + 99 + (1 if changed and number % changed == 0 else 0)
            stream.write(
                f"<item><g:id>P{number}</g:id>{shared}<title>Kessel für Tee &amp; Kräuter Nr. {number}</title>"
                f"<link>https://shop.example/kessel/{number}</link><g:brand>Marke {number % 300}</g:brand>"
                f"<g:image_link>https://shop.example/bilder/{number}.jpg</g:image_link>"
                f"<description>{'Ein Kessel aus Edelstahl, der nicht tropft. ' * 4}</description>"
                f"<g:product_type>Küche &gt; Kessel &gt; Art {number % 90}</g:product_type>"
                f"<g:price>{price / 100:.2f} EUR</g:price><g:availability>in_stock</g:availability>"
                f"<g:color>{_COLOURS[number % 4]}</g:color><g:gtin>{4_000_000_000_000 + number}</g:gtin></item>\n"
            )
        stream.write("</channel></rss>\n")
    return path


if __name__ == "__main__":
    sys.exit(main())
