"""Commands about who is who: linking identifiers by another rule than being named together, and taking links back."""

from typing import Any

import msgspec

from regulars.core import state as tables
from regulars.core.errors import Rejected
from regulars.core.identifier import is_device, is_group, is_person
from regulars.core.state import Changes
from regulars.flow.commanding import Command, Context, Handler, bounded, identifier_key, repair, stored_key
from regulars.flow.desk import Desk
from regulars.flow.groups import join_group_again, leave_group
from regulars.flow.people import Placed, apply_effects, identifier_rows, resettle
from regulars.profile.assignment import IdRow
from regulars.profile.links import (
    COMMANDED,
    FOREVER,
    LIFTED,
    ONE_VALUE,
    RESTORED,
    REVOKED,
    Link,
    holding_in,
    is_burned,
    ties_in,
)

_LONGEST_NOTE = 500
_RULE_LENGTH = 100


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """One link of the command `link`."""

    a: str
    b: str
    score: float = 1.0
    rule: str = "similar"


def link(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Say that identifiers belong together: {"links": [{"a", "b", "score", "rule"}], "reason"}.

    Each is an ordinary link: it can be refused (limits, conflicts) and taken back. The answer says of each what became
    of it: `status` "stands" or "refused", and the `reason` of a refusal.
    """
    asked, reason = _asked(command)
    found: list[Link] = []
    answers: list[dict[str, Any]] = []
    rows = identifier_rows(context.state, {key for one in asked for key in _keys(one, context) if key})
    for place, one in enumerate(asked):
        a, b = _keys(one, context)
        obstacle = _obstacle(a, b, rows, context)
        answers.append({"a": a or one.a, "b": b or one.b, "status": "refused", "reason": obstacle})
        if obstacle:
            continue
        note = f"{command.by}: {reason}"[:_LONGEST_NOTE]
        message_id = f"command-{context.record.offset}-{place}"
        found.append(Link(a, b, context.record.time, message_id, one.rule, score=one.score, note=note))
    refolds: set[int] = set()
    if found:
        placed, refolds = settled(found, context, changes)
        for answer in answers:
            if not answer["reason"]:
                refused = _became(answer["a"], answer["b"], placed)
                answer.update(status="refused" if refused else "stands", reason=refused)
    return {"links": answers, "profiles": sorted(refolds)}


def _asked(command: Command) -> tuple[list[_Asked], str]:
    reason = command.args.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Rejected("say why these belong together", field="reason", expected="a text", got=repr(reason))
    try:
        asked = msgspec.convert(command.args.get("links"), list[_Asked])
    except msgspec.ValidationError as error:
        raise Rejected(
            f"the links cannot be read: {error}", field="links", expected="[{a, b, score, rule}]", got=str(error)
        ) from error
    bounded(asked, "links")
    for one in asked:
        if not 0 < one.score <= 1:
            raise Rejected(
                "a score is above 0 and at most 1", field="score", expected="0 < score <= 1", got=f"{one.score}"
            )
        if one.rule in ONE_VALUE:
            raise Rejected(f"{one.rule!r} is no rule of staff", field="rule", expected="another name", got=one.rule)
        if not one.rule or len(one.rule) > _RULE_LENGTH or not one.rule.isprintable():
            raise Rejected("name the rule", field="rule", expected="1 to 100 printable characters", got=repr(one.rule))
    return asked, reason.strip()


def _keys(one: _Asked, context: Context) -> tuple[str, str]:
    """The pair in its stored order: person keys sorted, a device last; empty where it is no identifier."""
    identity = context.engine.definitions.identity
    found = []
    for value in (one.a, one.b):
        try:
            found.append(identifier_key(value, context.engine))
        except Rejected:
            found.append("")
    a, b = sorted(found, key=lambda key: (is_device(key, identity), key))
    return a, b


def _obstacle(a: str, b: str, rows: dict[str, IdRow], context: Context) -> str:
    """Why the two cannot be linked at all; empty when they can."""
    identity = context.engine.definitions.identity
    if not a or not b:
        return "not_an_identifier"
    if a == b or not is_person(a, identity) or not (is_person(b, identity) or is_device(b, identity)):
        return "not_a_pair"
    if a not in rows or b not in rows:
        return "unknown"
    if is_burned(rows[a][3]) or is_burned(rows[b][3]):
        return "burned"
    return ""


def _became(a: str, b: str, placed: Placed) -> str:
    """The reason for which a link was refused; empty when the pair is linked now."""
    rows = placed.rows
    if is_burned(rows[a][3]) or is_burned(rows[b][3]):
        return "burned"
    for tie in ties_in(rows[a][3]):
        if tie.other == b:
            if tie.time < 0:
                return "withdrawn"
            return tie.status.removeprefix("refused:") if tie.status.startswith("refused:") else ""
    if a in holding_in(rows[b][3]).keys:
        return ""
    refused = placed.settlement.refused if placed.settlement else []
    return next((one.status.removeprefix("refused:") for one in refused if (one.a, one.b) == (a, b)), "withdrawn")


def unlink(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Take the link of two identifiers back: {"a", "b", "reason"}; profiles come out as if it had never been.

    With `until` (ms) only evidence of before is taken back; what links the two from then on counts.
    """
    engine, state, record = context.engine, context.state, context.record
    a, b = stored_key(command.args.get("a"), context), stored_key(command.args.get("b"), context)
    pair = sorted((a, b))
    rows = state.select(tables.LINK, {"a": pair[0], "b": pair[1]}) or state.select(
        tables.LINK, {"a": pair[1], "b": pair[0]}
    )
    if not rows:
        raise Rejected(f"{a} and {b} are not linked to one another", field="b", expected="a linked identifier", got=b)
    first, second = str(rows[0][0]), str(rows[0][1])
    until = command.args.get("until", FOREVER)
    if not isinstance(until, int) or isinstance(until, bool) or until <= 0:
        raise Rejected(
            "until must be an instant in UTC milliseconds: links of the two from then on are believed again",
            field="until",
            expected="milliseconds, or nothing: for good",
            got=repr(until),
        )
    if str(rows[0][4]) in ONE_VALUE:
        raise Rejected(
            f"{first} and {second} are one value in two forms; unlink it from the other identifier",
            field="b",
            expected="another identifier",
            got=b,
        )
    reason = str(command.args.get("reason") or "")[:_LONGEST_NOTE]
    link = Link(
        first, second, record.time, f"command-{record.offset}", f"unlink by {command.by}", until, REVOKED, 1.0, reason
    )
    if is_group(second, engine.definitions.identity):
        leave_group(link, state, changes)
        return {"a": first, "b": second, "profiles": []}
    _, refolds = settled([link], context, changes)
    return {"a": first, "b": second, "profiles": sorted(refolds)}


def relink(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Take back that the link of two identifiers was taken back: {"a", "b", "reason"}; as if it never had been.

    What was said of the two meanwhile counts, too. The withdrawal stays in the ledger, marked as lifted.
    """
    engine, state, record = context.engine, context.state, context.record
    a, b = stored_key(command.args.get("a"), context), stored_key(command.args.get("b"), context)
    reason = str(command.args.get("reason") or "").strip()[:_LONGEST_NOTE]
    if not reason:
        raise Rejected("say why they belong together after all", field="reason", expected="a text", got="nothing")
    rows = [*state.select(tables.LINK, {"a": a, "b": b}), *state.select(tables.LINK, {"a": b, "b": a})]
    ledger = [Link(*row) for row in rows]  # type: ignore[arg-type]  # the columns of the table are the fields
    back = [link for link in ledger if link.status == REVOKED]
    if not back:
        raise Rejected(f"no link of {a} and {b} was taken back", field="b", expected="an identifier of one", got=b)
    first, second = back[0].a, back[0].b
    by, message_id = f"relink by {command.by}", f"command-{record.offset}"
    restored = Link(first, second, record.time, message_id, by, 0, RESTORED, 1.0, reason)
    lifted = [msgspec.structs.replace(link, status=LIFTED) for link in back]
    if is_group(second, engine.definitions.identity):
        join_group_again([restored, *lifted], state, changes)
        return {"a": first, "b": second, "profiles": []}
    until = max(link.until for link in back)
    # An older version kept the evidence in the ledger alone.
    evidence = [
        msgspec.structs.replace(link, status="", until=0)
        for link in ledger
        if link.status not in COMMANDED and link.time < until
    ]
    _, refolds = settled([restored, *lifted, *evidence], context, changes)
    return {"a": first, "b": second, "profiles": sorted(refolds)}


def settled(links: list[Link], context: Context, changes: Changes) -> tuple[Placed, set[int]]:
    """Settle the links, and read the histories of the profiles anew that only those can tell."""
    engine, state = context.engine, context.state
    placed = resettle(links, engine, state, changes)
    desk = Desk(engine, state, changes, context.tables)
    refolds = apply_effects(placed, desk, state, day=context.day)
    repair(refolds, placed.settlement.puts if placed.settlement else {}, context, desk, changes)
    desk.store(context.record.offset)
    return placed, refolds


HANDLERS: dict[str, Handler] = {"link": link, "unlink": unlink, "relink": relink}
