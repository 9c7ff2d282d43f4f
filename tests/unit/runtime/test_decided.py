"""A decision is told to the customer in whole words: what, where, why, and by which consent."""

from typing import Any

import pytest

from regulars.core.definitions import Definitions, EventType, Offer, Placement, Purpose, Segment, Shop, Trait
from regulars.flow.engine import Engine
from regulars.runtime.decided import in_words

ENGINE = Engine(
    Definitions(
        shop=Shop(name="Corner"),
        events=(EventType(name="Order Completed", purpose="contract"),),
        purposes=(
            Purpose(id="personalisation", title={"de": "Angebote für Sie", "en": "Offers for you"}),
            Purpose(id="fraud", basis="legitimate_interest", title={"de": "Schutz vor Betrug", "en": "Fraud"}),
        ),
        traits=(
            Trait(name="orders", kind="count", events=("Order Completed",), title={"de": "Einkäufe", "en": "Orders"}),
        ),
        segments=(Segment(id="loyal", when="orders > 3", title={"de": "Stammkunden", "en": "Regular customers"}),),
        offers=(
            Offer(id="bell", placements=("home",), purpose="personalisation", value=1, title={"en": "A bell"},
                  when="in_segment('loyal') and orders < 90"),
            Offer(id="open", placements=("home",), purpose="contract", value=1, title={"en": "Open on Sunday"}),
        ),
        placements=(
            Placement(
                id="home", title={"de": "Startseite", "en": "Home page"}, recommend="blend", purpose="personalisation"
            ),
        ),
    )
)  # fmt: skip


def slot(**more: Any) -> dict[str, Any]:
    return {"placement": "home", "offer": None, "title": "", "purpose": "", "items": [], "explored": False} | more


@pytest.mark.parametrize(
    ("shown", "language", "what", "why"),
    [
        (
            slot(offer="bell", title="Eine Klingel", purpose="personalisation", explored=True), "de",
            "Startseite: „Eine Klingel“",
            (
                "beruht auf: Sie gehören zu „Stammkunden“, „Einkäufe“; erlaubt durch Ihre Einwilligung „Angebote für "
                "Sie“; ausgelost unter mehreren passenden, um zu lernen"
            ),
        ),
        (
            slot(offer="open", title="Open on Sunday", purpose="contract"), "en",
            "Home page: “Open on Sunday”", "an offer for everybody; no consent is needed for it",
        ),
        (
            slot(items=["1", "2", "3", "4", "5", "6", "7"]), "en",
            "Home page: recommendations (Tea, 2, 3, 4, 5, and 2 more)", "allowed by your consent “Offers for you”",
        ),
        (slot(), "de", "Startseite: nichts Eigenes", ""),
        (slot(placement="gone", changed=True), "en",
         "gone: an offer of that time, which is not there any more in that form", ""),
    ],
)  # fmt: skip
def test_what_was_shown_where_and_why(shown: dict[str, Any], language: str, what: str, why: str) -> None:
    assert in_words(shown, ENGINE, {"1": "Tea"}, language) == (what, why)
