"""Who is who in a shop: cookies, accounts, a shared tablet, the till's own card."""

from collections.abc import Sequence

from regulars.core.event import Event
from regulars.core.identifier import subject_of
from regulars.core.identity_types import Identity
from regulars.core.record import profile_number
from regulars.profile.assignment import IdRow, assign, holders_of, keys_of
from regulars.profile.effects import cut_refolds
from regulars.profile.evidence import MAX_MEMBERS, Facts
from regulars.profile.identity import explain, resolve
from regulars.profile.links import FOREVER, MAX_HOLDERS, REVOKED, SLOT_MS, Link, links_of
from regulars.profile.settlement import Settlement, settle, wanted

IDENTITY = Identity()
ANA, BEN, COOKIE = "user_id:ana", "user_id:ben", "anonymous_id:c1"
DAY = 86_400_000


class Shop:
    """The rows of the table `identifier`."""

    def __init__(self) -> None:
        self.rows: dict[str, IdRow] = {}
        self.rounds = 0

    def take(self, *events: Event, withdrawals: Sequence[Link] = ()) -> Settlement:
        rows = {key: self.rows[key] for key in keys_of(events) if key in self.rows}
        rows |= {key: self.rows[key] for key in holders_of(rows)}
        assignment = assign(events, rows, IDENTITY)
        facts = Facts(rows, assignment, events)
        while want := wanted(facts, events, withdrawals, IDENTITY):
            self.rounds += 1
            members = {n: [row for row in self.rows.values() if row[1] == n] for n in want.profiles}
            facts.add(want, {key: self.rows[key] for key in want.keys if key in self.rows}, members)
        done = settle(facts, events, withdrawals, IDENTITY)
        self.rows |= assignment.puts | done.puts
        return done

    def number(self, key: str) -> int:
        return self.rows[key][1]


def seen(time: int, *keys: str, name: str = "Page Viewed", claims: tuple[str, ...] = ()) -> Event:
    subject = subject_of(keys, IDENTITY)
    assert subject
    return Event(f"m{time}", "shop", name, time, time, subject, keys, claims, {}, {}, {})


def test_a_visitor_who_logs_in_becomes_known_and_keeps_the_number() -> None:
    shop = Shop()
    first = shop.take(seen(10, COOKIE))
    assert first.profiles == [profile_number(COOKIE)]
    done = shop.take(seen(20, COOKIE, ANA, name="Identify"))
    assert done.profiles == [profile_number(COOKIE)]
    assert [*done.merges, *done.refolds, *done.cuts, *done.moved] == []
    assert done.links == [Link(ANA, COOKIE, 20, "m20", "Identify", source="shop")]


def test_a_new_cookie_of_a_known_customer_is_merged_into_her_profile() -> None:
    shop = Shop()
    shop.take(seen(5, ANA))
    shop.take(seen(10, COOKIE))
    done = shop.take(seen(20, COOKIE, ANA))
    assert done.merges == [(profile_number(COOKIE), profile_number(ANA))]
    assert done.gone == {profile_number(COOKIE)}
    assert done.redirects == {profile_number(COOKIE): profile_number(ANA)}
    assert not done.refolds


def test_a_claim_of_a_public_key_links_nobody() -> None:
    event = seen(20, COOKIE, claims=(ANA,))
    assert links_of(event, IDENTITY) == []
    shop = Shop()
    shop.take(seen(5, ANA))
    assert shop.take(event).profiles == [profile_number(COOKIE)]


def test_another_login_on_the_same_browser_moves_the_session_and_no_history() -> None:
    shop = Shop()
    shop.take(seen(5, ANA), seen(6, BEN), seen(10, COOKIE), seen(20, COOKIE, ANA))
    done = shop.take(seen(DAY, COOKIE, BEN), seen(DAY + 1, COOKIE))
    assert done.profiles == [shop.number(BEN)] * 2
    assert cut_refolds(done.cuts, {shop.number(ANA): 20}) == set()
    late = shop.take(seen(DAY - 1, COOKIE))
    assert late.profiles == [shop.number(ANA)]


def test_a_late_login_that_moves_the_past_asks_for_a_refold_of_both() -> None:
    shop = Shop()
    shop.take(seen(5, ANA), seen(6, BEN), seen(10, COOKIE), seen(20, COOKIE, ANA), seen(DAY, COOKIE))
    done = shop.take(seen(DAY // 2, COOKIE, BEN))
    assert cut_refolds(done.cuts, {shop.number(ANA): DAY}) == {shop.number(ANA), shop.number(BEN)}
    assert cut_refolds(done.cuts, {shop.number(ANA): 20}) == set()


def test_two_accounts_with_one_family_address_stay_two_people() -> None:
    shop = Shop()
    shop.take(seen(10, ANA, "email:home@example.org"))
    done = shop.take(seen(20, BEN, "email:home@example.org"))
    assert shop.number(ANA) == shop.number("email:home@example.org")
    assert shop.number(BEN) != shop.number(ANA)
    assert [link.status for link in done.refused] == ["refused:conflict"]


def test_a_wrong_link_taken_back_gives_two_profiles_again() -> None:
    shop = Shop()
    shop.take(seen(10, ANA))
    shop.take(seen(15, "email:x@example.org"))
    shop.take(seen(20, ANA, "email:x@example.org"))
    pair = (ANA, "email:x@example.org")
    done = shop.take(withdrawals=[Link(*sorted_pair(pair), 30, "unlink1", "Unlink", FOREVER, REVOKED)])
    assert shop.number(ANA) != shop.number("email:x@example.org")
    assert done.refolds == {shop.number(ANA), shop.number("email:x@example.org")}
    assert done.new == {profile_number("email:x@example.org")}
    shop.take(seen(40, ANA, "email:x@example.org"))
    assert shop.number(ANA) != shop.number("email:x@example.org"), "withdrawn for good"


def sorted_pair(pair: tuple[str, str]) -> tuple[str, str]:
    return min(pair), max(pair)


def test_an_earlier_event_that_comes_late_renames_the_profile_and_keeps_its_content() -> None:
    shop = Shop()
    shop.take(seen(10, ANA), seen(20, ANA, COOKIE))
    done = shop.take(seen(5, COOKIE))
    assert done.moved == {profile_number(ANA): profile_number(COOKIE)}
    assert done.redirects == {profile_number(ANA): profile_number(COOKIE)}
    assert [*done.refolds, *done.merges] == []


def test_a_kiosk_belongs_to_nobody_and_links_nobody() -> None:
    shop = Shop()
    for place in range(MAX_HOLDERS + 5):
        shop.take(seen(1000 + place, "anonymous_id:kiosk", f"user_id:u{place}"))
    assert shop.number("anonymous_id:kiosk") == profile_number("anonymous_id:kiosk")
    assert shop.rows["anonymous_id:kiosk"][3] == b"x"
    assert len({shop.number(f"user_id:u{place}") for place in range(MAX_HOLDERS + 5)}) == MAX_HOLDERS + 5


def test_the_tills_own_card_is_burned_and_stays_small() -> None:
    shop = Shop()
    for start in range(0, 600, 50):
        shop.take(*(seen(1000 + n, "loyalty_card:till", f"email:{n}@example.org") for n in range(start, start + 50)))
    assert shop.rows["loyalty_card:till"][3] == b"x"
    assert len({shop.number(f"email:{n}@example.org") for n in range(600)}) == 600
    shop.rounds = 0
    shop.take(seen(5000, "loyalty_card:till", "email:601@example.org"))
    assert shop.rounds <= 2


def test_a_robot_with_thousands_of_cookies_gets_no_more() -> None:
    shop = Shop()
    robot = profile_number(ANA)
    shop.take(seen(1, ANA))
    shop.rows |= {f"anonymous_id:{n}": (f"anonymous_id:{n}", robot, 2, b"") for n in range(MAX_MEMBERS)}
    done = shop.take(seen(10, ANA, "anonymous_id:one-more"))
    assert shop.number("anonymous_id:one-more") != robot
    assert [link.status for link in done.refused] == ["refused:too_many"]


def test_a_logged_in_visit_is_learned_once_per_slot_and_then_costs_nothing() -> None:
    shop = Shop()
    shop.take(seen(10, ANA, COOKIE))
    visit = [seen(20 + n, ANA, COOKIE) for n in range(10)]
    known = assign(visit, shop.rows, IDENTITY)
    assert not known.unresolved
    assert not known.puts
    later = assign([seen(SLOT_MS + 20, ANA, COOKIE)], shop.rows, IDENTITY)
    assert not later.unresolved
    assert later.puts.keys() == {COOKIE}


def test_everyone_of_a_visit_in_one_batch_is_one_person() -> None:
    shop = Shop()
    done = shop.take(seen(10, COOKIE), seen(11, COOKIE), seen(12, COOKIE, ANA), seen(13, ANA), seen(14, COOKIE))
    assert set(done.profiles) == {profile_number(COOKIE)}
    assert done.new == {profile_number(COOKIE)}
    assert not done.merges


def test_the_reasons_why_identifiers_are_one_person_can_be_read() -> None:
    events = [
        seen(10, COOKIE),
        seen(20, COOKIE, ANA, name="Identify"),
        seen(30, ANA, "email:home@example.org"),
        seen(40, BEN, "email:home@example.org"),
        seen(50, COOKIE, BEN),
    ]
    links = [link for event in events for link in links_of(event, IDENTITY)]
    first = {COOKIE: 10, ANA: 20, BEN: 40, "email:home@example.org": 30}
    truth = resolve(links, first, IDENTITY)
    number = truth.numbers[ANA]
    assert explain(number, truth, links) == [
        ("joined", (ANA, COOKIE, "Identify", 20, "m20")),
        ("joined", ("email:home@example.org", ANA, "Page Viewed", 30, "m30")),
        ("refused", ("email:home@example.org", BEN, "Page Viewed", 40, "conflict")),
        ("held", (COOKIE, ANA, None, 50)),
    ]
    assert explain(1, truth, links) == []
