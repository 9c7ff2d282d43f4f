"""Laws of deciding: probabilities, limits, and the monoid that carries them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.definitions import Limit, Placement
from regulars.decide import reach
from regulars.decide.arbitration import arbitrate, propensities
from regulars.decide.gates import pack_codes, unpack_codes
from regulars.decide.identity import decided_at, decision_id
from regulars.decide.reservations import Reservations
from tests.unit.decide.shop import NOW, decided, offer, table_of

moments = st.integers(0, 3 * reach.LAPSE_MS)
ids = st.builds(lambda after, salt: decision_id(NOW + after, bytes([salt] * 10)), moments, st.integers(0, 3))
told_decided = st.tuples(st.just("decided"), ids, st.sampled_from("abc"), st.just(0))
told_shown = st.tuples(st.just("shown"), ids, st.sampled_from("abc"), st.integers(NOW, NOW + 10**7))
tales = st.lists(st.one_of(told_decided, told_shown), max_size=30)


def folded(tale: list[tuple[str, str, str, int]], start: list[Any] | None = None) -> list[Any]:
    return reach.fold(
        start or [],
        decided=[(one, offer) for kind, one, offer, _ in tale if kind == "decided"],
        shown=[(one, offer, time) for kind, one, offer, time in tale if kind == "shown"],
    )


@given(tales, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_batches_and_repetition_do_not_matter(tale: list[Any], chance: Any, size: int) -> None:
    mixed = tale + chance.sample(tale, len(tale) // 2)
    chance.shuffle(mixed)
    state: list[Any] = []
    for at in range(0, len(mixed), size):
        state = folded(mixed[at : at + size], state)
    assert state == folded(tale)


@given(tales, tales, tales)
def test_reach_is_a_commutative_monoid(a: list[Any], b: list[Any], c: list[Any]) -> None:
    x, y, z = folded(a), folded(b), folded(c)
    assert reach.merge(x, y) == reach.merge(y, x)
    assert reach.merge(reach.merge(x, y), z) == reach.merge(x, reach.merge(y, z))
    assert reach.merge(x, []) == x
    assert reach.merge(x, x) == x


@given(st.data())
def test_caps_of_reach_are_a_monoid_too(data: st.DataObject) -> None:
    before = reach.MOST_SHOWN, reach.MOST_DECIDED
    reach.MOST_SHOWN, reach.MOST_DECIDED = 4, 3
    try:
        x, y, z = (folded(data.draw(tales)) for _ in range(3))
        assert reach.merge(reach.merge(x, y), z) == reach.merge(x, reach.merge(y, z))
        whole = reach.merge(reach.merge(x, y), z)
        assert not whole or (len(whole[0]) <= 3 and len(whole[1]) <= 4)
    finally:
        reach.MOST_SHOWN, reach.MOST_DECIDED = before


@given(tales, st.integers(NOW, NOW + 4 * reach.LAPSE_MS), st.integers(NOW, NOW + 10**7))
def test_what_counts_is_what_was_shown_or_may_still_be(tale: list[Any], now: int, first: int) -> None:
    tally = reach.Tally(folded(tale), (), now=now)
    for offer_id in "abc":
        seen: dict[str, int] = {}
        for kind, one, told, time in tale:
            if told == offer_id and kind == "shown":
                seen[one] = min(time, seen.get(one, time))
        newest = max((decided_at(one) or 0 for kind, one, *_ in tale if kind == "decided"), default=0)
        since = max(now, newest) - reach.LAPSE_MS
        for kind, one, told, _ in tale:
            made = decided_at(one) or 0
            if told == offer_id and kind == "decided" and one not in seen and made >= since:
                seen[one] = made
        assert tally.used(offer_id, first) == sum(time >= first for time in seen.values())


@given(
    st.lists(st.integers(0, 500), unique=True, max_size=60),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)
def test_probabilities_sum_to_one_and_the_chosen_has_its_own(
    candidates: list[int], exploration: float, number: float
) -> None:
    best = max(candidates, default=-1)
    chosen = arbitrate(candidates, best, exploration=exploration, draw=number)
    shares = propensities(candidates, chosen)
    if not candidates:
        assert (chosen.offer, shares) == (-1, [])
        return
    assert abs(sum(share for _, share in shares) - 1) < 1e-9
    assert dict(shares)[chosen.offer] == chosen.propensity
    assert chosen.propensity > 0
    assert chosen.best == best


@given(st.integers(1, 12), st.floats(0.01, 1))
def test_probabilities_are_those_of_the_draw(count: int, exploration: float) -> None:
    """The share of a fine grid of draws that choose a candidate is its probability."""
    candidates, grid = list(range(count)), 4000
    hits = dict.fromkeys(candidates, 0)
    for step in range(grid):
        hits[arbitrate(candidates, 0, exploration=exploration, draw=(step + 0.5) / grid).offer] += 1
    shares = dict(propensities(candidates, arbitrate(candidates, 0, exploration=exploration, draw=0.0)))
    for candidate, share in shares.items():
        assert abs(hits[candidate] / grid - share) <= 3 / grid


@given(st.binary(max_size=301).map(lambda data: bytes(byte & 7 for byte in data)))
def test_gate_codes_survive_packing(codes: bytes) -> None:
    assert unpack_codes(pack_codes(codes), len(codes)) == codes
    assert len(pack_codes(codes)) == (len(codes) + 1) // 2


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(["decide", "store", "fold", "show", "wait"]), st.integers(0, 5)), max_size=40),
)
def test_a_cap_holds_whatever_is_stored_folded_or_shown_when(times: int, steps: list[tuple[str, int]]) -> None:
    """One profile's calls, with records that become durable, are folded and shown at any later moment, in order."""
    table = table_of(
        offer("rare", limit=Limit(times=times, days=30), value=9), placements=[Placement(id="hero", exploration=0.0)]
    )
    held, now, folded_to, head = Reservations(), NOW, 0, 0
    state: list[Any] = []
    waiting: list[Any] = []
    log: list[str] = []
    made: list[str] = []
    seen: set[str] = set()
    for number, (step, choice) in enumerate(steps):
        if step == "decide":
            held.forget(folded=folded_to, now=now)
            one = decided(table, reach=state, own=list(held.of(7)), now=now)
            if one.slots[0].chosen.offer >= 0:
                identifier = decision_id(now, number.to_bytes(8))
                waiting.append(held.reserve(7, identifier, ["rare"], time=now))
                made.append(identifier)
        elif step == "store" and waiting:
            head += 1
            entry = waiting.pop(0)
            entry.offset = head
            log.append(entry.identifier)
        elif step == "fold" and folded_to < head:
            state = reach.fold(state, decided=[(log[folded_to], "rare")])
            folded_to += 1
        elif step == "show" and made:
            # Shown in time: what is shown after it lapsed was not held for.
            identifier = made[choice % len(made)]
            if (decided_at(identifier) or 0) >= now - reach.LAPSE_MS:
                state = reach.fold(state, shown=[(identifier, "rare", now)])
                seen.add(identifier)
        elif step == "wait":
            now += choice * 600_000
        assert len(seen) <= times
