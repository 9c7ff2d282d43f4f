"""Laws of consent: it fails closed, a merge only narrows, and the order of arrival says nothing."""

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.definitions import CONTRACT
from regulars.profile.consent import allows, change, gate, since
from regulars.profile.statements import HORIZON_MS, RIDING, SLOT_MS, Said, union

NAMES = ("anonymous_id:c1", "anonymous_id:c2", "user_id:ana")


def statements(
    step: int = 1, last: int = 12, *, riding: bool = False, names: tuple[str, ...] = NAMES
) -> st.SearchStrategy[list[Said]]:
    ids = st.sampled_from(["m1", "m2", "m3"])
    if riding:
        ids = ids | ids.map(lambda m: RIDING + m)
    return st.lists(
        st.tuples(
            st.sampled_from(names),
            st.sampled_from(["analytics", "marketing"]),
            st.integers(0, last).map(lambda t: t * step),
            ids,
            st.booleans(),
        ),
        max_size=12,
    )


def allowed_at(said: list[Said], purpose: str, instant: int) -> bool:
    """The decision record, read aloud: at least one last statement grants, none refuses; a tie is a refusal."""
    last: dict[str, tuple[int, bool]] = {}
    for identifier, about, time, _, granted in said:
        if about == purpose and time <= instant:
            last[identifier] = max(last.get(identifier, (-1, False)), (time, not granted))
    return bool(last) and not any(refused for _, refused in last.values())


@given(statements())
def test_since_begins_the_allowed_interval_that_lasts_until_now(said: list[Said]) -> None:
    found = since(said)
    for purpose in ("analytics", "marketing"):
        allowed = [t for t in range(14) if allowed_at(said, purpose, t)]
        tail = [t for t in allowed if set(range(t, 14)) <= set(allowed)]
        assert found.get(purpose) == (min(tail) if tail else None)


@given(statements(), st.randoms())
def test_the_order_of_arrival_does_not_matter(said: list[Said], random: object) -> None:
    shuffled = said[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis draws a random.Random
    assert since(shuffled) == since(said)


@given(statements(names=NAMES[:1]), statements(names=NAMES[1:]))
def test_a_merge_never_allows_what_one_side_had_refused(one: list[Said], other: list[Said]) -> None:
    merged = since(one + other)
    for purpose, start in merged.items():
        for said in (one, other):
            for instant in range(start, 14):
                spoke = any(s[1] == purpose and s[2] <= instant for s in said)
                assert allowed_at(said, purpose, instant) or not spoke
            refused = any(s[1] == purpose and not s[4] for s in said)
            assert not refused or start >= since(said)[purpose]
        assert purpose in since(one) or purpose in since(other)


@given(statements(), st.sampled_from(NAMES), st.integers(0, 12))
def test_after_a_withdrawal_no_earlier_event_counts_again(said: list[Said], name: str, at: int) -> None:
    with_withdrawal = [*said, (name, "analytics", at, "w", False)]
    for event_time in range(at + 1):
        assert not allows(since(with_withdrawal), "analytics", event_time)


@given(st.integers(0, 10**13))
def test_without_consent_there_is_the_contract_and_nothing_else(time: int) -> None:
    assert since([]) == {}
    assert allows({}, CONTRACT, time)
    assert gate(CONTRACT, {})
    assert not allows({}, "analytics", time)
    assert not gate("analytics", {})


@given(statements(), statements(), st.integers(0, 13))
def test_a_changed_consent_is_applied_to_what_was_folded(old: list[Said], more: list[Said], last: int) -> None:
    """Counting one per event: after the effect the count is what folding under the new consent gives."""
    before, after = since(old), since(old + more)
    effect = change(before, after, last)
    for purpose in ("analytics", "marketing"):
        want = sum(allows(after, purpose, t) for t in range(last + 1))
        have = sum(allows(before, purpose, t) for t in range(last + 1))
        if purpose in effect.refold:
            have = want
        elif purpose in effect.clear:
            have = 0
        assert have == want


@given(statements(SLOT_MS // 3, 12, riding=True), st.data())
def test_the_kept_statements_say_the_same_in_any_order(said: list[Said], data: st.DataObject) -> None:
    at_once = union([], said)
    kept: list[Said] = []
    rest = data.draw(st.permutations(said))
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        kept, rest = union(kept, rest[:cut]), rest[cut:]
    assert kept == at_once
    assert union(kept, said) == kept


@given(statements(SLOT_MS // 3, 12))
def test_leaving_out_what_cannot_matter_changes_nothing(said: list[Said]) -> None:
    assert since(union([], said)) == since(said)


@given(statements(HORIZON_MS // 5, 30, riding=True))
def test_what_is_forgotten_only_narrows(said: list[Said]) -> None:
    full, kept = since(said), since(union([], said))
    assert kept.keys() <= full.keys()
    assert all(start >= full[purpose] for purpose, start in kept.items())
