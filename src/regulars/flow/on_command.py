"""Commands: what people and backends decide about the state, as records of the log like everything else."""

import base64
from typing import Any

import msgspec

from regulars.core import state as tables
from regulars.core.definitions import Definitions
from regulars.core.errors import Misconfigured, Rejected
from regulars.core.record import PERSON
from regulars.core.state import ANSWER, IDENTIFIER, USER, Changes
from regulars.flow import identity_commands, trust_commands
from regulars.flow.commanding import Command, Context, Handler, identifier_key, repair
from regulars.flow.desk import Desk
from regulars.flow.engine import Engine
from regulars.flow.people import identifier_rows
from regulars.profile import consent
from regulars.profile.assignment import profile_of

ROLES = ("admin", "marketer", "agent", "privacy")


def on_command(context: Context) -> Changes:
    """Carry the command out; its answer is stored under the record's offset. A refused one changes nothing else."""
    record = context.record
    changes = Changes()
    try:
        command = msgspec.json.decode(record.body, type=Command)
        answer = HANDLERS.get(command.name, unknown)(context, command, changes)
    except (Rejected, msgspec.DecodeError) as error:
        changes = Changes()
        body = msgspec.json.encode({"error": str(error), "field": getattr(error, "field", "")})
        changes.put(ANSWER, (record.offset, 0, body))
        return changes
    changes.put(ANSWER, (record.offset, 1, msgspec.json.encode(answer)))
    return changes


def unknown(_context: Context, command: Command, _changes: Changes) -> dict[str, Any]:
    """There is no such command."""
    known = ", ".join(sorted(HANDLERS))
    raise Rejected(f"there is no command {command.name!r}; known are {known}", expected=known, got=command.name)


def set_consent(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Staff or a backend note what a customer said: {"identifier", "purpose", "granted", "reason"}."""
    engine, state, record = context.engine, context.state, context.record
    key = identifier_key(command.args.get("identifier"), engine)
    purpose, granted, reason = command.args.get("purpose"), command.args.get("granted"), command.args.get("reason")
    if purpose not in engine.purposes:
        known = ", ".join(sorted(engine.purposes))
        raise Rejected(
            f"{purpose!r} is not a purpose; known are {known}", field="purpose", expected=known, got=repr(purpose)
        )
    if not isinstance(granted, bool):
        raise Rejected("granted must be true or false", field="granted", expected="true or false", got=repr(granted))
    if not isinstance(reason, str) or not reason.strip():
        raise Rejected("say why: who asked for it, and how", field="reason", expected="a text", got=repr(reason))
    rows = identifier_rows(state, [key])
    number = profile_of(key, record.time, rows)
    if number is None:
        raise Rejected(f"nobody is known as {key}", field="identifier", expected="a known identifier", got=key)
    message_id = f"command-{record.offset}"
    evidence = msgspec.json.encode({"by": command.by, "reason": reason, "method": "staff"})
    changes.put(tables.CONSENT, (key, purpose, record.time, message_id, int(granted), evidence))
    desk = Desk(engine, state, changes, context.tables)
    working = desk.find(number)
    if working is None:  # known from the events of others only; what was said must not be lost
        own = sorted(row for row in rows.values() if row[1] == number)
        working = desk.open(number, key, time=min(row[2] for row in own), day=context.day)
        desk.person(working).identifiers = [row[0] for row in own]
    person = desk.person(working)
    person.statements = consent.union(person.statements, [(key, str(purpose), record.time, message_id, granted)])
    working.written.add(PERSON)
    since = consent.since(person.statements)
    effect = consent.change(working.hot.consent, since, None if working.blank else working.hot.last_seen)
    working.hot.consent = since
    if engine.ends_more(effect):
        repair({number}, {}, context, desk, changes)
    else:
        working.written |= engine.fold.clear(desk.load_all(working), effect.clear)
        desk.evaluated(working, context.day)
    desk.store(record.offset)
    return {"identifier": key, "purpose": purpose, "granted": granted}


def replay(context: Context, command: Command, _changes: Changes) -> dict[str, Any]:
    """Build all records anew beside the live ones: {"definitions": base64 of msgpack, "again": bool}.

    `definitions` are those of an edited shop folder; without them, or when nothing that records are built from has
    changed, there is work only with `again`.
    """
    found = context.engine.definitions
    encoded = command.args.get("definitions")
    if encoded is not None:
        try:
            found = msgspec.msgpack.decode(base64.b64decode(str(encoded)), type=Definitions)
            Engine(found)
        except (ValueError, msgspec.MsgspecError, Misconfigured) as error:
            raise Rejected(f"the definitions cannot be used: {error}", field="definitions") from error
    again = command.args.get("again") is True
    context.wanted, context.again = found, again
    return {
        "definitions": found.record_version,
        "needed": again or found.record_version != context.engine.definitions.record_version,
    }


def put_user(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Add or change a console user: {"name", "role", "password" (hashed), "language"}."""
    name, role, password = command.args.get("name"), command.args.get("role"), command.args.get("password")
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise Rejected("a user needs a name of at most 100 characters", field="name", expected="a name", got=repr(name))
    if role not in ROLES:
        raise Rejected(f"{role!r} is not a role", field="role", expected=", ".join(ROLES), got=repr(role))
    known = context.state.get(USER, name)
    if command.args.get("only_if_none") and context.state.count(USER).get(None, 0):
        return {"name": name, "created": False}
    secret = password if isinstance(password, str) and password else (str(known[2]) if known else "")
    if not secret:
        raise Rejected("a new user needs a password", field="password", expected="a password", got="none")
    changes.put(USER, (name, role, secret, str(command.args.get("language") or "en")))
    return {"name": name, "created": known is None}


def delete_user(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Remove a console user: {"name"}. The last admin stays."""
    name = command.args.get("name")
    row = context.state.get(USER, name) if isinstance(name, str) else None
    if row is None:
        raise Rejected(f"there is no user {name!r}", field="name", expected="a user", got=repr(name))
    if row[1] == "admin" and context.state.count(USER, {"role": "admin"}).get(None, 0) <= 1:
        raise Rejected(f"{name} is the last admin; make somebody else admin first", field="name")
    changes.delete(USER, str(name))
    return {"name": name}


HANDLERS: dict[str, Handler] = {
    "set_consent": set_consent,
    **identity_commands.HANDLERS,
    "put_user": put_user,
    "delete_user": delete_user,
    "replay": replay,
    **trust_commands.HANDLERS,
}

__all__ = ["HANDLERS", "IDENTIFIER", "Command", "Context", "on_command"]
