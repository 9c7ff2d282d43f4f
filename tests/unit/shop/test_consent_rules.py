"""What `regulars check` says about purposes, signals and sensitive inferences."""

import re

import pytest

from regulars.core.definitions import Definitions
from regulars.shop.load import build

TEXT = 'text = {de = "Wozu", en = "What for"}\n'
FILES = {
    "shop.toml": '[shop]\nname = "Corner"\n',
    "events.toml": '[events."Product Viewed"]\npurpose = "analytics"\nproperties = {product_id = "id"}\n',
    "consent.toml": f"[purposes.analytics]\n{TEXT}[purposes.personalisation]\n{TEXT}",
}
VIEWS = '[traits.{name}]\nkind = "count"\nevents = ["Product Viewed"]\npurpose = "{purpose}"\n{more}\n'


def mistakes(**files: str) -> list[str]:
    contents = {**FILES, **{f"{name}.toml": text for name, text in files.items()}}
    found = build({name: text.encode() for name, text in contents.items()})[1]
    return [f"{mistake.file} {mistake.key}: {mistake.message}" for mistake in found]


def consent(text: str) -> list[str]:
    """The mistakes of these purposes beside those of the shop; each says what it is for unless it is about that."""
    worded = text if "text" in text else re.sub(r"^(\[purposes\.[^]]+])$", rf"\1\n{TEXT}", text, flags=re.MULTILINE)
    return mistakes(consent=FILES["consent.toml"] + worded)


def trait(name: str, *, purpose: str = "analytics", more: str = "", consent: str = "") -> list[str]:
    text = VIEWS.format(name=name, purpose=purpose, more=more)
    return mistakes(traits=text, consent=FILES["consent.toml"] + consent)


def test_a_whole_purpose_is_read() -> None:
    text = """
[purposes.marketing_email]
title = {de = "Newsletter", en = "Newsletter"}
channel = "email"
expires_days = 730
double_opt_in = true
benefit = {with = {de = "Angebote", en = "Offers"}, without = {de = "Nichts", en = "Nothing"}}
[[purposes.marketing_email.texts]]
version = "2025-01"
text = {de = "Alt", en = "Old"}
[[purposes.marketing_email.texts]]
version = "2026-03"
text = {de = "Neu", en = "New"}
[purposes.partners]
text = {de = "Wozu", en = "What for"}
[purposes."partners:acme"]
text = {de = "Wozu", en = "What for"}
partner = "acme"
[signals.segment]
C0002 = ["analytics"]
[signals.tcf]
vendor = 755
purposes = {"8" = ["analytics"]}
[sensitive]
words = ["veteran*"]
"""
    files = {**FILES, "consent.toml": FILES["consent.toml"] + text}
    definitions, found = build({name: content.encode() for name, content in files.items()})
    assert found == []
    assert isinstance(definitions, Definitions)
    purpose = {p.id: p for p in definitions.purposes}["marketing_email"]
    assert (purpose.wording.version, purpose.wording.text["de"]) == ("2026-03", "Neu")
    assert purpose.benefit is not None
    assert purpose.benefit.without["en"] == "Nothing"
    assert definitions.signals.tcf.vendor == 755
    assert definitions.sensitive.words == ("veteran*",)


def test_a_changed_text_without_versions_has_another_version() -> None:
    def version(text: str) -> str:
        files = {**FILES, "consent.toml": f'[purposes.analytics]\ntext = {{de = "{text}", en = "{text}"}}\n'}
        definitions, _ = build({name: content.encode() for name, content in files.items()})
        assert definitions is not None
        return definitions.purposes[0].wording.version

    assert version("one") == version("one") != version("two")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[purposes.x]\nexpires_days = 0", "purposes.x.expires_days: expected at least 1"),
        (
            '[purposes.x]\nbasis = "contract"\ndouble_opt_in = true',
            "purposes.x.double_opt_in: is of purposes that rest",
        ),
        ('[purposes.x]\nbasis = "legitimate_interest"\nchannel = "email"', "messages by email need consent"),
        ('[purposes.profiling]\nbasis = "legitimate_interest"', "profiles for marketing"),
        ('[purposes.x]\nchannel = "fax"', "expected one of email, messenger"),
        ("[purposes.x]\ndefault = true", "purposes.x.default: unknown key"),
        ('[purposes."partners:acme"]\npartner = "acme"', "there is no purpose 'partners'"),
        ('[purposes.partners]\n[purposes.acme]\npartner = "acme"', '[purposes."partners:acme"] with partner = "acme"'),
        ('[purposes.partners]\n[purposes."partners:acme"]', 'with partner = "acme"'),
        (
            '[purposes.x]\nbenefit = {with = {en = "a", de = "b"}, without = {en = "c"}}',
            "benefit.without: has no text in 'de'",
        ),
        ('[purposes.x]\nbenefit = {with = {en = "a", de = "b"}}', "without: missing"),
        ('[[purposes.x.texts]]\nversion = "1"\ntext = {de = "a"}', "texts: has no text in 'en'"),
        ('[purposes.x]\ntext = {de = "a"}', "purposes.x.text: has no text in 'en'"),
        ('[purposes.x]\ntext = {de = "a", en = " "}', "purposes.x.text: has no text in 'en'"),
        ('[signals.google]\nad_storag = ["analytics"]', "unknown type of Google's consent mode"),
        ('[signals.segment]\nC1 = ["analytic"]', "signals.segment.C1: 'analytic' is no purpose"),
        ('[signals.tcf]\npurposes = {"25" = ["analytics"]}', "expected a number from 1 to 24"),
        ('[signals.segment]\nC1 = ["contract"]', "'contract' needs no consent"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(text: str, said: str) -> None:
    found = consent(text)
    assert len(found) == 1, found
    assert found[0].startswith("consent.toml ")
    assert said in found[0]


@pytest.mark.parametrize("more", ["", 'title = {de = "Neues", en = "News"}\n', "double_opt_in = true\n", "text = {}\n"])
def test_nobody_is_asked_to_agree_to_what_they_cannot_read(more: str) -> None:
    files = {"consent": f"[purposes.news]\n{more}" + FILES["consent.toml"]}
    (found,) = mistakes(**files)
    assert found.startswith("consent.toml purposes.news.text: customers would agree to what they cannot read")
    assert found.endswith('text = { de = "…", en = "…" }')
    lines = found.rpartition(": text = ")[2].replace("…", "Neues").join(["text = ", "\n"])
    assert mistakes(consent=f"[purposes.news]\n{more.replace('text = {}', '')}{lines}" + FILES["consent.toml"]) == []


@pytest.mark.parametrize("basis", ["contract", "legal_obligation", "legitimate_interest"])
def test_what_rests_on_no_consent_needs_no_text_to_agree_to(basis: str) -> None:
    assert mistakes(consent=f'[purposes.books]\nbasis = "{basis}"\n' + FILES["consent.toml"]) == []


def test_a_legitimate_interest_may_not_choose_what_a_person_is_shown() -> None:
    interest = '[purposes.stock]\nbasis = "legitimate_interest"\n'
    more = 'of = "category"\nhalf_life_days = 30'
    affinity = VIEWS.format(name="likes", purpose="stock", more=more).replace('"count"', '"affinity"')
    found = mistakes(consent=FILES["consent.toml"] + interest, traits=affinity)
    assert [one for one in found if "the affinity 'likes' rests on it" in one] == found != []
    assert trait("views", purpose="stock", consent=interest) == []


@pytest.mark.parametrize(
    ("name", "more", "key"),
    [
        ("pregnancy_score", "", "traits.pregnancy_score"),
        ("score", 'title = {de = "Schwangerschaft"}', "traits.score.title"),
        ("views", 'where = {category = "Medizin > Diabetesbedarf"}', "traits.views.where"),
        ("views", 'where = {religion = "any"}', "traits.views.where"),
        ("views", 'of = "customer.political_opinion"', "traits.views.of"),
        ("health", "", "traits.health"),
        ("gewerkschaftsmitglied", "", "traits.gewerkschaftsmitglied"),
    ],
)
def test_a_sensitive_trait_is_refused_unless_customers_are_asked_explicitly(name: str, more: str, key: str) -> None:
    found = trait(name, more=more)
    assert len(found) == 1, found
    assert found[0].startswith(f"traits.toml {key}: tells of ")
    asked = f"[purposes.care]\n{TEXT}sensitive = true\n"
    assert trait(name, more=more, purpose="care", consent=asked) == []


def test_segments_are_refused_by_name_and_by_what_they_ask_for() -> None:
    text = VIEWS.format(name="views", purpose="analytics", more="")
    segments = (
        '[segments.expecting]\ntitle = {en = "Pregnant customers"}\nwhen = "views > 3"\n'
        "[segments.x]\nwhen = \"interest('Apotheke > HIV') > 0.2\"\n"
        '[segments.fine]\nwhen = "views > 3"\n'
    )
    found = mistakes(traits=text, segments=segments)
    assert [one.split(": ")[0] for one in found] == [
        "segments.toml segments.expecting.title",
        "segments.toml segments.x.when",
    ]


@pytest.mark.parametrize(
    "name",
    ["health_beauty_30d", "christmas", "race_bikes", "fertiliser", "politur_autos", "confirmation", "union_jack"],
)
def test_ordinary_words_of_a_shop_pass(name: str) -> None:
    assert trait(name) == []


def test_a_shop_adds_words_and_categories_of_its_own() -> None:
    own = '[sensitive]\nwords = ["veteran*"]\ncategories = ["Sanitätshaus"]\n'
    assert trait("veterans", consent=own) != []
    assert trait("views", more='where = {category = "Sanitätshaus > Rollstühle"}', consent=own) != []
    assert trait("views", more='where = {category = "Haus"}', consent=own) == []
