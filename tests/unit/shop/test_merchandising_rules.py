"""Rules and rows in the shop folder: what is read, and what is told of mistakes."""

import pytest

from regulars.core.definitions import Definitions
from regulars.core.merchandising import ModelShare, steps_of
from regulars.shop.load import build

SHOP = b'[shop]\nname = "Corner"\n'
PLACEMENTS = """
[placements.home]
offers = false
recommend = "blend"
[placements.letter]
channel = "email"
offers = false
recommend = "popular"
[placements.hero]
"""


def built(rules: str = "", placements: str = PLACEMENTS) -> tuple[Definitions | None, list[str]]:
    files = {"shop.toml": SHOP, "placements.toml": placements.encode(), "rules.toml": rules.encode()}
    definitions, mistakes = build(files)
    return definitions, [str(one) for one in mistakes]


def test_a_chain_and_a_blend_are_read_and_the_old_form_stays() -> None:
    definitions, mistakes = built(
        placements="""
[placements.home]
recommend = [{model = "blend", weight = 2}, {model = "trending"}, "popular"]
[placements.old]
recommend = "trending"
"""
    )
    assert not mistakes
    assert definitions is not None
    home, old = definitions.placements
    assert [step.models for step in steps_of(home.recommend)] == [
        (("blend", 2.0), ("trending", 1.0)),
        (("popular", 1.0),),
    ]
    assert home.recommend[0] == ModelShare(model="blend", weight=2.0)
    assert steps_of(old.recommend)[0].models == (("trending", 1.0),)


def test_rules_stand_in_several_files_in_their_order() -> None:
    files = {
        "shop.toml": SHOP,
        "placements.toml": PLACEMENTS.encode(),
        "rules/b.toml": b"[rules.second]\nkind='no_returned'\n",
        "rules/a.toml": b"[attributes]\ncolour='text'\n[rules.first]\nkind='exclude'\nwhen=\"item.colour='red'\"\n",
    }
    definitions, mistakes = build(dict(sorted(files.items())))
    assert not mistakes
    assert definitions is not None
    assert [rule.id for rule in definitions.rules] == ["first", "second"]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("kind = 'exlude'\nwhen = 'true'", "did you mean 'exclude'?"),
        ("kind = 'exclude'", "a rule of kind exclude says of which items"),
        ("kind = 'exclude'\nwhen = 'item.prise < 5'", "unknown name 'item.prise'"),
        ("kind = 'exclude'\nwhen = \"item.colour = 'red'\"", "unknown name 'item.colour'"),
        ("kind = 'boost'\nwhen = 'true'\nfactor = 0.5", "to move items down use kind bury"),
        ("kind = 'bury'\nwhen = 'true'\nfactor = 3", "is of boost; this is of kind bury"),
        ("kind = 'margin_floor'", "say how much: share = 0.2 of the price"),
        ("kind = 'pin'", "name the items to pin"),
        ("kind = 'no_repeat'", "say for how many days"),
        ("kind = 'no_repeat'\ndays = 3\nseen_on = ['emial']", "did you mean 'email'?"),
        ("kind = 'diversity'\nper = 'colour'", "attributes are named in [attributes]"),
        ("kind = 'diversity'\nper = 'brand'\nlevel = 2", "is of categories; leave it out"),
        ("kind = 'in_stock'\nplacements = ['hero']", "'hero' recommends no items"),
        ("kind = 'in_stock'\nmatch = { size = 'preference.size' }", "did you mean 'preference.sizes'?"),
        ("kind = 'pin'\nitems = ['1']\nstarts = '2025-02-01'\nends = '2025-01-01'", "before it starts"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_what_to_do(rules: str, told: str) -> None:
    definitions, mistakes = built(f"[rules.one]\n{rules}\n")
    assert definitions is None
    assert any(told in one and "rules.one" in one for one in mistakes), mistakes


@pytest.mark.parametrize(
    ("placement", "told"),
    [
        ("recommend = ['blend', 'populr']", "did you mean 'popular'?"),
        ("recommend = [{model = 'blend', weight = 0}]", "the weight of 'blend' must be above 0"),
        ("recommend = 'blend'\nfilter = 'item.prise > 1'", "unknown name 'item.prise'"),
        ("recommend = 'blend'\nexplore = 0.9", "expected 0 to 0.5"),
        ("recommend = 'blend'\nobjective = 'profit'", "expected one of"),
        ("explore = 0.1", "this placement recommends none"),
    ],
)
def test_a_mistake_in_a_row_is_told_with_what_to_do(placement: str, told: str) -> None:
    _, mistakes = built(placements=f"[placements.home]\n{placement}\n")
    assert any(told in one for one in mistakes), mistakes


def test_two_pins_for_one_place_are_told() -> None:
    _, mistakes = built("[rules.a]\nkind='pin'\nitems=['1']\n[rules.b]\nkind='pin'\nitems=['2']\nplacements=['home']\n")
    assert any("rule 'a' pins position 1 of 'home' already" in one for one in mistakes), mistakes
