"""Commands about requests that shop systems pass on and staff answer: noting one, and closing it."""

from typing import Any

from regulars.core.errors import Rejected
from regulars.core.state import ACCESS, REQUEST, Changes
from regulars.flow.commanding import Command, Context, Handler, stored_key
from regulars.flow.people import identifier_rows
from regulars.flow.shop_erasure import ERASING, begin
from regulars.profile.assignment import profile_of

#: What is asked for, and how the log of looks at customers calls it.
KINDS = {"access": "asks for access", "shop_erasure": "asks to erase the shop"}
OPEN, CLOSED = "open", "closed"
_LONGEST_SHOP = 200
#: How long there is for an answer (Article 12 of the GDPR; Shopify asks for the same); days.
DAYS = 30
_NOTE = 500


def note_request(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Note a request once, whatever became of it: {"id", "kind", "identifiers", "shop"}; `shop` as it calls itself."""
    args, record = command.args, context.record
    kind = args.get("kind")
    if kind not in KINDS:
        raise Rejected(f"{kind!r} cannot be asked for", field="kind", expected=", ".join(KINDS), got=repr(kind))
    name = f"{command.by}:{args.get('id')}".replace("/", "-")[:256]
    if context.state.get(REQUEST, name) is not None:
        return {"id": name, "noted": False}
    subject = _subject(context, args.get("identifiers")) if kind == "access" else _shop(args, command.by)
    changes.put(ACCESS, (record.offset, record.time, command.by, KINDS[kind], subject))
    changes.put(REQUEST, (name, kind, command.by, subject, record.time, OPEN, "", 0, ""))
    return {"id": name, "noted": True}


def close_request(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Note that a request was answered, and how: {"id", "note", "confirm", "erase"}; `confirm` names a shop's source.

    With `erase` everybody who is known from that shop alone goes, and the request is closed when that is done.
    """
    args = command.args
    row = context.state.get(REQUEST, str(args.get("id")))
    if row is None:
        raise Rejected(f"there is no request {args.get('id')!r}", field="id", expected="the id of a request")
    if row[5] != OPEN:
        raise Rejected(
            f"the request is {row[5]!s} already, by {row[6]!s}", field="id", expected="an open request", got=str(row[5])
        )
    note = str(args.get("note") or "").strip()
    if not note or len(note) > _NOTE:
        raise Rejected("say how it was answered", field="note", expected=f"1 to {_NOTE} characters", got=note[:60])
    if row[1] == "shop_erasure" and args.get("confirm") != row[2]:
        raise Rejected(
            f"to confirm that the data of the shop are erased, or must be kept, name its source: {row[2]!s}",
            field="confirm", expected=str(row[2]), got=str(args.get("confirm") or "nothing")[:60],
        )  # fmt: skip
    if args.get("erase") is True:
        if row[1] != "shop_erasure":
            raise Rejected(
                "this request is about one person; erase that one", field="erase", expected="false", got="true"
            )
        begin(context, row, changes)
        changes.put(ACCESS, (context.record.offset, context.record.time, command.by, "erases the shop", str(row[3])))
        changes.put(REQUEST, (*row[:5], ERASING, command.by, 0, note))
        return {"id": row[0], "status": ERASING}
    changes.put(REQUEST, (*row[:5], CLOSED, command.by, context.record.time, note))
    return {"id": row[0], "status": CLOSED}


def _shop(args: dict[str, Any], source: str) -> str:
    shop = str(args.get("shop") or "")
    return shop if 0 < len(shop) <= _LONGEST_SHOP and shop.isprintable() else source


def _subject(context: Context, identifiers: object) -> str:
    """The first identifier that somebody is known by, else the first that could name anybody."""
    keys: list[str] = []
    for one in identifiers if isinstance(identifiers, list) else ():
        try:
            keys.append(stored_key(one, context))
        except Rejected:
            continue
    if not keys:
        raise Rejected("none of the identifiers names anybody", field="identifiers", expected="type:value", got="none")
    rows = identifier_rows(context.state, keys)
    return next((key for key in keys if profile_of(key, context.record.time, rows) is not None), keys[0])


HANDLERS: dict[str, Handler] = {"note_request": note_request, "close_request": close_request}
