"""Commands of what counts once: the button of a confirmation link, and the way in to the customer's own page."""

from typing import Any

from regulars.core.errors import Rejected
from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person
from regulars.core.record import PERSON
from regulars.core.state import CONFIRMED, Changes
from regulars.flow.commanding import Command, Context, Handler, identifier_key, repair
from regulars.flow.consent_commands import known_purposes, say
from regulars.flow.desk import Desk, Working
from regulars.flow.people import anchor_of, apply_effects, place

#: The rule of a link that a confirmation made.
RULE = "Identifier Confirmed"
#: Rows of used links that one command forgets at most, once they have expired.
_FORGOTTEN = 100
#: How much longer a used token is remembered, ms: the clocks of two gateways are never as far apart.
_APART_MS = 600_000


def confirm(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Join a browser with an identifier, or note what was agreed to: the fields of a confirmation link.

    {"id", "action", "identifier", "expires", "device", "purposes", "text_version", "by", "asked_at"} and, for each
    purpose, the version of the words that its page "shown". Each id once.
    """
    args, state, record = command.args, context.state, context.record
    identifier, expires = str(args.get("id") or ""), args.get("expires")
    if not identifier or not isinstance(expires, int):
        raise Rejected("a confirmation has an id and an end", field="id", expected="an id", got=repr(identifier))
    if state.get(CONFIRMED, identifier) is not None:
        raise Rejected("this link was used before; it counts once", field="id", expected="a new link", got="used")
    if record.time >= expires:
        raise Rejected("this link has expired; ask for a new one", field="expires", got="expired")
    action = args.get("action")
    if action == "confirm_identifier":
        result = _join(context, args, changes)
    elif action == "consent":
        result = _agree(context, args, changes)
    else:
        known = "confirm_identifier or consent"
        raise Rejected(f"{action!r} cannot be confirmed", field="action", expected=known, got=repr(action))
    _use_up(context, identifier, expires, changes)
    return result


def enter(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Use up a token that opens the customer's own page: {"id", "expires"}. Whoever comes second is refused.

    As a record of the log it holds for all gateways and across restarts: the one that is folded first enters.
    """
    identifier, expires = command.args.get("id"), command.args.get("expires")
    if not isinstance(identifier, str) or not identifier or not isinstance(expires, int):
        raise Rejected("an entry has an id and an end", field="id", expected="an id", got=repr(identifier))
    if context.state.get(CONFIRMED, identifier) is not None:
        raise Rejected("this token was used before; it opens the page once", field="id", got="used")
    if context.record.time >= expires:
        raise Rejected("this token has expired; sign a new one", field="expires", got="expired")
    _use_up(context, identifier, expires + _APART_MS, changes)
    return {"id": identifier}


def _use_up(context: Context, identifier: str, until: int, changes: Changes) -> None:
    """Remember until then that it was used, and forget what nobody can use any more."""
    now = context.record.time
    changes.put(CONFIRMED, (identifier, now, until))
    for row in context.state.select(CONFIRMED, below={"until": now}, order=("until",), limit=_FORGOTTEN):
        changes.delete(CONFIRMED, str(row[0]))


def _join(context: Context, args: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The browser that asked is this person's from now on."""
    engine = context.engine
    identity = engine.definitions.identity
    person, device = identifier_key(args.get("identifier"), engine), identifier_key(args.get("device"), engine)
    if not is_person(person, identity) or not is_device(device, identity):
        raise Rejected(
            f"{person} and {device} are not a person and a device",
            field="device",
            expected="an identifier of a person and one of a device",
            got=f"{person}, {device}",
        )
    desk, _ = _placed(context, (person, device), changes)
    desk.store(context.record.offset)
    return {"identifier": person, "device": device}


def _agree(context: Context, args: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """What the link lists is agreed to, with the link as the proof; a double opt-in is complete."""
    key = identifier_key(args.get("identifier"), context.engine)
    listed = args.get("purposes")
    purposes = known_purposes(context, listed if isinstance(listed, list) else [])
    if not purposes:
        raise Rejected("the link names no purpose", field="purposes", expected="purposes", got=repr(listed))
    evidence = {
        "method": "confirmation_link",
        "by": str(args.get("by") or ""),
        "text_version": str(args.get("text_version") or ""),
        "asked_at": args.get("asked_at"),
        "proof": str(args["id"]),
    }
    shown = args.get("shown")
    if not evidence["text_version"] and isinstance(shown, dict):
        evidence["text_version"] = {one: version for one in purposes if isinstance(version := shown.get(one), str)}
    desk, working = _placed(context, (key,), changes)
    say(context, desk, working, key, dict.fromkeys(purposes, True), evidence, changes, confirmed=True)
    return {"identifier": key, "purposes": purposes}


def _placed(context: Context, keys: tuple[str, ...], changes: Changes) -> tuple[Desk, Working]:
    """The profile of the first key, opened where there is none, once all keys are known and joined."""
    engine, state, record = context.engine, context.state, context.record
    seen = Event(
        message_id=f"command-{record.offset}", source="", name=RULE, time=record.time, received_at=record.time,
        subject=keys[0], identifiers=keys, claims=(), properties={}, traits={}, context={}, offset=record.offset,
    )  # fmt: skip
    placed = place([seen], engine, state, changes)
    desk = Desk(engine, state, changes, context.tables)
    refolds = apply_effects(placed, desk, state, day=context.day)
    repair(refolds, placed.settlement.puts if placed.settlement else {}, context, desk, changes)
    number = placed.numbers[0]
    own = sorted(row for row in placed.rows.values() if row[1] == number)
    first = min((row[2] for row in own), default=record.time)
    anchor = anchor_of(number, (row[0] for row in own)) or keys[0]
    working = desk.open(number, anchor, time=first, day=context.day)
    if working.new and not desk.person(working).identifiers:
        desk.person(working).identifiers = [row[0] for row in own]
        working.written.add(PERSON)
        desk.evaluated(working, context.day)
    return desk, working


HANDLERS: dict[str, Handler] = {"confirm": confirm, "enter": enter}
