"""Why identifiers are one person: every link of a profile, what became of it, and who held which device when."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import msgspec

from regulars.core.identifier import is_device, is_group
from regulars.core.identity_types import Identity
from regulars.profile.assignment import IdRow
from regulars.profile.identity import BURNED_KEY, Pair
from regulars.profile.links import (
    COMMANDED,
    HASH,
    RESTORED,
    REVOKED,
    SPELLING,
    WITHDRAWN,
    Link,
    evidence_order,
    holding_in,
    is_burned,
)

Status = Literal["joined", "also", "login", "hash", "spelling", "refused", "withdrawn"]
_UNLINKED_BY, _RELINKED_BY = "unlink by ", "relink by "
#: (identifier, purpose, time in ms, granted): what somebody said about a purpose.
SaidOf = tuple[str, str, int, bool]


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """Who took a link back, when (ms) and why; evidence of before `until` (ms) is not believed."""

    by: str
    time: int
    reason: str
    until: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A link: what said so, and what became of it.

    `joined` made the person, `also` says it again, `login` is a person on a device, `hash` one value in two forms,
    `spelling` one value in two spellings, before and after the rules changed.
    """

    status: Status
    a: str
    b: str
    event: str  # its name, or the rule that somebody applied
    time: int  # ms
    message_id: str
    source: str = ""  # of the event; empty in what older versions stored
    score: float = 1.0  # how sure, 0..1
    note: str = ""  # who said it and why, where a person or a command did
    reason: str = ""  # code of a refusal
    withdrawal: Withdrawal | None = None
    restored: Withdrawal | None = None  # who took a withdrawal back, when and why


class Stretch(msgspec.Struct, frozen=True):
    """A device in the hands of an identifier from `start` until before `end`, ms; None is without bound."""

    device: str
    key: str
    start: int | None
    end: int | None


def steps(rows: Mapping[str, IdRow], ledger: Iterable[Link], identity: Identity) -> list[Step]:
    """The links of a profile in the order in which they count: the surest first, then the earliest.

    `ledger` are the rows of the ledger that name one of its identifiers, `rows` the stored rows of all that they name.
    """
    by_pair: dict[Pair, list[Link]] = {}
    for link in ledger:
        if not is_group(link.b, identity):
            by_pair.setdefault((link.a, link.b), []).append(link)
    told: list[tuple[Link, Withdrawal | None]] = []
    restored: dict[Pair, Withdrawal] = {}
    for links in by_pair.values():
        back = max((link for link in links if link.status == REVOKED), key=lambda link: link.time, default=None)
        until = max((link.until for link in links if link.status == REVOKED), default=0)
        again = max((link for link in links if link.status == RESTORED), key=lambda link: link.time, default=None)
        evidence = [link for link in links if link.status not in COMMANDED]
        withdrawal = _withdrawal(back, until) if back else None
        if again is not None:
            restored[again.a, again.b] = _withdrawal(again, 0)
        told += [(link, withdrawal if _is_back(link, until) else None) for link in evidence or ([back] if back else [])]
    told.sort(key=lambda one: (evidence_order(one[0]), one[0].a, one[0].b))
    together: dict[str, set[str]] = {}
    return [
        _step(link, withdrawal, rows, together, identity, restored.get((link.a, link.b))) for link, withdrawal in told
    ]


def _withdrawal(back: Link, until: int) -> Withdrawal:
    by = back.rule.removeprefix(_UNLINKED_BY).removeprefix(_RELINKED_BY)
    return Withdrawal(by=by, time=back.time, reason=back.note, until=until)


def _is_back(link: Link, until: int) -> bool:
    return link.status in (WITHDRAWN, REVOKED) or link.time < until


def _step(
    link: Link,
    withdrawal: Withdrawal | None,
    rows: Mapping[str, IdRow],
    together: dict[str, set[str]],
    identity: Identity,
    restored: Withdrawal | None,
) -> Step:
    status, reason = _became(link, withdrawal, rows, together, identity)
    return Step(
        status=status,
        a=link.a,
        b=link.b,
        event="" if link.status == REVOKED else link.rule,
        time=link.time,
        message_id="" if link.status == REVOKED else link.message_id,
        source=link.source,
        score=link.score,
        note="" if link.status == REVOKED else link.note,
        reason=reason,
        withdrawal=withdrawal,
        restored=None if withdrawal else restored,
    )


def _became(
    link: Link,
    withdrawal: Withdrawal | None,
    rows: Mapping[str, IdRow],
    together: dict[str, set[str]],
    identity: Identity,
) -> tuple[Status, str]:
    if withdrawal is not None:
        return "withdrawn", ""
    if link.status.startswith("refused:"):
        return "refused", link.status.removeprefix("refused:")
    if any(key in rows and is_burned(rows[key][3]) for key in (link.a, link.b)):
        return "refused", BURNED_KEY
    if is_device(link.b, identity):
        return "login", ""
    one, other = together.setdefault(link.a, {link.a}), together.setdefault(link.b, {link.b})
    if one is other:
        return "also", ""
    one |= other
    together.update(dict.fromkeys(other, one))
    if link.rule == SPELLING:
        return "spelling", ""
    return ("hash" if link.rule == HASH else "joined"), ""


def stretches(own: Collection[str], devices: Iterable[IdRow]) -> list[Stretch]:
    """Which devices the identifiers `own` held, and who held those among them, from when until when."""
    found: list[Stretch] = []
    for row in devices:
        runs = holding_in(row[3]).runs()
        for place, (start, key) in enumerate(runs):
            end = runs[place + 1][0] if place + 1 < len(runs) else None
            if key in own or row[0] in own:
                found.append(Stretch(row[0], key, start if place else None, end))
    return found


def discarded(mine: Iterable[SaidOf], theirs: Iterable[SaidOf], start: int, end: int) -> tuple[str, ...]:
    """The purposes that one side agreed to and the other refused while the two were linked (ms).

    What they did not allow then was not kept, and does not come back with an unlink.

    >>> discarded([("a", "analytics", 0, True)], [("b", "analytics", 5, False)], start=3, end=9)
    ('analytics',)
    >>> discarded([("a", "analytics", 0, True)], [("b", "analytics", 12, False)], start=3, end=9)
    ()
    """
    agreed = {purpose for _, purpose, time, granted in mine if granted and time <= end}
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    found: set[str] = set()
    for who, purpose, time, granted in sorted(theirs, key=lambda one: one[2]):
        if time > end:
            break
        refused_until = last.get((who, purpose))
        if refused_until is not None and not refused_until[1] and time > start:
            found.add(purpose)
        last[who, purpose] = time, granted
    found |= {purpose for (_, purpose), (_, granted) in last.items() if not granted}
    return tuple(sorted(found & agreed))
