"""A profile that is taken apart is as if what held it together had never been said; the explanation tells it."""

from random import Random
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.event import Event
from regulars.core.identifier import is_person
from regulars.core.identity_types import Identity
from regulars.core.log import NewRecord
from regulars.core.record import profile_name
from regulars.flow.whois import whois
from regulars.profile import evidence
from regulars.profile.links import Link, links_of
from tests.property.test_flow import ENGINE, picture
from tests.property.test_unlink import command, mails, quick, record, told

IDENTITY = ENGINE.definitions.identity


def told_without(records: list[NewRecord], pairs: set[tuple[str, str]]) -> SqliteState:
    """The state when no event says that these pairs belong together."""

    def links(event: Event, identity: Identity) -> list[Link]:
        return [link for link in links_of(event, identity) if (link.a, link.b) not in pairs]

    with patch.object(evidence, "links_of", links):
        return told(records)


def profiles(state: SqliteState) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in state.select(tables.IDENTIFIER):
        found.setdefault(int(str(row[1])), []).append(str(row[0]))
    return found


@quick
@given(mails(), st.integers(0, 999).map(Random))
def test_what_is_split_is_as_if_it_had_never_been_one(sent: list[dict[str, Any]], chance: Random) -> None:
    place = chance.randint(1, len(sent))
    first, later = [record([call]) for call in sent[:place]], [record([call]) for call in sent[place:]]
    several = [(number, keys) for number, keys in sorted(profiles(told(first)).items()) if len(keys) > 1]
    assume(several)
    number, keys = chance.choice(several)
    chosen = chance.sample(sorted(keys), chance.randint(1, len(keys) - 1))
    # By its name: a device among the keys may be in somebody else's hands by now.
    apart = command("split", profile=profile_name(number), keys=chosen, reason="two people")
    after = told([*first, apart])
    answer = msgspec.json.decode(bytes(after.select(tables.ANSWER)[-1][2]))  # type: ignore[arg-type]
    if "error" in answer:  # with their hashed forms they were all, or a burned key has no links to take back
        assert "nothing would remain" in answer["error"] or "no link leads" in answer["error"]
        assume(False)
    chosen = sorted(answer["keys"])
    pairs = {(a, b) for a, b in answer["withdrawn"]}
    assert all((a in chosen) != (b in chosen) for a, b in pairs)
    assert picture(told([*first, apart, *later])) == picture(told_without([*first, *later], pairs))


@quick
@given(mails(), st.integers(0, 999).map(Random))
def test_the_links_that_are_told_are_those_that_hold_the_person_together(
    sent: list[dict[str, Any]], chance: Random
) -> None:
    records = [record([call]) for call in sent]
    chance.shuffle(records)
    state = told(records)
    for number, keys in profiles(state).items():
        found = whois(number, IDENTITY, state)
        persons = {key for key in keys if is_person(key, IDENTITY)}
        joined = [step for step in found.steps if step.status in ("joined", "hash")]
        assert len(joined) == max(len(persons) - 1, 0)  # a tree: each of these links is needed, and they are enough
        assert {key for step in joined for key in (step.a, step.b)} <= persons
        assert {one.key for one in found.keys} >= set(keys)
        assert found.complete
