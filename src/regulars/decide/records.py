"""The compact record of a decision: what cannot be recomputed from the definitions, and nothing else.

Of each placement's candidates only the best is listed with its probability, then `(-1, p)`: the probability of each
other one. Which ones these are follows from the gate codes and the offers chosen before.
"""

from collections.abc import Sequence

import msgspec

from regulars.core.decision import DecisionRecord
from regulars.core.record import Hot
from regulars.decide.arbitration import Chosen
from regulars.decide.decide import Decided, closed_to
from regulars.decide.gates import pack_codes, unpack_codes
from regulars.decide.table import OfferTable

OTHERS = -1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DecisionRecord).decode
_decode_hot = msgspec.msgpack.Decoder(Hot).decode


class Circumstances(msgspec.Struct, frozen=True, gc=False):
    """What a decision knows of itself beside its choices."""

    id: str
    time: int  # ms
    profile: int
    configuration: str
    models: str
    offset: int
    riding: Sequence[str] = ()  # message ids of the events that rode along; they are in the log themselves


def to_record(
    decided: Decided, about: Circumstances, hot: Hot, hot_bytes: bytes, items: Sequence[Sequence[str]]
) -> DecisionRecord:
    """The record; `hot_bytes` is the hot record as the gates saw it, `items` the item ids of each placement."""
    return DecisionRecord(
        id=about.id,
        time=about.time,
        profile=about.profile,
        anchor=hot.anchor,
        seed=decided.seed,
        configuration=about.configuration,
        models=about.models,
        offset=about.offset,
        hot=hot_bytes,
        riding=[message_id.encode() for message_id in about.riding],
        chosen=[
            (slot.placement, slot.chosen.offer, slot.chosen.propensity, slot.chosen.explored, list(shown))
            for slot, shown in zip(decided.slots, items, strict=True)
        ],
        candidates=[_listed(slot.chosen, len(slot.candidates)) for slot in decided.slots],
        gates=pack_codes(decided.codes),
        machine=hot.machine,
    )


def pack(record: DecisionRecord) -> bytes:
    """The body of a log record of kind "decision"."""
    return _encode(record)


def unpack(body: bytes) -> DecisionRecord:
    """The inverse of `pack`."""
    return _decode(body)


def _listed(chosen: Chosen, count: int) -> list[tuple[int, float]]:
    if chosen.best < 0:
        return []
    best = [(chosen.best, chosen.best_propensity)]
    return best if count == 1 else [*best, (OTHERS, chosen.other_propensity)]


def codes_of(record: DecisionRecord, table: OfferTable) -> bytes:
    """One gate code per offer, then those of offers whose condition reads the placement, placement by placement."""
    return unpack_codes(record.gates, len(table.offers) + len(table.per_placement) * len(record.chosen))


def candidates_of(record: DecisionRecord, table: OfferTable) -> list[list[tuple[int, float]]]:
    """(offer, probability of being chosen) of every candidate, per placement; the best first, then by index."""
    codes = codes_of(record, table)
    momentary = {at: place for place, at in enumerate(table.per_placement)}
    closed = closed_to(_decode_hot(record.hot)) if record.hot else frozenset[str]()
    taken: set[int] = set()
    found: list[list[tuple[int, float]]] = []
    for place, (name, offer, *_) in enumerate(record.chosen):
        listed = record.candidates[place]
        everyone: list[tuple[int, float]] = []
        if listed:
            best = listed[0]
            other = listed[1][1] if len(listed) > 1 else 0.0
            base = len(table.offers) + place * len(momentary)
            everyone = [best] + [
                (at, other)
                for at, one in enumerate(table.offers)
                if at != best[0] and at not in taken and name in one.placements
                and not (codes[base + momentary[at]] if at in momentary else codes[at])
                and (name not in closed or at in table.everybodys)
            ]  # fmt: skip
        taken.add(offer)
        found.append(everyone)
    return found
