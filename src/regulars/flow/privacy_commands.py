"""Commands on a person's rights: `erase` takes a person out of the state at once and starts what takes longer."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

from regulars.collect.blanking import without_values
from regulars.core import state as tables
from regulars.core.erasure import DONE, Erasure, Stretch
from regulars.core.identifier import is_device, is_person
from regulars.core.lake import Drop
from regulars.core.record import HOT, PERSON, Hot, Person, part_id, profile_number
from regulars.core.state import Changes, Row, StateReader
from regulars.core.traces import spelled_in_text
from regulars.flow import members, visits
from regulars.flow.commanding import Command, Context, Handler, stored_key
from regulars.flow.desk import Desk
from regulars.flow.generation import A, B
from regulars.flow.people import identifier_rows
from regulars.profile import removal
from regulars.profile.assignment import IdRow, profile_of
from regulars.profile.links import holding_in
from regulars.profile.orders import Version

_YEAR_MS = 31_556_952_000  # a mean year
_encode = msgspec.msgpack.Encoder().encode
_VERSIONS = msgspec.msgpack.Decoder(list[Version])


class _Leaving(msgspec.Struct):
    """Who goes: identifiers that are the person's alone, and devices with the stretches in which they were."""

    numbers: set[int]
    keys: set[str]
    shared: dict[str, list[Stretch]]
    rows: dict[str, IdRow]

    def owned(self, key: str, time: int) -> bool:
        """Whether what a key said at a time (ms) was the person's."""
        if key in self.keys:
            return True
        return any(one.holds(time, 0) for one in self.shared.get(key, ()))


def erase(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Erase the person behind an identifier: {"identifier", "reason"}; "id" and "again" when a backup was put back.

    What the state holds goes in this transaction. Lake, profile table, log and files follow in phases (`core.erasure`).
    """
    key = stored_key(command.args.get("identifier"), context)
    number = profile_of(key, context.record.time, identifier_rows(context.state, [key]))
    # A key that nobody has seen is its own: others may still have named it.
    leaving = _who([number], context) if number is not None else _Leaving({profile_number(key)}, {key}, {}, {})
    offset, time = context.record.offset, context.record.time
    erasure = Erasure(
        id=str(command.args.get("id") or f"e{time:x}-{offset}"),
        offset=offset,
        requested_at=int(command.args.get("at") or time),
        by=command.by,
        reason=_reason(command.args.get("reason"), leaving),
        known=number is not None and context.state.get(context.tables.part, part_id(number, HOT)) is not None,
        again=command.args.get("again") is True,
    )
    _take_out(leaving, erasure, context, changes)
    return {"id": erasure.id, "known": erasure.known, "phase": erasure.phase}


def erase_profiles(
    context: Context, numbers: Sequence[int], changes: Changes, *, place: int, by: str, reason: str
) -> str:
    """Erase several profiles as one erasure, the `place`th of this record, by a rule or for a shop; its id."""
    record = context.record
    erasure = Erasure(
        id=f"e{record.time:x}-{record.offset}-{place}",
        offset=record.offset,
        requested_at=record.time,
        by=by,
        reason=reason,
    )
    _take_out(_who(numbers, context), erasure, context, changes)
    return erasure.id


def _take_out(leaving: _Leaving, erasure: Erasure, context: Context, changes: Changes) -> None:
    """What the state holds, and the rows that say what is to follow."""
    removed, offset = erasure.removed, erasure.offset
    _take_out_record(leaving, context, changes, removed)
    _take_out_identity(leaving, context.state, changes, removed)
    _take_out_orders(leaving, erasure, context, changes)
    _take_out_places(leaving, context, changes)
    visits.unlearn(context.state, changes, [*leaving.keys, *leaving.shared], offset=offset)
    for one in sorted(leaving.keys):
        changes.put(tables.ERASING, (one, erasure.id, offset, _encode([])))
    for device, stretches in leaving.shared.items():
        earlier = _still_leaving(context.state.get(tables.ERASING, device))
        changes.put(tables.ERASING, (device, erasure.id, offset, _encode([*earlier, *stretches])))
    changes.put(tables.ERASURE, (erasure.id, offset, erasure.phase, _encode(erasure)))


def _still_leaving(row: Row | None) -> list[Stretch]:
    """What another erasure is still at of a device that somebody uses again: it goes with the one of now."""
    if row is None:
        return []
    until = cast(int, row[2])
    stretches = _STRETCHES.decode(cast(bytes, row[3])) or [Stretch(None, None)]  # none: the whole device
    return [one if one.offset is not None else msgspec.structs.replace(one, offset=until) for one in stretches]


def note_erasure(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Take up an erasure of the ledger whose person this state does not know: {"id", "at", "reason", "identifiers"}."""
    args, offset = command.args, context.record.offset
    erasure = Erasure(
        id=str(args["id"]),
        offset=offset,
        requested_at=int(args["at"]),
        by=command.by,
        reason=str(args.get("reason") or ""),
        phase=DONE,
        finished_at=context.record.time,
        known=False,
        identifiers=[str(one) for one in args.get("identifiers") or ()],
        again=True,
    )
    changes.put(tables.ERASURE, (erasure.id, offset, erasure.phase, _encode(erasure)))
    return {"id": erasure.id, "known": False, "phase": erasure.phase}


def _reason(value: object, leaving: _Leaving) -> str:
    """Why, without the identifiers themselves: the certificate stays."""
    text = str(value or "")[:500]
    for key in (*leaving.keys, *leaving.shared):
        spelled = key.partition(":")[2]
        text = text.replace(key, "…").replace(spelled, "…") if len(spelled) > 2 else text.replace(key, "…")
    return text


def _who(numbers: Iterable[int], context: Context) -> _Leaving:
    """The people of these profiles, as of now."""
    state, identity = context.state, context.engine.definitions.identity
    leaving = _Leaving(set(numbers), set(), {}, {})
    devices_of: dict[int, tuple[bool, set[str]]] = {}
    for number in sorted(leaving.numbers):
        rows = {cast(str, row[0]): cast(IdRow, row) for row in state.select(tables.IDENTIFIER, {"profile": number})}
        persons = {one for one in rows if is_person(one, identity)}
        devices = {one for one in rows if one not in persons}
        for person in persons:
            linked = {str(row[1]) for row in state.select(tables.LINK, {"a": person})}
            devices |= {one for one in linked if is_device(one, identity)}
        rows.update(cast(dict[str, IdRow], state.many(tables.IDENTIFIER, devices - rows.keys())))
        leaving.rows.update(rows)
        leaving.keys |= persons
        devices_of[number] = bool(persons), devices & rows.keys()
    people = frozenset(leaving.keys)
    for named, devices in devices_of.values():
        for device in sorted(devices):
            holding = holding_in(leaving.rows[device][3])
            if named and removal.shared(holding, people):
                found = removal.stretches(holding, people)
                if found:
                    leaving.shared[device] = found
            elif leaving.rows[device][1] in leaving.numbers:
                leaving.keys.add(device)
    leaving.numbers |= {profile_number(one) for one in leaving.keys}
    return leaving


def _take_out_record(leaving: _Leaving, context: Context, changes: Changes, removed: dict[str, int]) -> None:
    """The record with memberships, due day and sums that count profiles; parts that devices have of their own."""
    desk = Desk(context.engine, context.state, changes, context.tables)
    for number in sorted(leaving.numbers):
        if desk.find(number) is not None:
            removed["profiles"] = removed.get("profiles", 0) + 1
        desk.drop(number)
        ids = [part_id(number, part) for part in range(16)]
        removed["parts"] = removed.get("parts", 0) + len(context.state.parts(ids, context.tables.part))
        for one in ids:
            changes.delete(context.tables.part, one)
        changes.delete(tables.REDIRECT, number)
    desk.store(context.record.offset)


def _take_out_identity(leaving: _Leaving, state: StateReader, changes: Changes, removed: dict[str, int]) -> None:
    """Identifiers, links and consent statements; others lose what they know of the person."""
    links = {
        tuple(row[:4]): row
        for key in leaving.keys
        for row in (*state.select(tables.LINK, {"a": key}), *state.select(tables.LINK, {"b": key}))
    }
    others: set[str] = set()
    for place, row in links.items():
        changes.delete(tables.LINK, cast(tuple[str, str, int, str], place))
        others |= {str(row[0]), str(row[1])} - leaving.keys
    said = 0
    for key in leaving.keys:
        for row in state.select(tables.REQUEST, {"subject": key}):
            changes.delete(tables.REQUEST, str(row[0]))
        for row in state.select(tables.GROUPED, {"member": key}):
            changes.delete(tables.GROUPED, (key, str(row[1])))
        for row in (*state.select(tables.PROPOSAL, {"a": key}), *state.select(tables.PROPOSAL, {"b": key})):
            changes.delete(tables.PROPOSAL, (str(row[0]), str(row[1])))
    for key in (*leaving.keys, *leaving.shared):
        for row in state.select(tables.CONSENT, {"identifier": key}):
            if leaving.owned(key, cast(int, row[2])):
                changes.delete(tables.CONSENT, cast(tuple[str, str, int, str], tuple(row[:4])))
                said += 1
        if key in leaving.keys and (key in leaving.rows or state.get(tables.IDENTIFIER, key) is not None):
            changes.delete(tables.IDENTIFIER, key)
    removed["identifiers"] = len(leaving.keys & leaving.rows.keys())
    removed["links"], removed["consent_statements"] = len(links), said
    _mend_others(others | leaving.shared.keys(), leaving, state, changes)


def _mend_others(others: Iterable[str], leaving: _Leaving, state: StateReader, changes: Changes) -> None:
    for key, row in cast(dict[str, IdRow], state.many(tables.IDENTIFIER, others)).items():
        if key in leaving.shared:
            holding = holding_in(row[3])
            first = next(one for _, one in holding.runs() if one not in leaving.keys)
            holder = cast("IdRow | None", state.get(tables.IDENTIFIER, first))
            mended = removal.device_without(row, leaving.keys, None if holder is None else holder[1])
        else:
            mended = removal.person_without(row, leaving.keys)
        if mended != row:
            changes.put(tables.IDENTIFIER, mended)
            if mended[1] != row[1]:
                _list_device(key, mended[1], state, changes)


def _list_device(device: str, number: int, state: StateReader, changes: Changes) -> None:
    """A device that passes on to its next holder stands among their identifiers from now on."""
    part = part_id(number, PERSON)
    for generation in (A, B):
        pending = changes.puts.get(generation.part.name, {}).get(part)
        data = pending[1] if pending is not None else state.parts([part], generation.part).get(part)
        if data is not None:
            person = _PERSON.decode(cast(bytes, data))
            person.identifiers = sorted({*person.identifiers, device})
            changes.put(generation.part, (part, _encode(person)))


def _take_out_orders(leaving: _Leaving, erasure: Erasure, context: Context, changes: Changes) -> None:
    """The person's orders. Where the law keeps them they stay as facts of nobody, without what names a person."""
    years = context.engine.definitions.shop.keep_orders_years
    oldest = context.record.time - years * _YEAR_MS
    gone = 0
    for number in sorted(leaving.numbers):
        for row in context.state.select(tables.ORDER, {"profile": number}):
            if years and cast(int, row[2]) >= oldest:
                changes.put(tables.ORDER, (row[0], 0, *row[2:6], _anonymous(cast(bytes, row[6]))))
                erasure.orders_kept += 1
            else:
                changes.delete(tables.ORDER, cast(str, row[0]))
                gone += 1
    erasure.removed["orders"] = gone


#: What of an order the law asks for: amounts and goods, not people.
_KEPT = (
    "order_id", "total", "revenue", "value", "subtotal", "tax", "shipping", "discount", "coupon", "currency",
    "products", "one_by_one", "refund_id", "refund", "amount",
)  # fmt: skip


def _anonymous(data: bytes) -> bytes:
    """The versions of an order with amounts and goods only."""
    return _encode(
        [
            msgspec.structs.replace(
                version, by="", properties={k: v for k, v in version.properties.items() if k in _KEPT}
            )
            for version in _VERSIONS.decode(data)
        ]
    )


def _take_out_places(leaving: _Leaving, context: Context, changes: Changes) -> None:
    """The index of where the person's events stand in the log, and what waits to be admitted of them."""
    subjects = [*leaving.keys, *leaving.shared]
    waiting = {(cast(int, row[0]), cast(int, row[1])) for row in context.state.select(tables.LATE)}
    if waiting:
        for place in context.history.places(subjects):
            if place in waiting:
                changes.delete(tables.LATE, place)
    for key in leaving.keys:
        changes.delete(tables.DEVICE_CLOCK, key)
    step = context.history.forget(sorted(leaving.keys))
    step.write(changes)
    context.after.append(step.accept)


def drops(state: StateReader, erasure: Erasure) -> list[Drop]:
    """What of the lake goes, as far as the state still knows the identifiers."""
    rows = state.select(tables.ERASING, {"erasure": erasure.id})
    whole: list[str] = []
    found: list[Drop] = []
    for row in rows:
        stretches = _STRETCHES.decode(cast(bytes, row[3]))
        if not stretches:
            whole.append(str(row[0]))
        # Bounded on both sides, so that the device stays in the events of those who use it now.
        found += [
            Drop(
                subjects=(str(row[0]),),
                since=s.since or 0,
                before=s.before or 1 << 62,
                offset=erasure.offset if s.offset is None else s.offset,
            )
            for s in stretches
        ]
    return [Drop(subjects=tuple(sorted(whole)), offset=erasure.offset), *found] if whole else found


def clean_facts(state: StateReader, numbers: Iterable[int], keys: Iterable[str]) -> Changes:
    """The facts of other profiles without the values of erased identifiers, as the profiles are now."""
    keys = list(keys)
    wanted, spelled = {key.partition(":")[2].casefold() for key in keys}, spelled_in_text(keys)
    changes = Changes()
    for number in numbers:
        for table in (tables.PART, tables.PART_B):
            stored = state.parts([part_id(number, HOT), part_id(number, PERSON)], table)
            if (data := stored.get(part_id(number, PERSON))) is not None:
                person = _PERSON.decode(data)
                person.facts = without_values(person.facts, wanted, spelled)
                changes.put(table, (part_id(number, PERSON), _encode(person)))
            if (data := stored.get(part_id(number, HOT))) is not None:
                hot = _HOT.decode(data)
                hot.facts = without_values(hot.facts, wanted, spelled)
                changes.put(table, (part_id(number, HOT), _encode(hot)))
    return changes


def forget_moves(state: StateReader, keys: Iterable[str]) -> Changes:
    """Moves between segments that wait, without the profiles of erased identifiers; not of those who came back."""
    numbers = {profile_number(key) for key in keys}
    changes = Changes()
    for generation in (A, B):
        back = state.parts([part_id(number, HOT) for number in numbers], generation.part)
        members.forget(state, generation, numbers - {one >> 4 for one in back}, changes)
    return changes


def erasures(state: StateReader) -> list[Erasure]:
    """Those that are not through, in the order in which they were asked for."""
    rows = state.select(tables.ERASURE, order=("offset",))
    return [_ERASURE.decode(cast(bytes, row[3])) for row in rows if row[2] != DONE]


_HOT, _PERSON = msgspec.msgpack.Decoder(Hot), msgspec.msgpack.Decoder(Person)
_STRETCHES = msgspec.msgpack.Decoder(list[Stretch])
_ERASURE = msgspec.msgpack.Decoder(Erasure)

HANDLERS: dict[str, Handler] = {"erase": erase, "note_erasure": note_erasure}
