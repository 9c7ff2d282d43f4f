"""The page "Who is this": why identifiers are one person, and taking them apart."""

from typing import Any

from regulars.core.record import profile_name
from regulars.core.state import IDENTIFIER
from tests.unit.console.corner import Corner, send


def _identify(message: str, user: str, mail: str) -> dict[str, Any]:
    return {"type": "identify", "messageId": message, "userId": user, "traits": {"email": mail}}


def test_a_link_is_shown_taken_back_and_shown_as_taken_back(own_corner: Corner) -> None:
    own_corner.happened(_identify("w1", "ana", "ana@corner.test"))
    ana = own_corner.profile("user_id:ana")
    path = f"/console/customers/{ana}/identity"
    gil = own_corner.as_("gil")
    page = gil.get(path).text
    assert "E-mail ana@corner.test and User id ana were named together" in page
    assert '<path class="held"' in page
    none = send(gil, path, f"/console/customers/{ana}/unlink", a="email:ana@corner.test", b="user_id:ana", reason=" ")
    assert (none.status_code, "Say why" in none.text) == (422, True)
    fields = {"a": "email:ana@corner.test", "b": "user_id:ana", "reason": "<b>wrong</b>"}
    assert send(gil, path, f"/console/customers/{ana}/unlink", **fields).status_code == 303
    after = gil.get(path).text
    assert "gil took it back" in after
    assert "<b>wrong</b>" not in after
    assert '<path class="withdrawn"' in after
    assert "email:ana@corner.test" not in own_corner.customer("user_id:ana").identifiers
    assert ("gil", "look at identity", ana) in own_corner.looks()


def test_what_is_ticked_is_split_off(own_corner: Corner) -> None:
    own_corner.happened(_identify("w1", "ana", "ana@corner.test"), _identify("w2", "ana", "ben@corner.test"))
    ana = own_corner.profile("user_id:ana")
    path = f"/console/customers/{ana}/identity"
    pia = own_corner.as_("pia")
    answer = send(pia, path, f"/console/customers/{ana}/split", key2="email:ben@corner.test", reason="a gift")
    assert answer.status_code == 303
    remain = own_corner.customer("user_id:ana").identifiers
    assert [key for key in remain if "sha256" not in key] == ["email:ana@corner.test", "user_id:ana"]
    assert len(remain) == 3  # the hash of the other address went with it
    assert send(pia, path, f"/console/customers/{ana}/split", reason="nothing ticked").status_code == 422


def test_who_may_not_see_identifiers_gets_no_explanation(own_corner: Corner) -> None:
    ana = own_corner.profile("user_id:ana")
    mia = own_corner.as_("mia")
    assert mia.get(f"/console/customers/{ana}/identity").status_code == 403
    assert "Who is this" not in mia.get(f"/console/customers/{ana}").text


def test_what_the_narrower_consent_left_out_is_told(own_corner: Corner) -> None:
    own_corner.happened(_identify("w1", "ana", "x@corner.test"))
    refusal = {"identifier": "email:x@corner.test", "purpose": "analytics", "granted": False, "reason": "by telephone"}
    own_corner.command("set_consent", **refusal)
    own_corner.command("unlink", a="user_id:ana", b="email:x@corner.test", reason="a typing error")
    page = own_corner.as_("ada").get(f"/console/customers/{own_corner.profile('user_id:ana')}/identity").text
    assert "the narrower consent of both held: what needed “Understanding our shop” was dropped" in page


def test_an_identifier_that_was_only_named_has_its_page_too(own_corner: Corner) -> None:
    own_corner.happened(_identify("w1", "ana", "only-named@corner.test"))
    ana = own_corner.profile("user_id:ana")
    own_corner.command("split", profile=ana, keys=["email:only-named@corner.test"], reason="a typing error")
    row = own_corner.services.state.get(IDENTIFIER, "email:only-named@corner.test")
    assert row is not None
    alone = profile_name(int(str(row[1])))
    page = own_corner.as_("gil").get(f"/console/customers/{alone}/identity")
    assert (page.status_code, "only-named@corner.test" in page.text) == (200, True)
    assert f'href="/console/customers/{alone}"' not in page.text  # nothing else is known of it
    assert own_corner.as_("gil").get("/console/customers/p_nobody/identity").status_code == 404


def test_what_likeness_joined_is_not_told_as_named_together(own_corner: Corner) -> None:
    own_corner.happened(_identify("w1", "ana", "x@corner.test"), _identify("w2", "zoe", "z@corner.test"))
    own_corner.command("unlink", a="user_id:zoe", b="email:z@corner.test", reason="a typing error")
    pair = {"a": "user_id:ana", "b": "email:z@corner.test", "score": 0.987, "rule": "similar"}
    own_corner.command("link", links=[pair], reason="names")
    page = own_corner.as_("ada").get(f"/console/customers/{own_corner.profile('user_id:ana')}/identity").text
    assert "E-mail z@corner.test and User id ana are taken for one person" in page
    assert "likeness of what is known of them" in page
