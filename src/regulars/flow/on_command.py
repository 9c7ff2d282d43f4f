"""Commands: what people and backends decide about the state, as records of the log like everything else."""

import base64
from typing import Any

import msgspec

from regulars.core.definitions import Definitions
from regulars.core.errors import Misconfigured, Rejected
from regulars.core.state import ANSWER, IDENTIFIER, USER, Changes
from regulars.flow import (
    consent_commands,
    identity_apply,
    identity_commands,
    linking_commands,
    privacy_commands,
    redact_commands,
    request_commands,
    resolve_commands,
    rights_commands,
    shop_app_commands,
    shop_erasure,
    trust_commands,
)
from regulars.flow.commanding import Command, Context, Handler
from regulars.flow.engine import Engine

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
    rules_changed = found.identity != context.engine.definitions.identity
    return {
        "definitions": found.record_version,
        "identity_changed": rules_changed,
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
    **consent_commands.HANDLERS,
    **identity_apply.HANDLERS,
    **identity_commands.HANDLERS,
    **linking_commands.HANDLERS,
    **resolve_commands.HANDLERS,
    "put_user": put_user,
    "delete_user": delete_user,
    "replay": replay,
    **rights_commands.HANDLERS,
    **trust_commands.HANDLERS,
    **privacy_commands.HANDLERS,
    **redact_commands.HANDLERS,
    **request_commands.HANDLERS,
    **shop_app_commands.HANDLERS,
    **shop_erasure.HANDLERS,
}

__all__ = ["HANDLERS", "IDENTIFIER", "Command", "Context", "on_command"]
