"""What `regulars check` says about how long things are kept."""

import pytest

from regulars.core.definitions import Definitions, Retention
from regulars.shop.load import build

SHOP = '[shop]\nname = "Corner"\n'
EVENTS = '[events."Product Viewed"]\n'
CONSENT = "[purposes.analytics]\n"
TRAIT = '[traits.views]\nkind = "count"\nevents = ["Product Viewed"]\npurpose = "analytics"\n'


def built(shop: str = "", events: str = "", traits: str = TRAIT) -> tuple[Definitions | None, list[str]]:
    texts = {"shop": SHOP + shop, "events": EVENTS + events, "consent": CONSENT, "traits": traits}
    found, mistakes = build({f"{name}.toml": text.encode() for name, text in texts.items()})
    return found, [f"{mistake.file} {mistake.key}: {mistake.message}" for mistake in mistakes]


def test_terms_are_read() -> None:
    found, mistakes = built(
        "[retention]\nevents_days = 100\nfailed_days = 7\n", "keep_days = 30\n", TRAIT + "window_days = 30\n"
    )
    assert mistakes == []
    assert found is not None
    assert found.retention == Retention(events_days=100, failed_days=7)
    assert found.events[0].keep_days == 30


@pytest.mark.parametrize(
    ("shop", "events", "traits", "said"),
    [
        ("", "keep_days = 30\n", TRAIT, "for ever, and that is kept for 30 days"),
        ("", "keep_days = 30\n", TRAIT + "window_days = 31\n", "for 31 days, and that is kept for 30 days"),
        ("[retention]\nevents_days = 30\n", "", TRAIT, "for ever, and that is kept for 30 days"),
        ("[retention]\nevents_days = 0\n", "", "", "retention.events_days: expected at least 1, got 0"),
        ("", "keep_days = 0\n", "", "expected at least 1, got 0"),
        ("", '[events."Order Completed"]\nkeep_days = 3\n', "", "orders, accounts and the proof of consent"),
        ("[retention]\nevent_days = 3\n", "", "", "unknown key"),
    ],
)
def test_what_a_trait_still_counts_cannot_be_forgotten(shop: str, events: str, traits: str, said: str) -> None:
    found, mistakes = built(shop, events, traits)
    assert found is None
    assert said in "\n".join(mistakes)


def test_a_term_of_its_own_comes_before_that_of_all_types() -> None:
    assert built("[retention]\nevents_days = 5\n", "keep_days = 30\n", TRAIT + "window_days = 30\n")[1] == []


def test_an_affinity_needs_ten_half_lives() -> None:
    affinity = TRAIT.replace("count", "affinity") + 'of = "category"\nhalf_life_days = 3\n'
    assert built("", "keep_days = 30\n", affinity)[1] == []
    assert "for 30 days" in built("", "keep_days = 29\n", affinity)[1][0]
