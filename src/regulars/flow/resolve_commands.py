"""Commands that take a person apart and put it together again: `split`."""

from typing import Any, cast

from regulars.core.errors import Rejected
from regulars.core.identifier import hashed
from regulars.core.record import profile_from_name, profile_name
from regulars.core.state import IDENTIFIER, LINK, Changes
from regulars.flow.commanding import Command, Context, Handler, stored_key
from regulars.flow.identity_commands import settled
from regulars.flow.people import identifier_rows
from regulars.profile.assignment import IdRow, profile_of
from regulars.profile.links import COMMANDED, FOREVER, REVOKED, SPELLING, Link, ties_in

#: Identifiers of one command, and links that it takes back.
MAX_KEYS, MAX_WITHDRAWN = 500, 2_000
_LONGEST_REASON = 500
_NUMBERS = 1 << 59  # profile numbers are below


def split(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Take identifiers out of a profile: {"profile", "keys", "reason"}.

    Every link between them and the rest is taken back for good; the profiles come out as if those had never been. An
    address goes with its hashed form. The answer names the profile of each identifier that was taken out.
    """
    rows = _rows(context, command)
    chosen = _chosen(context, command, rows)
    reason = str(command.args.get("reason") or "").strip()[:_LONGEST_REASON]
    if not reason:
        raise Rejected("say why they are different people", field="reason", expected="a text", got="nothing")
    links = _between(context, command, chosen, set(rows) - chosen, reason)
    placed, refolds = settled(links, context, changes)
    numbers = {key: (placed.rows.get(key) or rows[key])[1] for key in sorted(chosen)}
    return {
        "keys": {key: profile_name(number) for key, number in numbers.items()},
        "withdrawn": [[link.a, link.b] for link in links],
        "profiles": sorted(refolds),
    }


def _rows(context: Context, command: Command) -> dict[str, IdRow]:
    """The identifiers of the profile that the command names."""
    name = str(command.args.get("profile") or "")
    number: int | None = None
    if ":" in name:
        key = stored_key(name, context)
        number = profile_of(key, context.record.time, identifier_rows(context.state, [key]))
    elif name.startswith("p_"):
        number = profile_from_name(name)
        number = number if number is not None and number < _NUMBERS else None
    found = cast(list[IdRow], context.state.select(IDENTIFIER, {"profile": number})) if number is not None else []
    if not found:
        raise Rejected(
            f"nobody is known as {name!r}", field="profile", expected="an identifier type:value or p_…", got=name
        )
    return {row[0]: row for row in found}


def _chosen(context: Context, command: Command, rows: dict[str, IdRow]) -> set[str]:
    """The identifiers to take out, each value in all its forms: hashed, and in the spelling of other rules."""
    keys = command.args.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise Rejected(
            f"name 1 to {MAX_KEYS} identifiers to take out", field="keys", expected="a list", got=repr(keys)[:100]
        )
    chosen = {stored_key(key, context) for key in keys}
    if strangers := sorted(chosen - rows.keys()):
        raise Rejected(
            f"{', '.join(strangers[:5])} does not belong to this profile",
            field="keys",
            expected="identifiers of the profile",
            got=strangers[0],
        )
    forms = context.engine.definitions.identity.hashed
    one_value = [{key, hashed(key, kind)} & rows.keys() for key in rows if (kind := forms.get(key.partition(":")[0]))]
    one_value += [{key, tie.other} for key, row in rows.items() for tie in ties_in(row[3]) if tie.rule == SPELLING]
    while more := {key for some in one_value if some & chosen for key in some} - chosen:
        chosen |= more
    if chosen == rows.keys():
        raise Rejected("these are all identifiers of the profile; nothing would remain", field="keys", expected="fewer")
    return chosen


def _between(context: Context, command: Command, chosen: set[str], rest: set[str], reason: str) -> list[Link]:
    """A withdrawal of each link between the two sets."""
    record = context.record
    pairs: set[tuple[str, str]] = set()
    for key in sorted(chosen):
        for side, other in (("a", 1), ("b", 0)):
            for row in context.state.select(LINK, {side: key}):
                if str(row[other]) in rest and row[6] not in COMMANDED:
                    pairs.add((str(row[0]), str(row[1])))
    if not pairs:
        raise Rejected("no link leads from these to the rest of the profile", field="keys", expected="linked ones")
    if len(pairs) > MAX_WITHDRAWN:
        raise Rejected(
            f"{len(pairs)} links would be taken back, at most {MAX_WITHDRAWN} in one command; name fewer identifiers",
            field="keys",
            expected=f"at most {MAX_WITHDRAWN} links",
            got=str(len(pairs)),
        )
    by = f"unlink by {command.by}"
    return [
        Link(a, b, record.time, f"command-{record.offset}-{place}", by, FOREVER, REVOKED, 1.0, reason)
        for place, (a, b) in enumerate(sorted(pairs))
    ]


HANDLERS: dict[str, Handler] = {"split": split}
