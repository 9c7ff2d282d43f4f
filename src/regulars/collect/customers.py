"""Rows of a customer file -> identify calls: the record's own id names the person, everything else is a fact.

E-mail and phone of a customer file describe a person and do not name one: a couple shares an address, a number gets a
new owner. They become the facts `contact_email` and `contact_phone`. Who wants them to identify maps them so
(`--map Mail=email`).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.cells import ident, is_empty, moment, plain, wrong
from regulars.collect.columns import CUSTOMER, Columns
from regulars.collect.rows import BadRow, Call, Rows, identified
from regulars.core.errors import Rejected

#: The type of identifier that a column `record_id` fills.
RECORD = "crm_id"


def customers(
    rows: Rows, *, time_zone: str, now: int, types: Collection[str], mapping: Mapping[str, str] | None = None
) -> Iterator[Call | BadRow]:
    """One identify call per row; columns that are neither known nor mapped are left out.

    `types` are the shop's types of identifiers: a column mapped to one of them names the person. `now` (ms) is the time
    of a row that has none.
    """
    columns, zone = Columns(CUSTOMER, mapping), ZoneInfo(time_zone)
    mapped = set((mapping or {}).values())
    for line, row in rows:
        try:
            said = {f: v for c, v in row.items() if not is_empty(v) and (f := columns.field(str(c))) is not None}
            yield Call(line, 1, _call(said, now, zone, {*types} & (mapped | {RECORD})))
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got)


def _call(said: dict[str, Any], now: int, zone: ZoneInfo, types: Collection[str]) -> dict[str, Any]:
    if "record_id" in said:
        said[RECORD] = said.pop("record_id")
    external = [{"type": kind, "id": ident(kind, said.pop(kind))} for kind in sorted(types) if kind in said]
    if not external:
        raise wrong("record_id", "the customer's id in this file", None)
    stated = said.pop("timestamp", None)
    call: dict[str, Any] = {
        "type": "identify",
        "context": {"externalIds": external},
        "traits": {name: str(plain(name, value)) for name, value in said.items()},
    }
    if stated is not None:
        call["timestamp"] = moment("timestamp", stated, zone)
    call = identified(call)  # before a time that is not the row's own, so that a file imported twice counts once
    call.setdefault("timestamp", moment("timestamp", now, zone))
    return call
