"""Laws of the terms of a purpose: grants lapse, wait for their confirmation, hold until an objection, need a parent."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from regulars.profile.consent import Terms, allows, pending, since, standing
from regulars.profile.statements import CONFIRMED, HORIZON_MS, RIDING, Said, union

NAMES = ("anonymous_id:c1", "anonymous_id:c2", "user_id:ana")
DAY = 86_400_000
EXPIRES = 60 * DAY
TERMS = {
    "lapsing": Terms(expires=EXPIRES),
    "confirmed": Terms(confirmed=True),
    "both": Terms(confirmed=True, expires=EXPIRES),
    "standing": Terms(standing=True),
    "partners": Terms(expires=EXPIRES),
    "partners:acme": Terms(within="partners"),
}
SLOTS = {purpose: terms.slot for purpose, terms in TERMS.items() if terms.expires is not None}
PURPOSES = (*TERMS, "plain")
NOW = st.integers(0, 40).map(lambda at: at * 10 * DAY)


def statements(
    names: tuple[str, ...] = NAMES, *, riding: bool = True, purposes: tuple[str, ...] = PURPOSES
) -> st.SearchStrategy[list[Said]]:
    """Statements over 300 days, ten days apart."""
    marks = st.sampled_from(["", CONFIRMED, *([RIDING] if riding else [])])
    return st.lists(
        st.tuples(
            st.sampled_from(names),
            st.sampled_from(purposes),
            st.integers(0, 30).map(lambda at: at * 10 * DAY),
            st.tuples(marks, st.sampled_from(["m1", "m2"])).map("".join),
            st.booleans(),
        ),
        max_size=14,
    )


def chains(marks: tuple[str, ...]) -> st.SearchStrategy[list[Said]]:
    """Grants of one voice that follow one another; a refusal among them comes late, if one comes."""
    days = st.integers(0, 30).map(lambda at: at * 10 * DAY)
    grants = st.lists(st.tuples(days, st.sampled_from(marks)), min_size=3, max_size=14)
    refusals = st.lists(days, max_size=1)
    return st.tuples(grants, refusals).map(
        lambda both: (
            [(NAMES[0], "lapsing", time, mark + "m", True) for time, mark in both[0]]
            + [(NAMES[0], "lapsing", time, "no", False) for time in both[1]]
        )
    )


CHAINS = chains(("", CONFIRMED, RIDING)) | chains((RIDING,))


@given(statements(), st.randoms(), NOW)
def test_the_order_of_arrival_does_not_matter(said: list[Said], random: object, now: int) -> None:
    shuffled = said[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis draws a random.Random
    assert standing(shuffled, TERMS, now) == standing(said, TERMS, now)


@given(statements(), NOW, NOW)
def test_time_alone_only_narrows(said: list[Said], one: int, other: int) -> None:
    earlier, later = since(said, TERMS, min(one, other)), since(said, TERMS, max(one, other))
    assert later.keys() <= earlier.keys()
    assert all(start >= earlier[purpose] for purpose, start in later.items())


@given(statements(), NOW)
def test_nothing_changes_before_the_instant_that_is_told(said: list[Said], now: int) -> None:
    found = standing(said, TERMS, now)
    if found.lapses is None:
        assert since(said, TERMS, now + 10_000 * DAY) == found.since
    else:
        assert found.lapses > now
        assert since(said, TERMS, found.lapses - 1) == found.since


@given(statements(NAMES[:1]), statements(NAMES[1:]), NOW)
def test_a_merge_never_opens_what_neither_side_had_nor_what_one_had_refused(
    one: list[Said], other: list[Said], now: int
) -> None:
    merged, sides = since(one + other, TERMS, now), (since(one, TERMS, now), since(other, TERMS, now))
    for purpose, start in merged.items():
        if ":" not in purpose:
            assert any(purpose in side for side in sides)
        for said, side in zip((one, other), sides, strict=True):
            refusals = [s[2] for s in said if s[1] == purpose and not s[4]]
            assert not refusals or start > max(refusals)
            assert not refusals or purpose in side or _silent(said, purpose)


def _silent(said: list[Said], purpose: str) -> bool:
    """Whether the side once refused, then granted, and all of that has lapsed or waits for its parent."""
    return ":" in purpose or purpose in since([s for s in said if s[1] == purpose], TERMS, 0)


@given(statements(), st.sampled_from(NAMES), st.sampled_from(PURPOSES), st.integers(0, 40), NOW)
def test_after_a_refusal_no_earlier_event_counts_again(
    said: list[Said], name: str, purpose: str, at: int, now: int
) -> None:
    refused_at = at * 10 * DAY
    found = since([*said, (name, purpose, refused_at, "w", False)], TERMS, now)
    for event_time in range(0, refused_at + 1, 10 * DAY):
        assert not allows(found, purpose, event_time)


@given(statements(NAMES[:1], purposes=("lapsing",)), NOW)
def test_a_lapsed_grant_allows_nothing_and_the_next_one_starts_from_zero(said: list[Said], now: int) -> None:
    """One voice, read aloud: from the last refusal on, stated grants renew one another; a gap ends what was before."""
    found = since(said, TERMS, now).get("lapsing")
    refusals = [s[2] for s in said if not s[4]]
    last = max(refusals, default=-1)
    after = sorted((s[2], s[3]) for s in said if s[4] and s[2] > last)
    renewing = [time for at, (time, message) in enumerate(after) if not at or not message.startswith(RIDING)]
    if found is not None:
        assert now - EXPIRES < renewing[-1]
        chain = [time for time in renewing if time >= found]
        assert chain[0] == found
        assert all(later - earlier < EXPIRES for earlier, later in pairwise(chain))
    elif renewing:
        # A riding answer lapses with its slot, up to a slot sooner.
        sooner = TERMS["lapsing"].slot if after[0][1].startswith(RIDING) and len(renewing) == 1 else 0
        assert now >= renewing[-1] + EXPIRES - sooner


@given(statements(purposes=("confirmed", "both")), NOW)
def test_an_unconfirmed_grant_allows_nothing(said: list[Said], now: int) -> None:
    asked_only = [s for s in said if not (s[4] and s[3].startswith(CONFIRMED))]
    assert not since(asked_only, TERMS, now).keys() & {"confirmed", "both"}
    found = since(said, TERMS, now)
    for purpose in found.keys() & {"confirmed", "both"}:
        grants = [s[2] for s in said if s[1] == purpose and s[4] and s[3].startswith(CONFIRMED)]
        assert found[purpose] in grants


@given(statements(purposes=("confirmed", "plain")))
def test_what_waits_for_confirmation_was_asked_and_neither_confirmed_nor_refused_since(said: list[Said]) -> None:
    waiting = pending(said, TERMS)
    assert waiting.keys() <= {"confirmed"}
    for name, (time, message_id) in waiting.get("confirmed", {}).items():
        assert (name, "confirmed", time, message_id, True) in said
        voice = [s for s in said if s[0] == name and s[1] == "confirmed" and s[2] >= time]
        assert not any(s[2] > time and not s[4] for s in voice)


@given(statements(), NOW)
def test_a_legitimate_interest_holds_until_somebody_objects(said: list[Said], now: int) -> None:
    found = since(said, TERMS, now)
    voices: dict[str, list[tuple[int, bool]]] = {}
    for name, purpose, time, _, granted in said:
        if purpose == "standing":
            voices.setdefault(name, []).append((time, not granted))
    objects = any(max(voice)[1] for voice in voices.values())
    assert ("standing" in found) is not objects
    if not any(refused for voice in voices.values() for _, refused in voice):
        assert found["standing"] == 0


@given(
    st.lists(st.tuples(st.sampled_from(["partners", "partners:acme"]), st.integers(0, 5), st.booleans()), max_size=5)
)
def test_a_partner_gets_nothing_without_its_own_yes_and_the_yes_to_partners(told: list[tuple[str, int, bool]]) -> None:
    said: list[Said] = [("user_id:ana", purpose, day * DAY, "m", granted) for purpose, day, granted in told]
    now = 6 * DAY
    found = since(said, TERMS, now)
    alone = since(said, {}, now)
    if {"partners", "partners:acme"} <= alone.keys():
        assert found["partners:acme"] == max(alone["partners"], alone["partners:acme"])
    else:
        assert "partners:acme" not in found
    no_to_all = [*said, ("user_id:ana", "partners", 10**15, "no", False)]
    assert not {"partners", "partners:acme"} & since(no_to_all, TERMS, now).keys()


@given(statements() | CHAINS, st.lists(st.integers(1, 13), max_size=4))
def test_what_is_forgotten_only_narrows(said: list[Said], cuts: list[int]) -> None:
    kept: list[Said] = []
    for begin, end in pairwise([0, *sorted(cuts), len(said)]):
        kept = union(kept, said[begin:end], SLOTS)
    for at in range(0, 400, 10):
        full, found = since(said, TERMS, at * DAY), since(kept, TERMS, at * DAY)
        assert found.keys() <= full.keys()
        assert all(start >= full[purpose] for purpose, start in found.items())


@given(statements() | CHAINS)
def test_what_comes_in_order_is_not_forgotten(said: list[Said]) -> None:
    kept: list[Said] = []
    for one in sorted(said, key=lambda s: (s[2], s)):
        kept = union(kept, [one], SLOTS)
        assert union(kept, [one], SLOTS) == kept
    for at in range(0, 400, 20):
        assert since(kept, TERMS, at * DAY) == since(said, TERMS, at * DAY)


def test_the_horizon_is_shorter_than_a_slot() -> None:
    assert min(SLOTS.values()) > HORIZON_MS


def test_a_grant_that_is_stated_again_and_again_is_one_grant() -> None:
    kept: list[Said] = []
    for day in range(0, 401, 50):
        kept = union(kept, [(NAMES[0], "lapsing", day * DAY, f"m{day}", True)], SLOTS)
    assert since(kept, TERMS, 430 * DAY)["lapsing"] == 0


def test_a_refusal_that_comes_late_leaves_a_riding_answer_no_longer_than_all_statements_do() -> None:
    riding: list[Said] = [(NAMES[0], "lapsing", day * DAY, f"{RIDING}m{day}", True) for day in (31, 45, 59, 75, 110)]
    refusal: Said = (NAMES[0], "lapsing", 40 * DAY, "no", False)
    kept: list[Said] = []
    for said in [*riding, refusal]:
        kept = union(kept, [said], SLOTS)
    assert ((NAMES[0], "lapsing", 45 * DAY, f"{RIDING}m45", True)) not in kept
    for day in range(40, 200):
        full = since([*riding, refusal], TERMS, day * DAY)
        assert since(kept, TERMS, day * DAY).keys() == full.keys(), day
