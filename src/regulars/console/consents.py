"""What a customer allows, purpose by purpose, and everything that was said about it, with its proof."""

import msgspec

from regulars.console.visit import Visit
from regulars.core.definitions import Definitions
from regulars.core.record import Hot, Person
from regulars.runtime.consents import Said, history, standings

_SHOWN = 40  # statements of the history


class Agreement(msgspec.Struct, frozen=True):
    """A purpose and what holds for it."""

    id: str
    title: str
    text: str
    state: str  # of runtime.consents.State
    allowed: bool
    since: int | None  # ms; 0: from the beginning, without a statement
    basis: str

    @property
    def asked(self) -> bool:
        """Whether a customer can say something about it."""
        return self.basis in ("consent", "legitimate_interest")


class Statement(msgspec.Struct, frozen=True):
    """One line of the history."""

    time: int
    title: str
    granted: bool
    confirmed: bool
    method: str
    details: list[tuple[str, str]]  # name of a piece of evidence, as in the words, and its value


def versions(definitions: Definitions) -> dict[str, str]:
    """By purpose, the version of the words that customers read now."""
    return {one.id: one.wording.version for one in definitions.purposes}


def agreements(visit: Visit, hot: Hot, person: Person) -> list[Agreement]:
    """Every purpose of the shop, in its order."""
    engine, words = visit.house.engine, visit.words
    found = {one.purpose: one for one in standings(engine, hot, person, visit.house.services.clock())}
    return [
        Agreement(
            purpose.id,
            words.of(purpose.title, purpose.id),
            words.of(purpose.wording.text, ""),
            found[purpose.id].state,
            found[purpose.id].allowed,
            found[purpose.id].since,
            purpose.basis,
        )
        for purpose in engine.definitions.purposes
    ]


def said(visit: Visit, person: Person) -> list[Statement]:
    """What was said, newest first; only for those who may note consent."""
    if not visit.may("consent"):
        return []
    titles = {one.id: visit.words.of(one.title, one.id) for one in visit.house.definitions.purposes}
    told = history(visit.house.services.state, person.identifiers)[:_SHOWN]
    return [_statement(visit, one, titles.get(one.purpose, one.purpose)) for one in told]


def _statement(visit: Visit, one: Said, title: str) -> Statement:
    evidence = one.evidence
    method = str(evidence.get("method") or "")
    details = [("identifier", visit.identifier(one.identifier))]
    details += [
        (name, str(evidence[name])[:200])
        for name in ("text_version", "reason", "by", "source", "proof", "agent")
        if evidence.get(name)
    ]
    return Statement(
        one.time, title, one.granted, one.confirmed, visit.words.known(f"method.{method}", method), details
    )
