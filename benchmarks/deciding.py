"""What a decision costs the processor, by what its row of recommendations asks for: models, rules, both.

In one process and without HTTP, so that figures compare on a machine that does other things, too: processor time, the
median of several rounds. The shop is that of `benchmarks/decide.py`: 3 placements with 300 conditioned offers and one
row of 10 items over 100,000 products. Asked are customers whose history may be used and who have one: others get the
row of everybody, which costs next to nothing. Calls of session models bring three product views along.
"""

import argparse
import gc
import itertools
import random
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture
from benchmarks.decide_models import models_of
from benchmarks.decide_shop import PLACEMENTS, SEVEN_RULES, ready, views
from benchmarks.report import emit
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.definitions import Definitions
from regulars.decide.call import Call
from regulars.flow import generation
from regulars.flow.models import Serving
from regulars.flow.on_decide import OnDecide, Outcome
from regulars.runtime.folder import open_folder
from regulars.shop import load

BUDGETS = {
    "blend_us": "<= 500",
    "blend_rules_us": "<= 700",
    "neighbours_us": "<= 700",
    "neighbours_rules_us": "<= 900",
    "session_blend_us": "<= 1500",
}

CUSTOMERS = 500


class Variant(NamedTuple):
    """What the row asks for."""

    name: str
    recommend: Sequence[str]
    rules: str = ""
    views: int = 0


VARIANTS = (
    Variant("offers", ()),
    Variant("blend", ("blend",)),
    Variant("blend_rules", ("blend",), SEVEN_RULES),
    Variant("neighbours", ("neighbours", "popular"), views=3),
    Variant("neighbours_rules", ("neighbours", "popular"), SEVEN_RULES, views=3),
    Variant("session_blend", ("session_blend", "popular"), views=3),
    Variant("session_blend_rules", ("session_blend", "popular"), SEVEN_RULES, views=3),
)


def main() -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls")
    parser.add_argument("--only", help="some of " + ", ".join(one.name for one in VARIANTS))
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    asked = parser.parse_args()
    only = asked.only.split(",") if asked.only else [one.name for one in VARIANTS]
    made = fixture.fixture()
    models = models_of(made)
    figures: dict[str, float] = {}
    for variant in VARIANTS:
        if variant.name in only:
            with deciding(made, models, variant) as flow:
                if asked.profile:
                    profile(flow, variant)
                else:
                    figures |= measured(flow, variant, 300 if asked.quick else 1_000)
    budgets = {key: what for key, what in BUDGETS.items() if key in figures}
    return 0 if asked.profile or emit("deciding", figures, budgets) or asked.quick else 1


class Told(generation.Serving):
    """The definitions that are given, whatever the fixture's state was built with."""

    def refresh(self) -> bool:
        """Nothing ever changes."""
        return False


@contextmanager
def deciding(made: fixture.Fixture, models: Path, variant: Variant) -> Iterator[OnDecide]:
    """A process that decides, over the fixture itself: nothing is written."""
    shop = ready(made, f"shop-{variant.name}", variant.recommend, variant.rules)
    try:
        definitions: Definitions = load(shop)
        state = SqliteState(open_folder(made.data).state)
        try:
            flow = OnDecide(
                Told(state, definitions),
                state,
                Serving(models),
                monotonic=lambda: time.monotonic_ns() // 1_000_000,
            )
            flow.refresh()
            yield flow
        finally:
            state.close()
    finally:
        shutil.rmtree(shop)


def measured(flow: OnDecide, variant: Variant, count: int, *, rounds: int = 7) -> dict[str, float]:
    """Processor time of a call, µs: the median of the rounds' means, and of single calls the 99th percentile."""
    ask = asking(flow, variant)
    for _ in range(count // 2):
        ask()
    means = []
    single: list[float] = []
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(count):
            before = time.thread_time()
            ask()
            single.append(time.thread_time() - before)
        means.append((time.process_time() - began) / count)
    gc.unfreeze()
    single.sort()
    found = {
        f"{variant.name}_us": 1e6 * statistics.median(means),
        f"{variant.name}_p99_us": 1e6 * single[len(single) * 99 // 100],
    }
    print(", ".join(f"{name} {value:.0f}" for name, value in found.items()), flush=True)
    return found


def profile(flow: OnDecide, variant: Variant) -> None:
    """Where the time of a thousand calls goes."""
    import cProfile
    import pstats

    ask = asking(flow, variant)
    for _ in range(300):
        ask()
    with cProfile.Profile() as found:
        for _ in range(1_000):
            ask()
    print(variant.name)
    pstats.Stats(found).sort_stats("tottime").print_stats(45)


def asking(flow: OnDecide, variant: Variant) -> Any:
    """A call after the other, each of another customer."""
    chance = random.Random(1)
    source = next(one for one in flow.engine.definitions.sources if one.kind == "server")
    serial = itertools.count()

    def ask(number: int) -> Outcome:
        call = Call(
            placements=list(PLACEMENTS if variant.recommend else PLACEMENTS[:3]),
            user_id=fixture.user(number),
            anonymous_id=fixture.device(number),
            events=views(chance, variant.views, f"{next(serial)}"),
        )
        return flow.decide(call, source, now=fixture.NOW)

    customers = list(range(fixture.VISITORS, fixture.PROFILES))
    chance.shuffle(customers)
    personal = (one for one in customers if not variant.recommend or ask(one).answer.rows[-1].personal)
    known = list(itertools.islice(personal, CUSTOMERS))
    return lambda: ask(chance.choice(known))


if __name__ == "__main__":
    sys.exit(main())
