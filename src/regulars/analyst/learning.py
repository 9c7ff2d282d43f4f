"""What models may learn from, read from the lake: order lines and visits of persons who agree, and the catalogue."""

from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulars.analyst.work import Workbench
from regulars.core.definitions import Definitions
from regulars.core.record import HOT, Hot, owner_key, part_id
from regulars.core.state import IDENTIFIER, PRODUCT
from regulars.flow.visits import GAP_MS, PURPOSE, not_learned_from
from regulars.profile.policy import products_rank
from regulars.recommend.interactions import Catalogue, Int32, Int64, Interactions
from regulars.recommend.sessions.data import Sessions

_HOT = msgspec.msgpack.Decoder(Hot)


class Lines(NamedTuple):
    """Order lines, and whose they are."""

    interactions: Interactions
    catalogue: Catalogue
    persons: list[str]  # subjects, by `Interactions.person`
    without_consent: int  # lines that were left out


class Visits(NamedTuple):
    """Visits, and whose they are. `Sessions.owner` is a hash of the subject, which names nobody."""

    sessions: Sessions
    catalogue: Catalogue
    subjects: list[str]  # by number of the session
    steps: "Steps"


class Steps(NamedTuple):
    """Events of visits as columns, by subject, then time."""

    places: dict[str, int]  # of subjects
    subject: Int32  # by event, that place
    time: Int64  # ms
    item: Int32

    def running(self, subject: str, before: int, most: int = 20) -> list[int]:
        """What a subject had looked at in the visit of an instant, the oldest first."""
        place = self.places.get(subject)
        if place is None:
            return []
        begin, end = np.searchsorted(self.subject, [place, place + 1]).tolist()
        at = begin + int(np.searchsorted(self.time[begin:end], before))
        latest = before
        found: list[int] = []
        while at > begin and len(found) < most and latest - int(self.time[at - 1]) <= GAP_MS:
            at -= 1
            latest = int(self.time[at])
            found.append(int(self.item[at]))
        return found[::-1]


def read_lines(work: Workbench) -> Lines:
    """The order lines that may be learned from."""
    lines = work.table("order_lines", of_orders(work.definitions))
    lines = lines.filter(pc.and_(pc.is_valid(lines["product_id"]), pc.is_valid(lines["order_id"])))
    everybody = lines.num_rows
    lines = of_those_who_agree(work, lines)
    catalogue = _catalogue(work, lines)
    persons = lines["subject"].combine_chunks().dictionary_encode()
    baskets = lines["order_id"].combine_chunks().dictionary_encode()
    interactions = Interactions(
        person=_integers(persons.indices),
        item=_positions(lines, catalogue),
        basket=_integers(baskets.indices),
        day=_integers(lines["day"].combine_chunks()),
        quantity=np.maximum(np.rint(_numbers(lines["quantity"])), 0).astype(np.int32),
        unit_price=np.rint(_numbers(lines["price"])).astype(np.int64),
    )  # fmt: skip
    return Lines(interactions, catalogue, _texts(persons), everybody - lines.num_rows)


def of_orders(definitions: Definitions, *, since: int | None = None) -> dict[str, Any]:
    """What to ask `order_lines` for: orders (from a day on) that may be learned from, by the best source's word."""
    sources = definitions.sources
    return {
        "currency": definitions.shop.currency,
        "since": since,
        "except_sources": not_learned_from(sources),
        "except_machines": True,
        "browsers": [one.id for one in sources if one.kind == "browser"],
        "ranks": {one.id: products_rank(one) for one in sources},
    }


def read_visits(work: Workbench) -> Visits:
    """The visits that may be learned from: what one subject did without a pause of half an hour."""
    done = work.table(
        "product_events", {"except_sources": not_learned_from(work.definitions.sources), "except_machines": True}
    )
    done = of_those_who_agree(work, done)
    catalogue = _catalogue(work, done)
    subjects = done["subject"].combine_chunks().dictionary_encode()
    names = _texts(subjects)
    who: Int32 = _integers(subjects.indices)
    time: Int64 = pc.cast(done["time"].combine_chunks(), pa.int64()).to_numpy(zero_copy_only=False)
    starts = np.ones(len(who), np.bool_)
    starts[1:] = (who[1:] != who[:-1]) | (time[1:] - time[:-1] > GAP_MS)
    number = np.cumsum(starts) - 1
    keys = np.asarray([owner_key(name) for name in names], np.int64)
    end = np.full(int(starts.sum()), 0, np.int64)
    np.maximum.at(end, number, time)
    order = np.argsort(end, kind="stable")  # that of `Sessions.of`
    sessions = Sessions.of(
        number,
        _positions(done, catalogue),
        time=time,
        kind=_numbers(done["kind"]).astype(np.uint8),
        owner=keys[who] if len(who) else np.empty(0, np.int64),
    )
    by_subject = np.argsort(who, kind="stable")
    places = {name: at for at, name in enumerate(names)}
    steps = Steps(places, who[by_subject], time[by_subject], _positions(done, catalogue)[by_subject])
    return Visits(sessions, catalogue, [names[at] for at in who[starts][order].tolist()], steps)


def _integers(column: Any) -> Any:
    return column.to_numpy(zero_copy_only=False).astype(np.int32)


def _numbers(column: Any) -> Any:
    return pc.fill_null(column.combine_chunks(), 0).to_numpy(zero_copy_only=False)


def of_those_who_agree(work: Workbench, lines: pa.Table) -> pa.Table:
    """The rows (with `subject` and `time`, ms) of persons who agree, of the time that their consent covers."""
    asked = any(purpose.id == PURPOSE for purpose in work.definitions.purposes)
    return lines.filter(_agreed(work, lines, asked=asked))


def _texts(encoded: "pa.DictionaryArray[Any, Any]") -> list[str]:
    return [str(text) for text in encoded.dictionary.to_pylist()]


def _positions(lines: pa.Table, catalogue: Catalogue) -> Int32:
    found: Int32 = _integers(
        pc.index_in(lines["product_id"].combine_chunks(), value_set=pa.array(catalogue.ids, pa.string()))
    )
    return found


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
    place = pc.index_in(lines["subject"].combine_chunks(), value_set=pa.array(subjects, pa.string()))
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
