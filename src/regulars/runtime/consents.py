"""Consent as people read it: what is asked, what one customer said to it and when, and what holds now."""

from collections.abc import Iterable
from typing import Any, Literal, cast

import msgspec

from regulars.core.definitions import Definitions, Purpose
from regulars.core.record import Hot, Person
from regulars.core.state import CONSENT, StateReader
from regulars.flow.engine import Engine
from regulars.profile import consent

#: Statements of one identifier and purpose that are looked through for the history.
MOST = 2_000
#: A grant that was not confirmed after so long is not told as pending; no link lives longer, ms.
PENDING_MS = 30 * 86_400_000
State = Literal["granted", "refused", "pending", "lapsed", "not_asked", "without_consent"]


class Asked(msgspec.Struct, frozen=True, rename={"with_": "with"}):
    """A purpose as a banner or a page shows it. Nothing is chosen beforehand, and both answers weigh the same."""

    id: str
    title: str
    text: str
    version: str  # goes into the evidence of whatever the customer answers
    basis: str
    channel: str
    with_: str  # what the customer gets with a yes
    without: str  # and without
    double_opt_in: bool
    expires_days: int | None
    partner: str
    sensitive: bool
    answers: tuple[bool, ...] = (True, False)
    preselected: None = None


class Said(msgspec.Struct, frozen=True):
    """One statement of the history; `evidence` holds text version, source, method and proof."""

    time: int
    identifier: str
    purpose: str
    granted: bool
    confirmed: bool
    evidence: dict[str, Any]


class Standing(msgspec.Struct, frozen=True):
    """What holds for one purpose now."""

    purpose: str
    state: State
    allowed: bool
    since: int | None  # events from then on count, ms
    pending_since: int | None = None


def asked(definitions: Definitions, language: str) -> list[Asked]:
    """Every purpose that customers are asked about or can object to, in the shop's order."""
    return [
        Asked(
            one.id, _words(one.title, language) or one.id, _words(one.wording.text, language), one.wording.version,
            one.basis, one.channel,
            _words(one.benefit.with_, language) if one.benefit is not None else "",
            _words(one.benefit.without, language) if one.benefit is not None else "",
            one.double_opt_in, one.expires_days, one.partner, one.sensitive,
        )
        for one in definitions.purposes
        if one.basis in ("consent", "legitimate_interest")
    ]  # fmt: skip


def language_of(definitions: Definitions, wanted: str) -> str:
    """The wanted language where the shop speaks it, else its first one."""
    languages = definitions.shop.languages
    return wanted if wanted in languages else languages[0]


def history(state: StateReader, identifiers: Iterable[str]) -> list[Said]:
    """What these identifiers said, newest first; of answers that ride on events those that changed something."""
    rows = [row for key in identifiers for row in state.select(CONSENT, {"identifier": key}, limit=MOST)]
    rows.sort(key=lambda row: (cast(int, row[2]), not row[4], str(row[3])))
    found: list[Said] = []
    last: dict[tuple[str, str], bool] = {}
    for row in rows:
        voice, granted, message_id = (str(row[0]), str(row[1])), bool(row[4]), str(row[3])
        if message_id.startswith(consent.RIDING) and last.get(voice) is granted:
            continue
        last[voice] = granted
        evidence = msgspec.json.decode(cast(bytes, row[5]), type=dict[str, Any]) if row[5] else {}
        confirmed = message_id.startswith(consent.CONFIRMED)
        found.append(Said(cast(int, row[2]), *voice, granted, confirmed, evidence))
    return found[::-1]


def standings(engine: Engine, hot: Hot, person: Person, now: int) -> list[Standing]:
    """What holds for every purpose of the shop."""
    waiting = consent.pending(person.statements, engine.terms)
    spoken = {said[1] for said in person.statements}
    refused = _refused(person)
    return [_standing(one, hot, waiting.get(one.id, {}), spoken, refused, now) for one in engine.definitions.purposes]


def _standing(
    purpose: Purpose, hot: Hot, waiting: dict[str, tuple[int, str]], spoken: set[str], refused: set[str], now: int
) -> Standing:
    since = hot.consent.get(purpose.id)
    if since is not None:
        own: State = "granted" if purpose.id in spoken else "without_consent"
        return Standing(purpose.id, own, allowed=True, since=since)
    asked_at = max((time for time, _ in waiting.values()), default=None)
    if asked_at is not None and now - asked_at < PENDING_MS:
        return Standing(purpose.id, "pending", allowed=False, since=None, pending_since=asked_at)
    if purpose.id in refused or purpose.id not in spoken:
        said: State = "refused" if purpose.id in refused else "not_asked"
        return Standing(purpose.id, said, allowed=False, since=None)
    return Standing(purpose.id, "lapsed", allowed=False, since=None)


def _refused(person: Person) -> set[str]:
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    for identifier, purpose, time, _, granted in person.statements:
        voice = (identifier, purpose)
        last[voice] = max(last.get(voice, (-1, False)), (time, not granted))
    return {purpose for (_, purpose), (_, refuses) in last.items() if refuses}


def _words(texts: dict[str, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")
