"""The page of a confirmation link, opened by people and by mail scanners."""

from typing import Any

import msgspec

from regulars.core.state import CONFIRMED, CONSENT
from regulars.runtime.confirmations import Action, Confirmation, LinkSigner, new_id
from tests.unit.console.corner import DAY, NOW, Corner, call

EMAIL = "email:ana@corner.example"


def address(corner: Corner, action: Action, **more: Any) -> str:
    link = Confirmation(
        **{
            "action": action, "identifier": EMAIL, "id": new_id(), "asked_at": NOW, "expires": NOW + DAY, "by": "till",
            **more,
        }
    )  # fmt: skip
    return "/confirm/" + LinkSigner(corner.services.folder.secret()).sign(link)


def agreeing(corner: Corner, **more: Any) -> str:
    return address(corner, "consent", purposes=("analytics",), text_version="v7", **more)


def said(corner: Corner, identifier: str = EMAIL) -> list[tuple[str, int, dict[str, Any]]]:
    rows = corner.state.select(CONSENT, {"identifier": identifier})
    return [(str(row[1]), int(row[4] or 0), msgspec.json.decode(row[5] or b"{}")) for row in rows]  # type: ignore[arg-type]


def test_looking_at_a_link_changes_nothing(own_corner: Corner) -> None:
    path = agreeing(own_corner)
    head = own_corner.log.head()
    for page in [own_corner.client().get(path) for _ in range(3)]:
        assert page.status_code == 200
        assert "Understanding our shop" in page.text
        assert "ana@corner.example" in page.text
        assert page.headers["cache-control"] == "no-store"
    assert own_corner.log.head() == head
    assert not said(own_corner)


def test_the_button_notes_the_consent_with_its_proof_once(own_corner: Corner) -> None:
    path = agreeing(own_corner)
    done = own_corner.client().post(path)
    assert (done.status_code, "noted" in done.text) == (200, True)
    ((purpose, granted, evidence),) = said(own_corner)
    assert (purpose, granted) == ("analytics", 1)
    assert evidence["method"] == "confirmation_link"
    assert (evidence["text_version"], evidence["by"], evidence["asked_at"]) == ("v7", "till", NOW)
    assert own_corner.customer(EMAIL).consent.keys() == {"analytics"}
    again = own_corner.client().post(path)
    assert (again.status_code, "used before" in again.text) == (409, True)
    assert len(said(own_corner)) == 1


def test_without_a_version_of_its_own_the_proof_names_the_words_that_the_page_showed(own_corner: Corner) -> None:
    wording = {one.id: one.wording for one in own_corner.services.definitions.purposes}["analytics"]
    path = address(own_corner, "consent", purposes=("analytics", "personalisation"))
    assert wording.text["en"] in own_corner.client().get(path, headers={"accept-language": "en"}).text
    assert own_corner.client().post(path).status_code == 200
    told = {purpose: evidence["text_version"] for purpose, _, evidence in said(own_corner)}
    assert told["analytics"] == wording.version != told["personalisation"]


def test_a_link_used_again_after_a_withdrawal_grants_nothing(own_corner: Corner) -> None:
    path = agreeing(own_corner)
    own_corner.client().post(path)
    own_corner.command("set_consent", identifier=EMAIL, purpose="analytics", granted=False, reason="asked by phone")
    assert own_corner.client().post(path).status_code == 409
    assert not own_corner.customer(EMAIL).consent


def test_the_browser_that_asked_is_joined_with_its_past(own_corner: Corner) -> None:
    own_corner.happened({**call("", "Order Completed", "b1", {"order_id": "x", "total": 5}), "userId": None,
                         "anonymousId": "browser-1"})  # fmt: skip
    path = address(own_corner, "confirm_identifier", device="anonymous_id:browser-1")
    page = own_corner.client().get(path, headers={"accept-language": "de"})
    assert "Waren Sie es nicht" in page.text
    assert own_corner.client().post(path).status_code == 200
    assert own_corner.profile(EMAIL) == own_corner.profile("anonymous_id:browser-1")
    assert own_corner.customer(EMAIL).traits["orders"] == 1
    assert own_corner.client().post(path).status_code == 409


def test_a_purpose_that_the_shop_no_longer_has_is_not_agreed_to(own_corner: Corner) -> None:
    path = address(own_corner, "consent", purposes=("telepathy",))
    assert own_corner.client().post(path).status_code == 422
    assert not said(own_corner)
    # What was refused did not use the link up.
    assert not own_corner.state.select(CONFIRMED)


def test_a_foreign_an_old_and_a_mended_link_say_what_to_do(own_corner: Corner) -> None:
    old = agreeing(own_corner, expires=NOW)
    for method in ("GET", "POST"):
        assert own_corner.client().request(method, old).status_code == 410
        broken = own_corner.client().request(method, agreeing(own_corner)[:-3])
        assert (broken.status_code, "not complete" in broken.text) == (404, True)
    assert not said(own_corner)
