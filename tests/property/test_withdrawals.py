"""The lake holds what consent admits, and nothing else: whatever is said, by whom, when, and in which order."""

import functools
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.core.event import Event
from regulars.core.record import HOT, Hot, part_id
from regulars.core.state import IDENTIFIER, VERDICT
from regulars.core.verdict import unpack
from regulars.profile import consent
from regulars.profile.assignment import IdRow, profile_of
from tests.property.lakes import Keeping
from tests.property.test_consent_flow import ENGINE, record, tick
from tests.property.test_flow import DAY, START, calls

quick = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
steps = st.lists(st.sampled_from(["", "", "seal", "keep"]), min_size=14, max_size=14)


def kept(sent: list[dict[str, Any]], after_each: list[str], last: int) -> Keeping:
    """A shop after these calls, with seals and withdrawals carried out in between; time comes last."""
    shop = Keeping(ENGINE)
    received = START + 14 * DAY
    shop.log.append([tick(received)])
    for call, step in zip(sent, after_each, strict=False):
        shop.log.append([record(call, received)])
        shop.updater.run()
        if step == "seal":
            shop.seal()
        elif step == "keep":
            shop.keep()
    if last:
        shop.log.append([tick(received + last * DAY)])
        shop.updater.run()
    shop.keep()
    return shop


def admits(shop: Keeping, event: Event) -> bool:
    """Whether the consent of whose event it is admits it as of now."""
    rows = cast(dict[str, IdRow], {str(row[0]): row for row in shop.state.select(IDENTIFIER)})
    number = profile_of(event.subject, event.time, rows)
    assert number is not None
    (data,) = shop.state.parts([part_id(number, HOT)]).values()
    hot = msgspec.msgpack.decode(data, type=Hot)
    return consent.allows(hot.consent, ENGINE.admitting_purpose(event.name), event.time)


def everything(shop: Keeping) -> list[Event]:
    return [
        event
        for logged in shop.log.read(0, records=1_000)
        for event in ENGINE.plain_decoder.decode(logged)
        if isinstance(event, Event)
    ]


@quick
@given(calls(), steps, st.integers(0, 9))
def test_the_lake_holds_what_the_consent_of_now_admits_and_nothing_else(
    sent: list[dict[str, Any]], after_each: list[str], last: int
) -> None:
    shop = kept(sent, after_each, last)
    wanted = {(event.offset, event.index) for event in everything(shop) if admits(shop, event)}
    assert shop.sealed.keys() == wanted


@quick
@given(calls(), steps)
def test_what_a_withdrawal_took_out_stays_out_when_the_customer_says_yes_again(
    sent: list[dict[str, Any]], after_each: list[str]
) -> None:
    shop = kept(sent, after_each, 0)
    before = set(shop.sealed)
    now = START + 14 * DAY + 1000
    for number, granted in enumerate((False, True)):
        for user in ("ana", "ben"):
            said = {
                "type": "track", "event": "Consent Updated", "messageId": f"again-{user}-{number}", "userId": user,
                "timestamp": "2023-11-28T22:13:2" + str(number) + ".000Z",
                "properties": {"purposes": {"analytics": granted, "personalisation": granted}},
            }  # fmt: skip
            shop.log.append([record(said, now + number)])
            shop.updater.run()
        shop.keep()
    assert shop.sealed.keys() <= before | {(e.offset, e.index) for e in everything(shop) if e.name == "Consent Updated"}
    owned = [event for event in shop.sealed.values() if event.subject.startswith("user_id:")]
    assert not [event for event in owned if event.name == "Product Viewed"]


def test_a_yes_of_before_that_comes_after_the_no_spares_the_rows_that_it_admits() -> None:
    shop = Keeping(ENGINE)
    now = START + DAY
    shop.log.append([tick(now)])

    def happens(name: str, minute: int, **properties: Any) -> None:
        call = {
            "type": "track", "event": name, "messageId": f"m{minute}", "userId": "ana", "properties": properties,
            "timestamp": f"2023-11-15T12:{minute:02}:00.000Z",
        }  # fmt: skip
        shop.log.append([record(call, now)])
        shop.updater.run()

    happens("Consent Updated", 5, purposes={"analytics": True})
    happens("Product Viewed", 7, product_id="a")
    happens("Product Viewed", 15, product_id="b")
    shop.seal()
    happens("Consent Updated", 10, purposes={"analytics": False})
    happens("Consent Updated", 12, purposes={"analytics": True})
    assert shop.keep() == 1
    views = [event for event in shop.sealed.values() if event.name == "Product Viewed"]
    assert [event.properties["product_id"] for event in views] == ["b"]


class _Afternoon:
    """A shop in which things happen by the minute: whom they concern is told by a user id, a device, or both."""

    def __init__(self) -> None:
        self.shop = Keeping(ENGINE)
        self.now = START + DAY
        self.shop.log.append([tick(self.now)])

    def happens(self, name: str, minute: int, *, user: str = "", device: str = "", **properties: Any) -> None:
        call = {
            "type": "track", "event": name, "messageId": f"m{minute}", "properties": properties,
            "timestamp": f"2023-11-15T12:{minute:02}:00.000Z",
        }  # fmt: skip
        call |= {key: value for key, value in (("userId", user), ("anonymousId", device)) if value}
        self.shop.log.append([record(call, self.now)])
        self.shop.updater.run()

    def views(self) -> list[str]:
        self.shop.keep()
        return [event.message_id for event in self.shop.sealed.values() if event.name == "Product Viewed"]


@pytest.mark.parametrize("sealed", ["no", "refused", "admitted"])
@pytest.mark.parametrize("late", [False, True])
def test_a_view_goes_with_the_device_to_somebody_who_did_not_agree(sealed: str, late: bool) -> None:  # noqa: FBT001
    afternoon = _Afternoon()
    afternoon.happens("Product Viewed", 1, user="ana")
    afternoon.happens("Order Refunded", 10, user="ben", device="d2", order_id="b", total=1)
    agrees = functools.partial(afternoon.happens, "Consent Updated", 5, user="ben", purposes={"analytics": True})
    if not late:
        agrees()
    afternoon.happens("Product Viewed", 30, device="d2", product_id="a")
    if sealed == "refused":
        afternoon.shop.keep()
    if late:
        agrees()
    if sealed == "admitted":
        assert afternoon.views() == ["m30"]
    afternoon.happens("Order Refunded", 20, user="ana", device="d2", order_id="a", total=2)
    assert afternoon.views() == []


@pytest.mark.parametrize("sealed", [False, True])
def test_a_view_goes_with_the_device_to_somebody_who_agreed(sealed: bool) -> None:  # noqa: FBT001
    afternoon = _Afternoon()
    afternoon.happens("Product Viewed", 1, user="ana", product_id="b")
    afternoon.happens("Consent Updated", 5, user="ana", purposes={"analytics": True})
    afternoon.happens("Order Refunded", 10, user="ben", device="d2", order_id="b", total=1)
    afternoon.happens("Product Viewed", 30, device="d2", product_id="a")
    if sealed:
        afternoon.shop.keep()
    afternoon.happens("Order Refunded", 20, user="ana", device="d2", order_id="a", total=2)
    assert afternoon.views() == ["m30"]


def test_what_the_next_sealing_takes_anyway_is_not_told_to_it_again() -> None:
    afternoon = _Afternoon()
    for minute, user in ((5, "ana"), (6, "ben")):
        afternoon.happens("Consent Updated", minute, user=user, purposes={"analytics": True})
    afternoon.happens("Order Refunded", 10, user="ben", device="d2", order_id="b", total=1)
    afternoon.happens("Product Viewed", 30, device="d2", product_id="a")
    afternoon.happens("Order Refunded", 20, user="ana", device="d2", order_id="a", total=2)
    rows = afternoon.shop.state.select(VERDICT)
    assert not [one.late for row in rows for one in unpack(cast(bytes, row[2])) if one.late]
    assert afternoon.views() == ["m30"]
