"""The shop of `fixture_shop.py` with another row of recommendations: other models, seven rules."""

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fixture import Fixture, product
from benchmarks.fixture_shop import PRODUCTS

PLACEMENTS = ("home.hero", "basket.top", "email.weekly", "home.recommended")
_ROW = 'recommend = "blend"\n'

#: One of each kind that shops begin with: bits per item, a boost, a cap, two that look at the customer.
SEVEN_RULES = """
[rules.no_tools]
kind = "exclude"
when = "item.category like 'Tools > %' and not in_segment('s001')"

[rules.stocked]
kind = "in_stock"

[rules.earns]
kind = "margin_floor"
share = 0.05

[rules.own_brand]
kind = "boost"
when = "item.brand = 'Brand 7' or item.brand = 'Brand 8'"
factor = 1.5

[rules.variety]
kind = "diversity"
level = 2
most = 3

[rules.not_again]
kind = "no_repeat"
days = 7

[rules.bought]
kind = "cool_down"
days = 30
"""


def ready(made: Fixture, name: str, recommend: Sequence[str], rules: str) -> Path:
    """A copy of the fixture's shop folder whose row asks these models and obeys these rules; without models its own."""
    folder = made.root / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made.shop, folder)
    placements = folder / "placements.toml"
    text = placements.read_text(encoding="utf-8")
    if _ROW not in text:
        raise SystemExit(f"{placements} has no row that asks the blend; build the fixture again")
    if recommend:
        text = text.replace(_ROW, f"recommend = {json.dumps(list(recommend))}\n")
    placements.write_text(text, encoding="utf-8")
    if rules:
        (folder / "rules.toml").write_text(rules, encoding="utf-8")
    return folder


def views(chance: random.Random, count: int, run: str) -> list[dict[str, Any]]:
    """Product views as a call brings them along, of products that are looked at together."""
    group = int(PRODUCTS ** chance.random()) // 50 * 50
    return [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"riding-{run}-{at}",
            "properties": product(min(group + chance.randrange(50), PRODUCTS - 1)),
        }
        for at in range(count)
    ]


def served_with(data: Path, models: Path) -> None:
    """Let a data folder serve these models."""
    shutil.rmtree(data / "models", ignore_errors=True)
    shutil.copytree(models, data / "models")
