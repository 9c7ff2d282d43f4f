"""A shop folder is loaded, or everything that is wrong in it is said at once."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from regulars.core.definitions import Definitions
from regulars.core.errors import Misconfigured, Rejected
from regulars.core.mend import Mend
from regulars.shop import FILE_KINDS, Mistake, build, check, explain, init, load, schema
from regulars.shop.load import read_folder
from regulars.shop.mends import written

EXAMPLE = Path(__file__).parents[3] / "examples" / "complete-journey"
SHOP = '[shop]\nname = "Bikes"\n'


def mistakes(**files: str) -> list[Mistake]:
    """Mistakes of a folder; `offers` stands for offers/all.toml."""
    contents = {
        ("offers/all.toml" if name == "offers" else f"{name}.toml"): text.encode() for name, text in files.items()
    }
    return build({"shop.toml": SHOP.encode(), **contents})[1]


def mistake(**files: str) -> Mistake:
    (found,) = mistakes(**files)
    return found


@pytest.fixture
def made(tmp_path: Path) -> Path:
    init(tmp_path / "my-shop", 'Ana\'s "Bikes"')
    return tmp_path / "my-shop"


def test_the_example_and_the_template_have_no_mistakes(made: Path) -> None:
    for folder in (EXAMPLE, made):
        assert check(folder) == []
    shop = load(EXAMPLE)
    assert shop.shop.clock == "records"
    assert {p.id: p.demo_share for p in shop.purposes} == {
        "analytics": 0.92,
        "personalisation": 0.8,
        "marketing_email": 0.65,
    }
    assert load(made).shop.name == 'Ana\'s "Bikes"'


def test_the_server_key_is_shown_once_and_stored_as_its_hash(tmp_path: Path) -> None:
    keys = iter(["public", "private"])
    created = init(tmp_path / "shop", "Bikes", secret=lambda: next(keys))
    assert (created.write_key, created.server_key) == ("wk_public", "sk_private")
    text = "".join(path.read_text() for path in (tmp_path / "shop").rglob("*.toml"))
    assert "sk_private" not in text
    assert hashlib.sha256(b"sk_private").hexdigest() in text
    assert "@@" not in text


def test_a_shop_is_never_made_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Rejected, match="is not an empty folder"):
        init(tmp_path, "Bikes")
    with pytest.raises(Rejected, match="did you mean 'Europe/Berlin'"):
        init(tmp_path / "new", "Bikes", time_zone="Europe/Berln")
    assert not (tmp_path / "new").exists()


def test_every_mistake_is_reported_at_once_with_file_and_line() -> None:
    found = mistakes(
        traits='[traits.visits]\nkind = "cuont"\nevents = ["Page Vewed"]\n\n'
        '[traits.spend]\nkind = "sum"\nevents = ["Order Completed"]\n',
        segments="[segments.fans]\nwhen = \"\"\npurpose = 'analitics'\n",
        consent='[purposes.analytics]\ndemo_shares = 2\ntext = { de = "Wozu", en = "What for" }\n',
    )
    assert [(m.file, m.line, m.key) for m in found] == [
        ("consent.toml", 2, "purposes.analytics.demo_shares"),
        ("segments.toml", 2, "segments.fans.when"),
        ("segments.toml", 3, "segments.fans.purpose"),
        ("traits.toml", 2, "traits.visits.kind"),
        ("traits.toml", 5, "traits.spend.of"),
    ]
    assert [m.suggestion for m in found] == ["demo_share", "", "analytics", "count", ""]


def test_loading_a_folder_with_mistakes_lists_them_all(made: Path) -> None:
    (made / "segments.toml").write_text('[segments.a]\nwhen = "ordres_total > 1"\n[segments.b]\nwehn = "1 = 1"\n')
    with pytest.raises(Misconfigured) as error:
        load(made)
    for text in ("segments.toml:2", "orders_total", "segments.b.wehn", "did you mean 'when'?", "offers/first.toml"):
        assert text in str(error.value)


@pytest.mark.parametrize(
    ("files", "line", "key", "message", "suggestion"),
    [
        ({"traits": "[traits.a\nkind = 1"}, 1, "", "not valid TOML", ""),
        ({"trait": ""}, None, "", "unknown file", "traits.toml"),
        ({"traits": "[trait.a]\n"}, 1, "trait", "unknown table", "traits"),
        ({"traits": "traits = 5\n"}, 1, "traits", "expected tables", ""),
        ({"traits": '[traits.a]\nevents = ["Identify"]\n'}, 1, "traits.a.kind", "missing", ""),
        ({"traits": '[traits.A]\nkind = "count"\nevents = ["Identify"]\n'}, 1, "traits.A", "small letters", ""),
        (
            {"traits": '[traits.between]\nkind = "count"\nevents = ["Identify"]\n'},
            1,
            "traits.between",
            "word of the",
            "",
        ),
        ({"traits": '[traits.a]\nkind = "count"\nevents = "Identify"\n'}, 3, "traits.a.events", "a list", ""),
        (
            {"traits": '[traits.a]\nkind = "count"\nevents = ["Identfy"]\n'},
            3,
            "traits.a.events",
            "unknown event",
            "Identify",
        ),
        (
            {"traits": '[traits.a]\nkind = "affinity"\nof="x"\nevents = ["Identify"]\n'},
            1,
            "traits.a.half_life_days",
            "halved",
            "",
        ),
        (
            {"traits": '[traits.a]\nkind = "count"\nevents = ["Identify"]\nwindow_days = 0\n'},
            4,
            "traits.a.window_days",
            "at least 1",
            "",
        ),
        ({"sources": '[sources.web]\nkind = "browser"\n'}, 1, "sources.web.write_key", "write key", ""),
        ({"sources": '[sources.a]\nkind = "server"\nkey_sha256 = "abc"\n'}, 3, "sources.a.key_sha256", "64 hex", ""),
        (
            {"sources": '[sources.web]\nkind = "browser"\nwrite_key = "12345678"\nscopes = ["admin"]\n'},
            4,
            "sources.web.scopes",
            "may have",
            "",
        ),
        (
            {
                "identity": '[identity]\n[linking]\npurpose = "analitics"\n',
                "consent": '[purposes.analytics]\ntext = { de = "Wozu", en = "What for" }\n',
            },
            3,
            "linking.purpose",
            "unknown purpose",
            "analytics",
        ),
        ({"identity": "[identity]\n[linking]\nautomatic = 0.7\n"}, 3, "linking.automatic", "review <= automatic", ""),
        (
            {"identity": '[identity]\n[linking.facts]\nfirts = ["vorname"]\n'},
            3,
            "linking.facts.firts",
            "not compared by",
            "first",
        ),
        ({"identity": '[identity]\nunique = ["userid"]\n'}, 2, "identity.unique", "not a person type", "user_id"),
        (
            {"events": '[events.A]\nproperties = { x = "numbr" }\npurpose = "contract"\n'},
            2,
            "events.A.properties.x",
            "unknown type",
            "number",
        ),
        (
            {"events": '[events.A]\npurpose = "contract"\nschema = { type = "numbr" }\n'},
            3,
            "events.A.schema",
            "not a valid JSON Schema",
            "",
        ),
        (
            {"events": '[events.A]\npurpose = "contract"\nproperties = { ab = "text" }\nrequired = ["abc"]\n'},
            4,
            "events.A.required",
            "does not list",
            "ab",
        ),
        ({"events": "[events.A]\n"}, 1, "events.A.purpose", "unknown purpose 'analytics'", ""),
        (
            {"placements": '[placements.home]\nrecommend = "blnd"\n'},
            2,
            "placements.home.recommend",
            "unknown recommender",
            "blend",
        ),
        (
            {"placements": '[placements.home]\ntitle = { fr = "x" }\n'},
            2,
            "placements.home.title.fr",
            "does not speak",
            "",
        ),
        (
            {"segments": "[segments.a]\nwhen = \"in_segment('a')\"\n"},
            2,
            "segments.a.when",
            "go in a circle: a -> a",
            "",
        ),
        (
            {"segments": '[segments.a]\nwhen = "context.hour > 3"\n'},
            2,
            "segments.a.when",
            "cannot ask for 'context.hour'",
            "",
        ),
        (
            {"shop": '[shop]\nname = "A"\ntime_zone = "Europe/Berln"\n'},
            3,
            "shop.time_zone",
            "unknown time zone",
            "Europe/Berlin",
        ),
        ({"shop": '[shop]\nname = "A"\ncurrency = "euro"\n'}, 3, "shop.currency", "three capital letters", ""),
        ({"shop": "\n"}, None, "shop", "missing; begin the file with [shop]", ""),
    ],
)
def test_a_mistake_says_where_and_what_to_do(
    files: dict[str, str], line: int | None, key: str, message: str, suggestion: str
) -> None:
    found = mistake(**files)
    assert (found.line, found.key) == (line, key)
    assert message in found.message
    assert found.suggestion == suggestion


OFFER = '[offers.tea]\nplacements = ["home"]\npurpose = "contract"\nvalue = 5\n'
HOME = "[placements.home]\n"


@pytest.mark.parametrize(
    ("extra", "key", "message"),
    [
        ("limit = { times = 0, days = 7 }", "offers.tea.limit.times", "at least 1"),
        ("limit = { time = 1, days = 7 }", "offers.tea.limit.time", "unknown key"),
        ("starts = 2017-12-01\nends = 2017-11-01", "offers.tea.ends", "before it starts"),
        ('starts = "soon"', "offers.tea.starts", "expected a date"),
        ("response_rate = 3", "offers.tea.response_rate", "0 to 1"),
        ("when = \"interest('Tea') >\"", "offers.tea.when", "character"),
    ],
)
def test_an_offer_that_could_never_be_shown_rightly_is_a_mistake(extra: str, key: str, message: str) -> None:
    found = mistakes(offers=OFFER + extra, placements=HOME)
    assert (found[0].file, found[0].key) == ("offers/all.toml", key)
    assert message in found[0].message


def test_an_offer_needs_a_placement_that_shows_offers() -> None:
    assert mistake(offers=OFFER, placements="[placements.hame]\n").suggestion == "hame"
    rows_only = HOME + 'offers = false\nrecommend = "blend"\n'
    assert "shows no offers" in mistake(offers=OFFER, placements=rows_only).message


def test_an_offer_defined_in_two_files_is_a_mistake() -> None:
    files = {"shop.toml": SHOP, "placements.toml": HOME, "offers/a.toml": OFFER, "offers/b.toml": OFFER}
    (found,) = build({name: text.encode() for name, text in files.items()})[1]
    assert (found.file, found.line) == ("offers/b.toml", 1)
    assert "already defined in offers/a.toml" in found.message


def test_a_wrong_trait_is_one_mistake_and_not_one_for_every_condition() -> None:
    found = mistake(
        traits='[traits.stage]\nkind = "lifecicle"\nevents = ["Identify"]\n',
        segments="[segments.a]\nwhen = \"stage = 'new'\"\n",
    )
    assert found.key == "traits.stage.kind"


def test_a_key_shared_by_two_sources_is_a_mistake() -> None:
    text = (
        '[sources.a]\nkind = "browser"\nwrite_key = "12345678"\n[sources.b]\nkind = "browser"\nwrite_key = "12345678"\n'
    )
    assert mistake(sources=text).key == "sources.b.write_key"


def test_a_file_that_is_not_text_is_a_mistake() -> None:
    (found,) = build({"shop.toml": SHOP.encode(), "traits.toml": b"[traits.a]\n# \xff\n"})[1]
    assert (found.file, found.line) == ("traits.toml", 2)


def test_a_folder_that_is_not_there_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="is not a folder"):
        load(tmp_path / "none")
    assert [m.file for m in check(tmp_path)] == ["shop.toml"]


def built(files: dict[str, bytes]) -> Definitions:
    definitions, found = build(files)
    assert definitions is not None, found
    return definitions


def test_titles_change_the_version_and_not_what_records_are_built_from() -> None:
    files = read_folder(EXAMPLE)
    before = built(files)
    title = built({**files, "traits.toml": files["traits.toml"].replace(b'en = "Orders"', b'en = "All orders"')})
    window = built({**files, "traits.toml": files["traits.toml"].replace(b"window_days = 30", b"window_days = 31")})
    zone = built({**files, "shop.toml": files["shop.toml"].replace(b"America/New_York", b"Europe/Berlin")})
    assert title.version != before.version
    assert title.record_version == before.record_version
    assert len({before.record_version, window.record_version, zone.record_version}) == 3


def test_optional_properties_may_be_null_and_required_ones_not() -> None:
    (product,) = [event for event in load(EXAMPLE).events if event.name == "Product Viewed"]
    valid = jsonschema_rs.validator_for(product.schema).is_valid
    assert valid({"product_id": 7, "price": None})
    assert not valid({"product_id": None})
    assert not valid({"product_id": "7", "price": "cheap"})


def test_a_page_explains_what_the_folder_defines() -> None:
    page = explain(load(EXAMPLE))
    assert "regulars: orders_90d >= 12" in page
    assert "email.weekly (email): one of 4 offers and 4 items by blend, with consent to marketing_email" in page


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value if isinstance(value, str | int | float | bool | list) else str(value)


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_editors_know_every_file(kind: str) -> None:
    validator = jsonschema_rs.validator_for(schema(kind))
    paths = list(EXAMPLE.glob("offers/*.toml")) if kind == "offers" else [EXAMPLE / f"{kind}.toml"]
    mend = Mend(id="total", source="web", action="cast", field="properties.total", to="number")
    own = {"mends": written(mend), "facts": '[facts.shoeSize]\ntitle = { en = "Shoe size" }\n'}
    texts = [own[kind]] if kind in own else [path.read_text() for path in paths]
    for text in texts:
        validator.validate(_plain(tomllib.loads(text)))
    assert not validator.is_valid({"unheard": {}})


def test_visits_are_counted_or_their_seconds_summed() -> None:
    visits = '[traits.a]\nkind = "visits"\nevents = ["Zone Entered"]\nof = "by"\n'
    found = mistake(
        traits=visits,
        events='[events."Zone Entered"]\n',
        consent='[purposes.location]\ntext = { de = "Wozu", en = "What for" }\n',
    )
    assert (found.key, found.line) == ("traits.a.of", 4)
    assert 'of = "dwell_seconds"' in found.message
