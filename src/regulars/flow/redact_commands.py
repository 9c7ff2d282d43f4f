"""The command of a shop system's privacy webhook: erase whoever is behind any of these identifiers."""

from typing import Any

from regulars.core.errors import Rejected
from regulars.core.state import Changes
from regulars.flow.commanding import Command, Context, Handler, stored_key
from regulars.flow.people import identifier_rows
from regulars.flow.privacy_commands import erase
from regulars.profile.assignment import profile_of


def redact(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Erase each person whom one of {"identifiers"} means, once: {"identifiers", "reason"}.

    Where nobody is known the first identifier is erased all the same: others may have named it.
    """
    keys: list[str] = []
    for one in command.args.get("identifiers") or ():
        try:
            keys.append(stored_key(one, context))
        except Rejected:
            continue  # an address that names nobody here; the others count
    if not keys:
        raise Rejected("none of the identifiers names anybody", field="identifiers", expected="type:value", got="none")
    rows = identifier_rows(context.state, keys)
    persons: dict[int, str] = {}
    for key in keys:
        number = profile_of(key, context.record.time, rows)
        if number is not None:
            persons.setdefault(number, key)
    offset, time = context.record.offset, context.record.time
    done: list[dict[str, Any]] = []
    for place, key in enumerate(persons.values() if persons else keys[:1]):
        args = {
            "identifier": key,
            "reason": command.args.get("reason"),
            "id": f"e{time:x}-{offset}" + (f"-{place}" if place else ""),
        }
        done.append(erase(context, Command("erase", args, command.by), changes))
    return {"erasures": done}


HANDLERS: dict[str, Handler] = {"redact": redact}
