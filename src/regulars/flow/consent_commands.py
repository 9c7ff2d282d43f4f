"""Commands about consent: what staff, a backend or a confirmed link say that a customer said."""

from collections.abc import Iterable, Mapping
from typing import Any

from regulars.core.errors import Rejected
from regulars.core.record import PERSON
from regulars.core.state import Changes
from regulars.flow.commanding import Command, Context, Handler, repair, stored_key
from regulars.flow.consents import put, revise
from regulars.flow.desk import Desk, Working
from regulars.flow.people import identifier_rows
from regulars.profile.assignment import profile_of
from regulars.profile.nobodys import nobodys
from regulars.profile.statements import CONFIRMED, Statement

#: By this method the addressee has confirmed a grant; the sender keeps the proof and names it.
DOUBLE_OPT_IN = "double_opt_in"
_MOST = {"reason": 500, "method": 40, "text_version": 100, "proof": 200}


def set_consent(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Staff or a backend note what a customer said.

    {"identifier", "purpose", "granted", "reason"}, and as evidence "method", "text_version" and "proof".
    """
    engine = context.engine
    key = stored_key(command.args.get("identifier"), context)
    purpose, granted = command.args.get("purpose"), command.args.get("granted")
    if not isinstance(purpose, str) or purpose not in engine.purposes:
        raise _unknown_purpose(purpose, context)
    if not isinstance(granted, bool):
        raise Rejected("granted must be true or false", field="granted", expected="true or false", got=repr(granted))
    evidence = {"by": command.by, **evidence_of(command.args)}
    confirmed = granted and evidence["method"] == DOUBLE_OPT_IN
    if confirmed and not evidence.get("proof"):
        raise Rejected("say what proves the confirmation", field="proof", expected="an id of the proof", got="nothing")
    desk, working = speaker(context, key, changes)
    say(context, desk, working, key, {purpose: granted}, evidence, changes, confirmed=confirmed)
    answer: dict[str, Any] = {"identifier": key, "purpose": purpose, "granted": granted}
    terms = engine.terms.get(purpose)
    if granted and terms is not None and terms.confirmed and not confirmed:
        answer["pending"] = True
    return answer


def speaker(context: Context, key: str, changes: Changes) -> tuple[Desk, Working]:
    """The profile of a known identifier, on a desk."""
    rows = identifier_rows(context.state, [key])
    number = profile_of(key, context.record.time, rows)
    if number is None:
        raise Rejected(f"nobody is known as {key}", field="identifier", expected="a known identifier", got=key)
    desk = Desk(context.engine, context.state, changes, context.tables)
    working = desk.find(number)
    if working is None:  # known from the events of others only; what was said must not be lost
        own = sorted(row for row in rows.values() if row[1] == number)
        working = desk.open(number, key, time=min(row[2] for row in own), day=context.day)
        person = desk.person(working)
        person.identifiers = [row[0] for row in own]
        person.statements = nobodys(own, context.engine.definitions.identity)
    return desk, working


def say(
    context: Context,
    desk: Desk,
    working: Working,
    key: str,
    answers: Mapping[str, bool],
    evidence: Mapping[str, Any],
    changes: Changes,
    *,
    confirmed: bool,
) -> None:
    """Put what `key` said into the history and the profile, and store the desk.

    A `text_version` may be one for all purposes, or one for each.
    """
    versions = evidence.get("text_version")
    record = context.record
    message_id = f"{CONFIRMED if confirmed else ''}command-{record.offset}"
    said = [Statement(key, purpose, record.time, message_id, granted) for purpose, granted in answers.items()]
    for statement in said:
        own = {"text_version": versions.get(statement.purpose, "")} if isinstance(versions, dict) else {}
        put(changes, statement, {**evidence, **own})
    person = desk.person(working)
    person.statements = context.engine.union(person.statements, said)
    working.written.add(PERSON)
    if revise(context.engine, desk, working, context.day):
        repair({working.number}, {}, context, desk, changes)
    else:
        desk.load_all(working)
        desk.evaluated(working, context.day)
    desk.store(record.offset)


def known_purposes(context: Context, purposes: Iterable[object]) -> list[str]:
    """The purposes that customers can say something about; Rejected for any other."""
    found = []
    for purpose in purposes:
        if not isinstance(purpose, str) or purpose not in context.engine.purposes:
            raise _unknown_purpose(purpose, context, "purposes")
        found.append(purpose)
    return found


def evidence_of(args: Mapping[str, Any]) -> dict[str, str]:
    """Reason, method and proof of what is noted; Rejected without a reason."""
    found: dict[str, str] = {}
    for name, most in _MOST.items():
        value = args.get(name)
        if value in (None, ""):
            continue
        if not isinstance(value, str) or not value.strip() or len(value) > most:
            raise Rejected(f"{name} must be a text of at most {most} characters", field=name, expected="a text",
                           got=repr(value)[:200])  # fmt: skip
        found[name] = value
    if "reason" not in found:
        raise Rejected("say why: who asked for it, and how", field="reason", expected="a text", got="nothing")
    found.setdefault("method", "staff")
    return found


def _unknown_purpose(purpose: object, context: Context, field: str = "purpose") -> Rejected:
    known = ", ".join(sorted(context.engine.purposes))
    return Rejected(
        f"{purpose!r} is not a purpose that is asked for; known are {known}",
        field=field, expected=known, got=repr(purpose)[:200],
    )  # fmt: skip


HANDLERS: dict[str, Handler] = {"set_consent": set_consent}
