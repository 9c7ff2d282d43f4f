"""Train the recommendation models from the lake's order lines, in the child process."""

import time
from collections.abc import Iterable
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulars.analyst.work import Workbench
from regulars.core.definitions import Source
from regulars.core.record import HOT, Hot, part_id
from regulars.core.state import IDENTIFIER, PRODUCT
from regulars.flow.models import point, recommend_folder
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.store import save
from regulars.recommend.training import Settings, train

#: Learning from a person's orders needs this purpose where the shop has it: the contract covers the order alone.
PURPOSE = "personalisation"
_HOT = msgspec.msgpack.Decoder(Hot)


def train_recommendations(work: Workbench) -> dict[str, Any]:
    """Train, evaluate on the last weeks, save and let serve; the figures."""
    began = time.monotonic()
    currency = work.definitions.shop.currency
    limited = not_learned_from(work.definitions.sources)
    lines = work.table("order_lines", {"currency": currency, "except_sources": limited})
    lines = lines.filter(pc.and_(pc.is_valid(lines["product_id"]), pc.is_valid(lines["order_id"])))
    asked = any(purpose.id == PURPOSE for purpose in work.definitions.purposes)
    everybody = lines.num_rows
    lines = lines.filter(_agreed(work, lines, asked=asked))
    catalogue = _catalogue(work, lines)
    persons = lines["subject"].combine_chunks().dictionary_encode()
    baskets = lines["order_id"].combine_chunks().dictionary_encode()
    position = pa.array(catalogue.ids)
    interactions = Interactions(
        person=_integers(persons.indices),
        item=_integers(pc.index_in(lines["product_id"].combine_chunks(), value_set=position)),
        basket=_integers(baskets.indices),
        day=_integers(lines["day"].combine_chunks()),
        quantity=np.maximum(np.rint(_numbers(lines["quantity"])), 0).astype(np.int32),
        unit_price=np.rint(_numbers(lines["price"])).astype(np.int64),
    )  # fmt: skip
    trained = train(interactions, catalogue, Settings())
    models = work.data / "models"
    folder = recommend_folder(models)
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time_ns() // 1_000_000
    name = f"v{now}"
    manifest = save(trained, folder / name, trained_at=now)
    point(models, name)
    return {
        "version": name,
        "lines": len(interactions),
        "lines_without_consent": everybody - lines.num_rows,
        "persons": len(persons.dictionary),
        "products": len(catalogue),
        "seconds": round(time.monotonic() - began, 1),
        "evaluation": msgspec.to_builtins(manifest.evaluation) if manifest.evaluation is not None else None,
    }


def not_learned_from(sources: Iterable[Source]) -> list[str]:
    """Sources whose events may not be used to recommend, or only those that say so themselves."""
    return [
        one.id
        for one in sources
        if one.partner or one.consent == "required" or (one.purposes is not None and PURPOSE not in one.purposes)
    ]


def _integers(column: Any) -> Any:
    return column.to_numpy(zero_copy_only=False).astype(np.int32)


def _numbers(column: Any) -> Any:
    return pc.fill_null(column.combine_chunks(), 0).to_numpy(zero_copy_only=False)


def _agreed(work: Workbench, lines: pa.Table, *, asked: bool) -> Any:
    """Which lines may be learned from: those of persons who agree, from the time on that their consent covers.

    Where the shop asks nobody, those of everybody who does not want to be left alone.
    """
    subjects = [str(subject) for subject in pc.unique(lines["subject"].combine_chunks()).to_pylist()]
    rows = work.state.many(IDENTIFIER, subjects)
    numbers = {key: cast(int, row[1]) for key, row in rows.items()}
    hots = work.state.parts([part_id(number, HOT) for number in set(numbers.values())], work.part)
    since = {key >> 4: _begin(_HOT.decode(data), asked=asked) for key, data in hots.items()}
    never = 1 << 62
    unknown = None if asked else 0
    begin = [since.get(numbers.get(subject, -1), unknown) for subject in subjects]
    starts = pa.array([never if start is None else start for start in begin], pa.int64())
    place = pc.index_in(lines["subject"].combine_chunks(), value_set=pa.array(subjects))
    return pc.greater_equal(pc.cast(lines["time"].combine_chunks(), pa.int64()), pc.take(starts, place))


def _begin(hot: Hot, *, asked: bool) -> int | None:
    """From when on a person's lines count, ms; None: never."""
    if asked:
        return hot.consent.get(PURPOSE)
    return None if hot.restricted else 0


def _catalogue(work: Workbench, lines: pa.Table) -> Catalogue:
    """Every product of the catalogue, and those that were sold without being in it."""
    products = {str(row[0]): str(row[2] or "") for row in work.state.select(PRODUCT)}
    for product in pc.unique(lines["product_id"].combine_chunks()).to_pylist():
        products.setdefault(str(product), "")
    return Catalogue.of(sorted(products.items()))
