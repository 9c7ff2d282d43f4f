"""Which pairs the page of possible duplicates asks about: two people still, who both allow to be compared."""

import re
from typing import Any

import msgspec
import pytest

from regulars.core.definitions import Linking
from tests.unit.console.corner import NOW, Corner, token_in

PAGE = "/console/duplicates"


def by_mail(name: str, message: str, **more: Any) -> dict[str, Any]:
    """A call of somebody who is known by an address alone."""
    context = {"externalIds": [{"type": "email", "id": f"{name}@shop.example"}]}
    return {"messageId": f"{message}-{name}", "timestamp": NOW, "context": context, **more}


def key(name: str) -> str:
    return f"email:{name}@shop.example"


@pytest.fixture
def asking(own_corner: Corner) -> Corner:
    """Cora and Dora, Emil and Enno wait for an answer."""
    for name in ("cora", "dora", "emil", "enno"):
        own_corner.happened(by_mail(name, "named", type="identify", traits={"name": name.title()}))
        own_corner.command("set_consent", identifier=key(name), purpose="personalisation", granted=True, reason="asked")
    for a, b, score in (("cora", "dora", 0.9), ("emil", "enno", 0.8)):
        reasons = [["last", "same", 6.0], ["first", "differs", -2.0]]
        pair = {"a": key(a), "b": key(b), "score": score, "prior": -8.0, "reasons": reasons}
        own_corner.command("propose", proposals=[pair])
    return own_corner


def people(corner: Corner, **query: str) -> list[str]:
    """Who is asked about, the surest pair first."""
    text = corner.as_("ada").get(PAGE, params=query).text
    return list(dict.fromkeys(re.findall(r'name="(?:a|b)" value="email:(\w+)@', text)))


def test_pairs_of_two_people_are_asked_about_the_surest_first(asking: Corner) -> None:
    assert people(asking) == ["cora", "dora", "emil", "enno"]
    assert people(asking, later="true") == []


def test_who_became_one_person_meanwhile_is_not_asked_about(asking: Corner) -> None:
    seen = {"a": key("cora"), "b": key("dora"), "score": 1.0, "rule": "seen at the till"}
    asking.command("link", links=[seen], reason="one card")
    assert asking.profile(key("cora")) == asking.profile(key("dora"))
    assert people(asking) == ["emil", "enno"]


def test_who_is_gone_is_not_asked_about(asking: Corner) -> None:
    asking.command("erase", identifier=key("emil"), reason="asked for it")
    assert people(asking) == ["cora", "dora"]


def test_who_took_back_the_consent_to_be_compared_is_not_asked_about(asking: Corner) -> None:
    house = asking.app.state["house"]
    house.definitions = msgspec.structs.replace(house.definitions, linking=Linking(purpose="personalisation"))
    assert people(asking) == ["cora", "dora", "emil", "enno"]
    asking.command("set_consent", identifier=key("dora"), purpose="personalisation", granted=False, reason="by phone")
    assert people(asking) == ["emil", "enno"]


def test_what_is_put_off_is_found_among_the_later_ones_alone(asking: Corner) -> None:
    browser = asking.as_("ada")
    form = {"csrf": token_in(browser.get(PAGE).text), "a": key("cora"), "b": key("dora"), "answer": "later"}
    assert browser.post(PAGE, data=form).status_code == 303
    assert people(asking) == ["emil", "enno"]
    assert people(asking, later="true") == ["cora", "dora"]
    assert people(asking, later="1") == ["emil", "enno"]


def test_a_look_at_each_side_is_logged_and_marketers_may_not_look(asking: Corner) -> None:
    asking.as_("ada").get(PAGE)
    looks = [subject for _, action, subject in asking.looks() if action == "look at possible duplicate"]
    assert len(looks) == len(set(looks)) == 4
    assert asking.as_("mia").get(PAGE).status_code == 403
