"""De-duplication with 100,000,000 message ids: bytes for each, and look-ups with inserts a second.

The product's own index (`collect.dedup.SeenIndex`) in a state of its own on disk is filled through its own way, batch
by batch as folding does it: `fold`, `write`, one transaction with fsync, `accept`. The ids spread over 6.9 days of
receipt, so nothing is forgotten. Keys are the 128 bits of a permutation of the counting numbers instead of hashes of
texts; what hashing costs is measured apart and added to each. At the end batches are folded of which a tenth are
repeats from the whole time: every repeat must be told and nothing else, or the benchmark fails. `--quick` uses a tenth
of the ids and says so in `keys`.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from regulars.adapters.state.sqlite import SqliteState, SqliteStateReader
from regulars.collect.dedup import DAY_MS, KIND, SeenIndex, keys_of, locate_stored
from regulars.core.state import FOLDED, RUN, Changes
from regulars.flow.updater import stored_runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit

KEYS, QUICK_KEYS = 100_000_000, 10_000_000
BATCH = 20_000
MEASURED = 50  # batches at the end with repeats
REPEATS = 10  # one in so many of them
BUDGETS = {
    "wrong_verdicts": "== 0",
    "disk_bytes_per_key": "<= 40",
    "memory_bytes_per_key": "<= 4",
    "filled_keys_per_second": ">= 100000",
    "folded_keys_per_second": ">= 20000",
}
_START = 1_700_000_000_000
U64 = npt.NDArray[np.uint64]


def main() -> int:
    """Fill, measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KEYS:,} ids instead of {KEYS:,}")
    parser.add_argument("--keys", type=int, help="another number of ids")
    arguments = parser.parse_args()
    keys = arguments.keys or (QUICK_KEYS if arguments.quick else KEYS)
    with tempfile.TemporaryDirectory(prefix="regulars-dedup-") as folder:
        figures = measured(keys, Path(folder) / "state.db")
    return 0 if emit("dedup", figures, BUDGETS) else 1


def measured(keys: int, path: Path) -> dict[str, float]:
    """The figures with so many ids."""
    state = SqliteState(path)
    empty = psutil.Process().memory_info().rss

    def page(kind: str, level: int, seq: int) -> bytes:
        row = state.get(RUN, (kind, level, seq))
        if row is None:
            raise LookupError(f"run {kind}/{level}/{seq} is missing")
        return bytes(row[3])  # type: ignore[arg-type]  # a blob

    index = SeenIndex(page)
    batches = keys // BATCH
    wrong, slowest = 0, 0.0
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(batches):
        start = time.perf_counter()
        wrong += int(fold(index, state, key_of(np.arange(number * BATCH, (number + 1) * BATCH)), number, batches).sum())
        slowest = max(slowest, time.perf_counter() - start)
        if number % max(batches // 10, 1) == 0:
            print(f"{number * BATCH:,} ids after {time.perf_counter() - began:.0f} s", flush=True)
    filled, filled_cpu = time.perf_counter() - began, time.process_time() - cpu
    chance = np.random.default_rng(7)
    times: list[float] = []
    cpu = time.process_time()
    for number in range(batches, batches + MEASURED):
        numbers = np.arange(number * BATCH, (number + 1) * BATCH)
        repeated = np.arange(BATCH) % REPEATS == 0
        numbers[repeated] = chance.choice(batches * BATCH, int(repeated.sum()), replace=False)
        start = time.perf_counter()
        wrong += int((fold(index, state, key_of(numbers), number, batches + MEASURED) != repeated).sum())
        times.append(time.perf_counter() - start)
    cpu = time.process_time() - cpu
    state.checkpoint()
    hashing = hashing_seconds()
    memory = psutil.Process().memory_info().rss
    one = looked_up(path, 2000)
    begun = time.perf_counter()
    SeenIndex(page).load(stored_runs(state, KIND))
    loaded = time.perf_counter() - begun
    total = keys + MEASURED * BATCH * (REPEATS - 1) // REPEATS
    figures = {
        "keys": keys,
        "wrong_verdicts": wrong,
        "disk_bytes_per_key": state.size()["database"] / total,
        "memory_bytes_per_key": index.memory() / total,
        "process_bytes_per_key": max(memory - empty, 0) / total,
        "filled_keys_per_second": keys / (filled + keys * hashing),
        "fill_cpu_us_per_key": (filled_cpu / keys + hashing) * 1e6,
        "folded_keys_per_second": MEASURED * BATCH / (sum(times) + MEASURED * BATCH * hashing),
        "folded_cpu_us_per_key": (cpu / (MEASURED * BATCH) + hashing) * 1e6,
        "slowest_batch_ms": slowest * 1000,
        "hashing_us_per_key": hashing * 1e6,
        "trace_look_up_ms": one * 1000,
        "load_seconds": loaded,
    }
    state.close()
    return figures


def fold(index: SeenIndex, state: SqliteState, keys: U64, number: int, batches: int) -> npt.NDArray[np.bool_]:
    """One batch as folding takes it; which of the keys came before."""
    received = _START + int(6.9 * DAY_MS * number / batches)
    step = index.fold(keys, np.full(len(keys), number + 1), np.arange(len(keys)), received_at=received)
    changes = Changes()
    step.write(changes)
    state.commit(changes, meta={FOLDED: number + 1})
    step.accept()
    return step.duplicates


def key_of(numbers: npt.NDArray[np.int64]) -> U64:
    """128 bits for each number, no two alike: two rounds of splitmix64 (Steele, Lea, Flood 2014)."""
    upper = _mixed(numbers.astype(np.uint64))
    return np.stack((upper, _mixed(upper ^ np.uint64(0xA5A5A5A5A5A5A5A5))), axis=1)


def _mixed(z: U64) -> U64:
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hashing_seconds() -> float:
    """What the hash of one message id of usual length costs."""
    ids = [("web", f"ajs-next-1512032400250-{number:032x}") for number in range(BATCH)]
    start = time.perf_counter()
    keys_of(ids)
    return (time.perf_counter() - start) / BATCH


def looked_up(path: Path, count: int) -> float:
    """Seconds for one look-up of an unknown id by a reader beside the writer, as `regulars trace` does it."""
    reader = SqliteStateReader(path)
    levels = sorted({int(row[1] or 0) for row in _levels(reader)})

    def page_at(level: int, seq: int) -> tuple[int, bytes] | None:
        below = {} if seq >= (1 << 63) - 1 else {"seq": seq + 1}
        found = reader.select(RUN, {"kind": KIND, "level": level}, below=below, order=("-seq",), limit=1)
        return (int(found[0][2] or 0), bytes(found[0][3])) if found else None  # type: ignore[arg-type]  # a blob

    start = time.perf_counter()
    for number in range(count):
        locate_stored("web", f"nobody-{number}", levels, page_at)
    seconds = (time.perf_counter() - start) / count
    reader.close()
    return seconds


def _levels(reader: SqliteStateReader) -> list[tuple[object, int]]:
    found: list[tuple[object, int]] = []
    level = 0
    while rows_ := reader.select(RUN, {"kind": KIND}, at_least={"level": level}, order=("level",), limit=1):
        found.append((None, int(rows_[0][1] or 0)))
        level = found[-1][1] + 1
    return found


if __name__ == "__main__":
    sys.exit(main())
