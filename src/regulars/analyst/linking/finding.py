"""Learn the model from the records themselves, and score the pairs that it looks at."""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from regulars.analyst.linking.evidence import Pair
from regulars.analyst.linking.model import (
    BLOCKS,
    CERTAIN,
    CERTAIN_RECALL,
    COMPARISONS,
    CROSSED,
    DIFFERS,
    LEARNING,
    SAME,
    Comparison,
    equal_on,
    settings,
    usable,
)
from regulars.core.errors import Misconfigured
from regulars.core.proposal import Reason
from regulars.profile.particulars import FIELDS, Particulars

if TYPE_CHECKING:
    from splink import Linker

#: Fewer records than these teach nothing: the model's own weights serve.
ENOUGH = 500
#: A field that fewer than this share of the records fill is not compared.
FILLED = 0.01
#: A rule that would look at more pairs than this is left out: the value is too frequent to tell anything.
MOST_PAIRS = 20_000_000
#: Pairs of which `u` is learned, drawn with this seed.
SAMPLED_PAIRS, SEED = 1_000_000, 1
#: Told what is being done, and how many steps of how many are done.
Progress = Callable[[str, int, int], None]
Records = Sequence[tuple[str, Particulars]]


class LinkingError(Misconfigured):
    """The package that links is not installed."""


def find(
    records: Records,
    others: Records | None = None,
    *,
    least: float,
    threads: int = 2,
    memory: str = "1GB",
    progress: Progress = lambda *_: None,
) -> list[Pair]:
    """Pairs of records that are one person with at least this probability, surest first.

    Without `others` duplicates within `records` are looked for; with them, pairs of one of each. No example of a right
    answer is needed: how often chance makes two values agree is learned from random pairs, how often one person's
    records agree by expectation maximisation.
    """
    if not records or (others is not None and not others):
        return []
    with _quiet(), duckdb.connect(config={"threads": threads, "memory_limit": memory}) as connection:
        job = _Job(connection, records, others, progress)
        return job.run(least)


class _Job:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, records: Records, others: Records | None, progress: Progress
    ) -> None:
        self.connection = connection
        self.tables = ["left_records"] if others is None else ["left_records", "right_records"]
        self.count = len(records) + len(others or ())
        self.progress = progress
        self.steps, self.done = 4 + len(LEARNING), 0
        for name, held in zip(self.tables, (records, others), strict=False):
            _store(connection, name, held or ())
        self.fields = self._filled()
        self.comparisons = [one for one in COMPARISONS if one.field in self.fields]

    def run(self, least: float) -> list[Pair]:
        self._step("rules")
        rules = self._rules()
        if not rules or not self.comparisons:
            return []
        learned = self.count >= ENOUGH
        found = settings(self.comparisons, rules, link=len(self.tables) > 1, prior=self._prior(), frequencies=learned)
        if learned:
            found = self._learn(found)
        self._step("pairs")
        linker = self._linker(found)
        predicted = linker.inference.predict(threshold_match_probability=least, warning_mode="never")
        self._step("evidence")
        return self._pairs(predicted.physical_name, found)

    def _filled(self) -> set[str]:
        union = " UNION ALL ".join(f"SELECT * FROM {name}" for name in self.tables)  # noqa: S608 - own names
        counts = ", ".join(f"count({field})" for field in FIELDS)
        row = self.connection.execute(f"SELECT {counts} FROM ({union})").fetchone()  # noqa: S608 - own names
        held = dict(zip(FIELDS, row or (), strict=True))
        return {field for field, filled in held.items() if filled >= max(2, FILLED * self.count)}

    def _rules(self) -> list[str]:
        """What pairs must agree on, without the rules that would look at too many."""
        rules = [equal_on(rule) for rule in usable(BLOCKS, self.fields) if self._pairs_of(rule) <= MOST_PAIRS]
        return [*rules, CROSSED] if {"first", "last"} <= self.fields else rules

    def _pairs_of(self, rule: tuple[str, ...]) -> int:
        keys = ", ".join(rule)
        union = " UNION ALL ".join(f"SELECT * FROM {name}" for name in self.tables)  # noqa: S608 - own names
        filled = " AND ".join(f"{part} IS NOT NULL" for part in rule)
        sizes = f"SELECT count(*) AS n FROM ({union}) WHERE {filled} GROUP BY {keys}"  # noqa: S608 - own names
        row = self.connection.execute(f"SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM ({sizes})").fetchone()  # noqa: S608
        return int(row[0]) if row else 0

    def _prior(self) -> float:
        """A guess before anything is learned: one record in ten has a double."""
        return min(0.1 / self.count, 0.01)

    def _linker(self, found: dict[str, Any]) -> "Linker":
        linker_type, api_type = _splink()
        api = api_type(connection=self.connection)
        frames = [api.register(name) for name in self.tables]
        linker: Linker = linker_type(frames, found, log_level=logging.CRITICAL, validate_settings=False)
        return linker

    def _learn(self, found: dict[str, Any]) -> dict[str, Any]:
        """`u` from random pairs, the frequency of duplicates from certain ones, `m` by expectation maximisation."""
        linker = self._linker(found)
        self._step("frequency")
        certain: list[Any] = [equal_on(rule) for rule in usable(CERTAIN, self.fields)]
        if certain:
            linker.training.estimate_probability_two_random_records_match(certain, recall=CERTAIN_RECALL)
        self._step("chance")
        linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED)
        learned: dict[str, Any] = linker.misc.save_model_to_json()
        for rule in LEARNING:
            self._step("learning")
            if not usable([rule], self.fields) or not 0 < self._pairs_of(rule) <= MOST_PAIRS:
                continue
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    equal_on(rule), record_sample_proportion=1.0
                )
                learned = linker.misc.save_model_to_json()
            except ValueError:
                # A level that is never met among few doubles: splink raises amid its work, this block teaches nothing.
                linker = self._linker(learned)
        return _sensible(learned, found)

    def _pairs(self, table: str, found: dict[str, Any]) -> list[Pair]:
        prior = _bits(float(found["probability_two_random_records_match"]))
        columns = ["unique_id_l", "unique_id_r", "match_probability"]
        for one in self.comparisons:
            columns += [f"gamma_{one.field}", f"mw_{one.field}"]
        adjusted = {str(row[0]) for row in self.connection.execute(f"DESCRIBE {table}").fetchall()}
        frequency = [one.field for one in self.comparisons if f"mw_tf_adj_{one.field}" in adjusted]
        columns += [f"mw_tf_adj_{field}" for field in frequency]
        query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - own names
        pairs = []
        for row in self.connection.execute(query).fetchall():
            values = dict(zip(columns, row, strict=True))
            evidence = tuple(self._evidence(one, values) for one in self.comparisons)
            a, b = str(values["unique_id_l"]), str(values["unique_id_r"])
            if len(self.tables) == 1 and a > b:
                a, b = b, a
            pairs.append(Pair(a, b, float(values["match_probability"]), prior, evidence))
        return sorted(pairs, key=lambda pair: (-pair.probability, pair.a, pair.b))

    @staticmethod
    def _evidence(one: Comparison, values: dict[str, Any]) -> Reason:
        gamma = int(values[f"gamma_{one.field}"])
        if gamma < 0:
            return Reason(one.field, "missing", 0.0)
        weight = float(values[f"mw_{one.field}"]) + float(values.get(f"mw_tf_adj_{one.field}") or 0.0)
        # splink counts levels from the farthest, 0.
        return Reason(one.field, one.codes[len(one.codes) - 1 - gamma], round(weight, 3))

    def _step(self, what: str) -> None:
        self.progress(what, self.done, self.steps)
        self.done += 1


def _store(connection: duckdb.DuckDBPyConnection, name: str, records: Records) -> None:
    columns: dict[str, list[str | None]] = {"unique_id": [key for key, _ in records]}
    columns |= {field: [getattr(one, field) for _, one in records] for field in FIELDS}
    schema = pa.schema([(column, pa.string()) for column in columns])
    connection.register("incoming", pa.table(columns, schema=schema))
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608 - own names
    connection.unregister("incoming")


def _sensible(learned: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """The learned model, where it says what a person would: agreement never speaks against, difference never for.

    With few doubles expectation maximisation may take something else for them; such a level keeps its starting value.
    """
    begins = {
        (one["output_column_name"], level["label_for_charts"]): level
        for one in start["comparisons"]
        for level in one["comparison_levels"]
    }
    for one in learned["comparisons"]:
        for level in one["comparison_levels"]:
            if level.get("is_null_level"):
                continue
            begun = begins[one["output_column_name"], level["label_for_charts"]]
            m, u = level.get("m_probability"), level.get("u_probability")
            level["m_probability"] = m = m or begun["m_probability"]
            level["u_probability"] = u = u or begun["u_probability"]
            code = level["label_for_charts"]
            if (code == SAME and m < u) or (code == DIFFERS and m > u):
                level["m_probability"], level["u_probability"] = begun["m_probability"], begun["u_probability"]
    return learned


def _bits(probability: float) -> float:
    return round(math.log2(probability / (1 - probability)), 3)


def _splink() -> tuple[Any, Any]:
    try:
        from splink import Linker
        from splink.backends.duckdb import DuckDBAPI
    except ImportError:
        raise LinkingError(
            "linking records needs the package splink; install it: pip install 'regulars[linking]'"
        ) from None
    return Linker, DuckDBAPI


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing of what the library tells its users concerns ours."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
