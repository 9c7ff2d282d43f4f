"""Commands about pairs that may be one person: proposing them to staff, and what staff answer."""

from typing import Any

import msgspec

from regulars.core.definitions import CONTRACT
from regulars.core.errors import Rejected
from regulars.core.proposal import ACCEPTED, LATER, OPEN, REJECTED, Proposal, read, written
from regulars.core.state import PROPOSAL, Changes
from regulars.flow.commanding import Command, Context, Handler, bounded, identifier_key
from regulars.flow.desk import Desk
from regulars.flow.identity_commands import link
from regulars.flow.people import identifier_rows
from regulars.profile.assignment import profile_of

_ANSWERS = {"accept": ACCEPTED, "reject": REJECTED, "later": LATER}
_RULE_LENGTH = 100


def propose(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Put pairs into the queue of staff: {"proposals": [{"a", "b", "score", "prior", "reasons"}]}.

    A pair that staff rejected stays rejected unless something else agrees or differs now than did then.
    """
    kept = 0
    asked = _proposals(command)
    for one in asked:
        a, b = sorted((identifier_key(one.a, context.engine), identifier_key(one.b, context.engine)))
        proposal = msgspec.structs.replace(one, a=a, b=b)
        row = context.state.get(PROPOSAL, (a, b))
        status = str(row[2]) if row else OPEN
        if row and status in (REJECTED, ACCEPTED) and read(row[4]).told() == proposal.told():
            kept += 1
            continue
        status = LATER if status == LATER else OPEN
        changes.put(PROPOSAL, (a, b, status, one.score, written(proposal), command.by, context.record.time))
    return {"proposed": len(asked) - kept, "answered_before": kept}


def review(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Staff answer a proposal: {"a", "b", "answer": "accept", "reject" or "later"}. Accepted, it becomes a link."""
    a, b = sorted(identifier_key(command.args.get(side), context.engine) for side in ("a", "b"))
    answer = command.args.get("answer")
    if answer not in _ANSWERS:
        known = ", ".join(_ANSWERS)
        raise Rejected(f"{answer!r} is no answer; those are {known}", field="answer", expected=known, got=repr(answer))
    row = context.state.get(PROPOSAL, (a, b))
    if row is None:
        raise Rejected(f"{a} and {b} were not proposed", field="b", expected="a proposed pair", got=b)
    proposal = read(row[4])
    if answer == "accept":
        _may_link(context, changes, a, b)
        asked = {"a": a, "b": b, "score": proposal.score, "rule": f"review by {command.by}"[:_RULE_LENGTH]}
        reason = f"likeness {proposal.score:.4f}, accepted in the review of possible duplicates"
        told = link(context, Command("link", {"links": [asked], "reason": reason}, command.by), changes)["links"][0]
        if told["status"] != "stands":
            raise Rejected(f"{a} and {b} cannot be linked: {told['reason']}", field="b", got=str(told["reason"]))
    status = _ANSWERS[str(answer)]
    changes.put(PROPOSAL, (a, b, status, proposal.score, row[4], command.by, context.record.time))
    return {"a": a, "b": b, "status": status}


def _may_link(context: Context, changes: Changes, a: str, b: str) -> None:
    """Both people still allow what linking needs; a consent may have ended while the pair waited."""
    purpose = context.engine.definitions.linking.purpose
    if purpose == CONTRACT:
        return
    desk = Desk(context.engine, context.state, changes, context.tables)
    rows = identifier_rows(context.state, (a, b))
    for key in (a, b):
        number = profile_of(key, context.record.time, rows)
        working = desk.find(number) if number is not None else None
        if working is None or purpose not in working.hot.consent:
            raise Rejected(
                f"{key} does not allow {purpose!r}, which linking needs here", field="purpose", expected=purpose
            )


def _proposals(command: Command) -> list[Proposal]:
    try:
        asked = msgspec.convert(command.args.get("proposals"), list[Proposal])
    except msgspec.ValidationError as error:
        raise Rejected(f"the proposals cannot be read: {error}", field="proposals", got=str(error)) from error
    bounded(asked, "proposals")
    for one in asked:
        if not 0 < one.score <= 1:
            raise Rejected("a score is above 0 and at most 1", field="score", got=f"{one.score}")
    return asked


HANDLERS: dict[str, Handler] = {"propose": propose, "review": review}
