"""Customer files: the record's own id names the person, everything else is a fact.

E-mail and phone of a customer file describe a person and do not name one: a couple shares an address, a number gets a
new owner. They become the facts `contact_email` and `contact_phone`. Who wants them to identify maps them so
(`--map Mail=email`).
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from regulars.collect.files.cells import ident, is_empty, moment, plain, wrong
from regulars.collect.files.columns import CUSTOMER, Columns
from regulars.collect.files.kind import About, BadRow, Call, FileKind, Payload, Rows, Said, identified
from regulars.core.errors import Rejected

#: The type of identifier that a column `record_id` fills.
RECORD = "crm_id"


def customers(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """One identify call per row; columns that are neither known nor mapped are left out.

    A column mapped to a type of identifier names the person.
    """
    columns = Columns(CUSTOMER, about.mapping)
    types = {*about.types} & ({*about.mapping.values()} | {RECORD})
    for line, row in rows:
        try:
            said = {f: v for c, v in row.items() if not is_empty(v) and (f := columns.field(str(c))) is not None}
            yield Call(line, 1, _call(said, about, types))
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got, ((line, row),))


def _call(said: Said, about: About, types: set[str]) -> Payload:
    if "record_id" in said:
        said[RECORD] = said.pop("record_id")
    external = [{"type": kind, "id": ident(kind, said.pop(kind))} for kind in sorted(types) if kind in said]
    if not external:
        raise wrong("record_id", "the customer's id in this file", None)
    zone = ZoneInfo(about.time_zone)
    stated = said.pop("timestamp", None)
    call: Payload = {
        "type": "identify",
        "context": {"externalIds": external},
        "traits": {name: str(plain(name, value)) for name, value in said.items()},
    }
    if stated is not None:
        call["timestamp"] = moment("timestamp", stated, zone)
    call = identified(call)  # before a time that is not the row's own, so that a file imported twice counts once
    call.setdefault("timestamp", moment("timestamp", about.now, zone))
    return call


def _check(about: About) -> None:
    if RECORD in about.types or {*about.types} & {*about.mapping.values()}:
        return
    raise Rejected(
        f"the ids of a customer file need a type of identifier: add [types.{RECORD}] with kind = 'person' to "
        "identity.toml, or name a type with --map COLUMN=TYPE",
        field="identity.toml",
        expected=RECORD,
        got=", ".join(about.types),
    )


KIND = FileKind(
    name="customers", title="records of customers, one a row", example="customers.csv", event="Identify",
    noun="customers", columns=CUSTOMER, needs=("record_id", "last_name|name|contact_email|contact_phone"),
    calls=customers, check=_check,
)  # fmt: skip
