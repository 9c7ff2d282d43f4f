"""What `regulars check` says about how long things are kept."""

import pytest

from regulars.core.definitions import Definitions, Retention
from regulars.shop.load import build

SHOP = '[shop]\nname = "Corner"\n'
EVENTS = '[events."Product Viewed"]\n'
CONSENT = '[purposes.analytics]\ntext = { de = "Wozu", en = "What for" }\n'
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
        ("[retention]\ninactive_profile_days = 0\n", "", "", "inactive_profile_days: expected at least 1, got 0"),
        ("", "", TRAIT + "keep_days = 0\n", "expected at least 1, got 0"),
        ("", "", TRAIT + "window_days = 9\nkeep_days = 8\n", "counts 9 days, so it cannot forget after 8"),
        ("", "", TRAIT.replace("count", "max") + 'of = "price"\nkeep_days = 8\n', "a max has no days"),
    ],
)
def test_what_a_trait_still_counts_cannot_be_forgotten(shop: str, events: str, traits: str, said: str) -> None:
    found, mistakes = built(shop, events, traits)
    assert found is None
    assert said in "\n".join(mistakes)


def test_a_term_of_its_own_comes_before_that_of_all_types() -> None:
    assert built("[retention]\nevents_days = 5\n", "keep_days = 30\n", TRAIT + "window_days = 30\n")[1] == []


def test_a_term_of_the_trait_is_what_it_counts_where_it_has_no_window() -> None:
    found, mistakes = built("", "keep_days = 30\n", TRAIT + "keep_days = 30\n")
    assert mistakes == []
    assert found is not None
    assert found.traits[0].keep_days == 30
    assert "for 31 days" in built("", "keep_days = 30\n", TRAIT + "keep_days = 31\n")[1][0]


def test_only_terms_that_are_set_build_records_anew() -> None:
    versions = [
        found.record_version
        for found, _ in (
            built(),
            built("[retention]\nfailed_days = 7\n"),
            built("[retention]\ninactive_profile_days = 7\n"),
            built(traits=TRAIT + "keep_days = 30\n"),
            built(traits=TRAIT + "keep_days = 31\n"),
        )
        if found is not None
    ]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 4


def test_an_affinity_needs_ten_half_lives() -> None:
    affinity = TRAIT.replace("count", "affinity") + 'of = "category"\nhalf_life_days = 3\n'
    assert built("", "keep_days = 30\n", affinity)[1] == []
    assert "for 30 days" in built("", "keep_days = 29\n", affinity)[1][0]
