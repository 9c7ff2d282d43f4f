"""Who is who, mended by people: taking a link back, giving it again, and what a browser may not say."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.event import Event
from regulars.core.identity_types import Identity
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord
from regulars.flow.updater import Updater
from regulars.profile import evidence
from regulars.profile.links import COMMANDED, FOREVER, HASH, LIFTED, RESTORED, Link, links_of
from tests.property.test_flow import DAY, ENGINE, START, calls, picture

RECEIVED = START + 15 * DAY
CLOCK = NewRecord(TICK, "clock", "", RECEIVED, b"")
quick = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def record(batch: list[dict[str, Any]], source: str = "till") -> NewRecord:
    return NewRecord(EVENTS, source, "batch", RECEIVED, json.dumps({"batch": batch}).encode())


def command(name: str, time: int = RECEIVED, **args: Any) -> NewRecord:
    return NewRecord(COMMAND, "eva", name, time, json.dumps({"name": name, "args": args, "by": "eva"}).encode())


def told(records: list[NewRecord]) -> SqliteState:
    """The state after these records."""
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, *records])
    Updater(ENGINE, log, state, records=1).run()
    return state


def told_without(records: list[NewRecord], pair: tuple[str, str], until: int) -> SqliteState:
    """The state when no event of before `until` (ms) says that the two identifiers belong together."""

    def links(event: Event, identity: Identity) -> list[Link]:
        return [link for link in links_of(event, identity) if {link.a, link.b} != {*pair} or link.time >= until]

    with patch.object(evidence, "links_of", links):
        return told(records)


@st.composite
def mails(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Calls of two customers, with identify calls that give an address to the one or the other."""
    found = draw(calls())
    for number in range(draw(st.integers(1, 3))):
        call = {
            "type": "identify",
            "messageId": f"i{number}",
            "timestamp": "2023-11-16T12:00:00.000Z",
            "userId": draw(st.sampled_from(["ana", "ben"])),
            "traits": {"email": draw(st.sampled_from(["x@example.org", "y@example.org"])), "city": draw(cities)},
        }
        found.insert(draw(st.integers(0, len(found))), call)
    return found


cities = st.sampled_from(["Ulm", "Jena"])


@quick
@given(mails(), st.integers(0, 999).map(Random), st.sampled_from([FOREVER, START + 4 * DAY]))
def test_an_unlinked_pair_is_as_if_it_had_never_been_linked(
    sent: list[dict[str, Any]], chance: Random, until: int
) -> None:
    place = chance.randint(1, len(sent))
    first, later = [record([call]) for call in sent[:place]], [record([call]) for call in sent[place:]]
    rows = told(first).select(tables.LINK)
    links = sorted({(str(row[0]), str(row[1])) for row in rows if row[4] != HASH})  # those are one address
    assume(links)
    pair = chance.choice(links)
    taken_back = command("unlink", a=pair[1], b=pair[0], reason="a mistake", until=until)
    assert picture(told([*first, taken_back, *later])) == picture(told_without([*first, *later], pair, until))


@settings(quick, max_examples=80)
@given(mails(), st.integers(0, 999).map(Random), st.sampled_from([FOREVER, START + 4 * DAY, START + 9 * DAY]))
def test_a_pair_that_is_linked_again_is_as_if_it_had_never_been_unlinked(
    sent: list[dict[str, Any]], chance: Random, until: int
) -> None:
    chance.shuffle(sent)
    cuts = sorted(chance.randint(1, len(sent)) for _ in range(2))
    parts = [[record([call]) for call in sent[low:high]] for low, high in pairwise([0, *cuts, len(sent)])]
    rows = told(parts[0]).select(tables.LINK)
    links = sorted({(str(row[0]), str(row[1])) for row in rows if row[4] != HASH})
    assume(links)
    pair = chance.choice(links)
    apart = [command("unlink", a=pair[0], b=pair[1], reason="a mistake", until=until)] * chance.randint(1, 2)
    again = command("relink", a=pair[1], b=pair[0], reason="it was none")
    after = told([*parts[0], *apart, *parts[1], again, *parts[2]])
    assert picture(after) == picture(told([*parts[0], *parts[1], *parts[2]]))
    ledger = [Link(*row) for row in after.select(tables.LINK)]  # type: ignore[arg-type]  # the columns are the fields
    kept = Counter(link.status for link in ledger if (link.a, link.b) == pair and link.status in COMMANDED)
    assert kept == {LIFTED: len(apart), RESTORED: 1}
    never = {(x.a, x.b, x.status) for x in map(_link, told([*parts[0], *parts[1], *parts[2]]).select(tables.LINK))}
    assert {(x.a, x.b, x.status) for x in ledger if x.status not in COMMANDED} == never


def _link(row: Any) -> Link:
    return Link(*row)


@quick
@given(mails(), st.integers(0, 999).map(Random))
def test_a_consent_by_command_is_the_statement_of_an_event(sent: list[dict[str, Any]], chance: Random) -> None:
    place = chance.randint(1, len(sent))
    first, later = [record([call]) for call in sent[:place]], [record([call]) for call in sent[place:]]
    granted, purpose = chance.random() < 0.5, chance.choice(["analytics", "personalisation"])
    rows = told(first).select(tables.IDENTIFIER)
    known = sorted((str(row[0]), int(str(row[2]))) for row in rows if str(row[0]).startswith("user_id"))
    assume(known)
    key, seen = chance.choice(known)
    time = min(seen + chance.randint(0, 14) * DAY, RECEIVED)
    by_staff = command("set_consent", time, identifier=key, purpose=purpose, granted=granted, reason="at the till")
    said = {
        "type": "track",
        "event": "Consent Updated",
        "messageId": "s",
        "timestamp": datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "userId": key.partition(":")[2],
        "properties": {"purposes": {purpose: granted}},
    }
    assert _without_times(told([*first, by_staff, *later])) == _without_times(told([*first, record([said]), *later]))


def _without_times(state: SqliteState) -> dict[str, Any]:
    """The picture without what only an event does: it is seen at its time, by somebody who may be new."""
    found = picture(state)
    for parts in found["parts"].values():
        anchor, _, _, *rest = parts[0]
        parts[0] = anchor, *rest
    found["identifiers"] = [row[:2] for row in found["identifiers"]]
    found["counters"] = {key: count for key, count in found["counters"].items() if key[0] != "new_profiles"}
    return found


@quick
@given(mails(), mails(), st.sampled_from(["d1", "d9"]))
def test_claims_of_a_browser_change_nothing_of_known_profiles(
    sent: list[dict[str, Any]], claimed: list[dict[str, Any]], device: str
) -> None:
    known = told([record(sent)])
    before = picture(known)
    # The same names, sent with a public key from a device that the shop's own systems never mentioned.
    claims = [{**call, "anonymousId": f"browser-{device}", "messageId": f"c{n}"} for n, call in enumerate(claimed)]
    after = picture(told([record(sent), record(claims, "web")]))
    for number, parts in before["parts"].items():
        assert after["parts"][number] == parts
    assert [row for row in after["identifiers"] if "browser-" not in row[0]] == before["identifiers"]
    people = {number for _, number in before["members"]} | set(before["parts"])
    assert [row for row in after["members"] if row[1] in people] == before["members"]
    # A refund of an order that nobody told of is nobody's yet.
    assert all(row in after["orders"] for row in before["orders"] if row[3] != "unknown")
