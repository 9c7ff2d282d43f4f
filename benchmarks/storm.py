"""What an attacker's or a broken system's identifiers cost: a million of them for one person, and merges without end.

The whole updater folds them, with a log and a state on disk, a state of its own for each storm:

- `addresses`: one login is named with an e-mail address of its own in every event;
- `devices`: one login is named on a browser of its own in every event;
- `card`: every customer names the same card, as a till does that sends its own;
- `merges`: cards, telephones and addresses of few values are named together in any order, until all hang together;
- `chain`: everybody's telephone is named with their address, and that with the telephone of the next.

Bounded means: the last tenth takes little longer than the first did, whatever came before, and the ledger has one row
for each pair that was named together, however often it was (`links_per_pair`), followed or refused. Each storm has a
process of its own; its memory is the most that it had, a tenth of the events as they came included, less what it began
with.
"""

import argparse
import gc
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from regulars.adapters.log.appending import FileLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.definitions import Definitions, Shop, Source, Trait
from regulars.core.log import EVENTS, NewRecord
from regulars.flow.updater import Updater

NOW = 1_750_000_000_000
DEFINITIONS = Definitions(
    shop=Shop(name="Storm", currency="EUR", time_zone="Europe/Berlin"),
    sources=(Source(id="till", kind="server"),),
    traits=(Trait(name="views", kind="count", events=("Product Viewed",)),),
    strict_plan=False,
)
EVENTS_TOGETHER = 20
LARGEST_ROW = 64_000  # bytes of the row of one identifier
_TENTHS = 10

Named = dict[str, Any]


def addresses(number: int, _chance: random.Random) -> Named:
    """One login, an address of its own each time."""
    return {"userId": "robot-1", "traits": {"email": f"e{number}@storm.example"}}


def devices(number: int, _chance: random.Random) -> Named:
    """One login, a browser of its own each time."""
    return {"userId": "robot-1", "anonymousId": f"browser-{number}"}


def card(number: int, _chance: random.Random) -> Named:
    """A customer each time, always the same card."""
    return {"userId": f"customer-{number}", "context": _external(("loyalty_card", "card-of-the-till"))}


def merges(_number: int, chance: random.Random) -> Named:
    """Two of few identifiers."""
    kinds = [("loyalty_card", "card-{}"), ("phone", "+4917012{:05}"), ("email", "m{}@storm.example")]
    pair = [(kind, form.format(chance.randrange(300))) for kind, form in chance.sample(kinds, 2)]
    return {"context": _external(*pair)}


def chain(number: int, _chance: random.Random) -> Named:
    """A telephone and its address; then that address and the next telephone."""
    link, next_one = divmod(number, 2)
    pair = ("phone", f"+4917{link + next_one:08}"), ("email", f"m{link}@storm.example")
    return {"context": _external(*pair)}


STORMS: dict[str, Callable[[int, random.Random], Named]] = {
    one.__name__: one for one in (addresses, devices, card, merges, chain)
}
BUDGETS = {
    **{f"{name}_slower_at_the_end": "<= 3" for name in STORMS},
    **{f"{name}_memory_mb": "<= 400" for name in STORMS},
    **{f"{name}_largest_row_bytes": f"<= {LARGEST_ROW}" for name in STORMS},
    **{f"{name}_links_per_pair": "<= 1" for name in STORMS},
}


def main() -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10,000 events of each storm instead of a million")
    parser.add_argument("--events", type=int, help="so many of each")
    options = parser.parse_args()
    count = options.events or (10_000 if options.quick else 1_000_000)
    figures: dict[str, float] = {"events": count}
    for name in STORMS:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            figures |= {f"{name}_{what}": value for what, value in process.submit(storm, name, count).result().items()}
    return 0 if emit("storm", figures, BUDGETS) else 1


def storm(name: str, count: int) -> dict[str, float]:
    """Fold one storm."""
    with tempfile.TemporaryDirectory() as folder:
        log, state = FileLog(Path(folder) / "log"), SqliteState(Path(folder) / "state.db")
        updater = Updater(DEFINITIONS, log, state)
        gc.collect()
        before = psutil.Process().memory_info().rss
        seconds = []
        for records in _records(name, count):
            log.append(records)
            began = time.process_time()
            updater.run()
            seconds.append(time.process_time() - began)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        rows = state.select(tables.IDENTIFIER)
        sizes: dict[int, int] = {}
        for row in rows:
            sizes[int(str(row[1]))] = sizes.get(int(str(row[1])), 0) + 1
        links = state.select(tables.LINK)
        refused = sum(str(row[6]).startswith("refused:") for row in links)
        result = {
            "cpu_seconds": sum(seconds),
            "events_per_cpu_second": count / sum(seconds),
            "slower_at_the_end": seconds[-1] / max(seconds[0], 1e-9),
            "memory_mb": (most - before) / 1e6,
            "identifiers": len(rows),
            "identifiers_of_one": max(sizes.values()),
            "largest_row_bytes": max(len(bytes(row[3])) for row in rows),  # type: ignore[arg-type]
            "links_kept": len(links),
            "links_per_pair": len(links) / max(1, len({(row[0], row[1]) for row in links})),
            "refused_share": refused / max(1, len(links)),
        }
        state.close()
        log.close()
        return result


def _records(name: str, count: int) -> Iterator[list[NewRecord]]:
    """The storm in ten parts, as records of many events."""
    make, chance = STORMS[name], random.Random(7)
    for tenth in range(_TENTHS):
        found = []
        for start in range(tenth * count // _TENTHS, (tenth + 1) * count // _TENTHS, EVENTS_TOGETHER):
            batch = [
                {"type": "track", "event": "Product Viewed", "messageId": f"m{number}", **make(number, chance)}
                for number in range(start, start + EVENTS_TOGETHER)
            ]
            for one in batch:
                if "traits" in one:
                    one |= {"type": "identify"}
            found.append(NewRecord(EVENTS, "till", "batch", NOW + start, json.dumps({"batch": batch}).encode()))
        yield found


def _external(*named: tuple[str, str]) -> dict[str, Any]:
    return {
        "externalIds": [{"type": kind, "id": value, "collection": "users", "encoding": "none"} for kind, value in named]
    }


if __name__ == "__main__":
    sys.exit(main())
