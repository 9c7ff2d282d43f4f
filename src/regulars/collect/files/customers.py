"""Customer files: the record's own id names the person, everything else is a fact, and what they agreed to a consent.

E-mail and phone of a customer file describe a person and do not name one: a couple shares an address, a number gets a
new owner. They become the facts `contact_email` and `contact_phone`. Who wants them to identify maps them so
(`--map Mail=email`). A column mapped to `consent:PURPOSE` holds yes or no, one mapped to `consent_time:PURPOSE` when
that was said; any other fact is `trait:NAME`.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files.cells import ident, is_empty, moment, plain, wrong, yes_or_no
from regulars.collect.files.columns import CUSTOMER, Columns
from regulars.collect.files.kind import About, BadRow, Call, FileKind, Payload, Rows, Said, identified
from regulars.core.errors import Rejected
from regulars.core.event import CONSENT

#: The type of identifier that a column `record_id` fills.
RECORD = "crm_id"
_TRAIT, _CONSENT, _CONSENT_TIME = "trait:", "consent:", "consent_time:"
_OPTIONS = {
    "consent_method": "how the customers agreed, as the proof says it: paper form, call centre, …",
    "consent_text_version": "the version of the words that they agreed to",
}


def customers(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """An identify call per row, and one for each purpose; columns neither known nor mapped are left out.

    Each of them fails alone: a birth date that is none costs no consent.
    """
    columns = Columns(CUSTOMER, about.mapping)
    types = {*about.types} & ({*about.mapping.values()} | {RECORD})
    asked = sorted({f.removeprefix(_CONSENT) for f in about.mapping.values() if f.startswith(_CONSENT)})
    makes: list[Callable[[Said, About, set[str]], Payload | None]] = [_facts]
    makes += [partial(_consent, purpose=purpose) for purpose in asked]
    for line, row in rows:
        for part, make in enumerate(makes):
            try:
                said = {f: v for c, v in row.items() if not is_empty(v) and (f := columns.field(str(c)))}
                payload = make(said, about, types)
            except Rejected as error:
                yield BadRow(line, error.field, error.expected, error.got, ((line, row),), part)
                continue
            if payload is not None:
                yield Call(line, 1, payload, part)


def _facts(said: Said, about: About, types: set[str]) -> Payload:
    external, stated = _who(said, types), said.pop("timestamp", None)
    facts = {name: value for name, value in said.items() if not name.startswith((_CONSENT, _CONSENT_TIME))}
    call: Payload = {
        "type": "identify",
        "context": {"externalIds": external},
        "traits": {name.removeprefix(_TRAIT): str(plain(name, value)) for name, value in facts.items()},
    }
    if stated is not None:
        call["timestamp"] = moment("timestamp", stated, ZoneInfo(about.time_zone))
    return _timed(call, about)


def _consent(said: Said, about: About, types: set[str], *, purpose: str) -> Payload | None:
    """What the row says of one purpose, as of when it was said.

    A yes without a time is none: the same file, imported again, would undo what the customer has withdrawn since.
    """
    answer = said.get(_CONSENT + purpose)
    if answer is None:
        return None
    granted = yes_or_no(_CONSENT + purpose, answer)
    stated = said.get(_CONSENT_TIME + purpose, said.get("timestamp"))
    if granted and stated is None:
        raise wrong(_CONSENT_TIME + purpose, "when the customer agreed", None)
    told: dict[str, Any] = {"purposes": {purpose: granted}}
    told["method"] = about.options.get("consent_method", "customer file")
    if "consent_text_version" in about.options:
        told["text_version"] = about.options["consent_text_version"]
    external = _who(said, types)
    call: Payload = {"type": "track", "event": CONSENT, "context": {"externalIds": external}, "properties": told}
    if stated is not None:
        call["timestamp"] = moment(_CONSENT_TIME + purpose, stated, ZoneInfo(about.time_zone))
    return _timed(call, about)


def _who(said: Said, types: set[str]) -> list[dict[str, str]]:
    if "record_id" in said:
        said[RECORD] = said.pop("record_id")
    external = [{"type": kind, "id": ident(kind, said.pop(kind))} for kind in sorted(types) if kind in said]
    if not external:
        raise wrong("record_id", "the customer's id in this file", None)
    return external


def _timed(call: Payload, about: About) -> Payload:
    """With a message id from before a time that is not the row's own: a file imported twice counts once."""
    call = identified(call)
    call.setdefault("timestamp", moment("timestamp", about.now, ZoneInfo(about.time_zone)))
    return call


def _check(about: About) -> None:
    unknown = [
        f for f in about.mapping.values() if f.startswith(_CONSENT) and f.removeprefix(_CONSENT) not in about.purposes
    ]
    if unknown:
        raise Rejected(
            f"{unknown[0]!r} names no purpose of consent.toml",
            field="--map",
            expected=", ".join(_CONSENT + one for one in about.purposes) or "a purpose in consent.toml",
            got=unknown[0],
        )
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
    name="customers", title="records of customers, one a row", example="customers.csv --mapping crm.toml",
    event="Identify", noun="customers", columns=CUSTOMER,
    needs=("record_id", "last_name|name|contact_email|contact_phone"), calls=customers, check=_check,
    keeps_others=False, options=_OPTIONS,
    others="a type of identifier, trait:NAME, consent:PURPOSE, consent_time:PURPOSE",
)  # fmt: skip
