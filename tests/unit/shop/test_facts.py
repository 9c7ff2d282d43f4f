"""facts.toml: titles that customers read, of facts that profiles can keep."""

import pytest

from regulars.shop.load import build

SHOP = b'[shop]\nname = "Corner"\nlanguages = ["de", "en"]\n'
TITLE = b'title = { de = "Schuhgr\xc3\xb6\xc3\x9fe", en = "Shoe size" }\n'


def test_a_fact_is_titled_by_the_name_that_systems_send() -> None:
    definitions, mistakes = build({"shop.toml": SHOP, "facts.toml": b"[facts.shoeSize]\n" + TITLE})
    assert not mistakes
    assert definitions is not None
    assert definitions.facts[0].title["de"] == "Schuhgröße"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"[facts.religion]\n" + TITLE, "tells of faith"),
        (b"[facts.healthScore]\n" + TITLE, "tells of health"),
        (b'[facts."pref.size"]\n' + TITLE, "preferences.toml"),
        (b'[facts.shoeSize]\ntitle = { en = "Shoe size" }\n', "say it in 'de'"),
        (b"[facts." + b"x" * 101 + b"]\n" + TITLE, "at most 100 characters"),
        (b'[facts.shoeSize]\nlabel = "x"\n' + TITLE, "label"),
    ],
)
def test_what_no_profile_keeps_or_no_customer_understands_is_a_mistake(table: bytes, message: str) -> None:
    definitions, mistakes = build({"shop.toml": SHOP, "facts.toml": table})
    assert definitions is None
    assert any(message in str(one) for one in mistakes), mistakes


def test_a_titled_fact_builds_no_record_anew_and_a_marked_source_does() -> None:
    web = b'[sources.web]\nkind = "server"\nkey_sha256 = "' + b"a" * 64 + b'"\n'
    plain, _ = build({"shop.toml": SHOP, "sources.toml": web})
    titled, _ = build({"shop.toml": SHOP, "sources.toml": web, "facts.toml": b"[facts.shoeSize]\n" + TITLE})
    marked, mistakes = build({"shop.toml": SHOP, "sources.toml": web + b'store = "Bern"\n'})
    assert not mistakes
    assert plain is not None
    assert titled is not None
    assert marked is not None
    assert plain.record_version == titled.record_version != marked.record_version
    both = web + b'store = "Bern"\npartner = "acme"\n'
    assert any(
        "a partner is another company" in str(one) for one in build({"shop.toml": SHOP, "sources.toml": both})[1]
    )
