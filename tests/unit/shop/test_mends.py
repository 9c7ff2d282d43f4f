"""Standing mends: what is written is read as it was meant, and mistakes are found."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.core.mend import Mend
from regulars.shop import check, init, load
from regulars.shop.load import build
from regulars.shop.mends import FILE, save, written

TILL = f'[sources.till]\nkind = "server"\nkey_sha256 = "{"0" * 64}"\n'
SHOP = {"shop.toml": b'[shop]\nname = "x"\n', "sources.toml": TILL.encode()}
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(TEXT, TEXT | st.integers(-(2**40), 2**40) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_is_read_as_it_was(event: str, value: str | float | bool) -> None:  # noqa: FBT001
    mend = Mend(id="one", source="till", event=event, action="default", field="properties.x", value=value)
    definitions, mistakes = build({**SHOP, FILE: written(mend).encode()})
    assert not mistakes
    assert definitions is not None
    assert definitions.mends == (mend,)


def test_a_saved_mend_stands_in_the_folder_beside_the_others(tmp_path: Path) -> None:
    init(tmp_path / "shop", "Corner")
    one = Mend(id="one", source="web", event="A", action="rename_event", to="Product Viewed")
    save(tmp_path / "shop", one)
    save(tmp_path / "shop", Mend(id="two", source="web", action="drop", field="properties.x"))
    assert check(tmp_path / "shop") == []
    assert [mend.id for mend in load(tmp_path / "shop").mends] == ["one", "two"]
    before = (tmp_path / "shop" / FILE).read_bytes()
    for wrong in (one, Mend(id="../x", source="web", action="drop", field="properties.x")):
        with pytest.raises(Rejected, match=r"saved|name a mend"):
            save(tmp_path / "shop", wrong)
    assert (tmp_path / "shop" / FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('source = "wed"\naction = "drop"\nfield = "properties.x"', "unknown source 'wed'; known are till"),
        ('source = "till"\naction = "cast"\nfield = "properties.x"\nto = "poem"', "cast needs one of number"),
        ('source = "till"\naction = "drop"\nfield = "context.regulars_token"', "never mended"),
        ('source = "till"\naction = "drop"\nfield = "batch.x"', "a path begins with one of"),
        ('source = "till"\naction = "drop"', "needs a path"),
        (
            'source = "till"\nevent = "A"\naction = "rename_event"\nto = "Product Veiwed"',
            "no event of the tracking plan",
        ),
        ('source = "till"\naction = "explode"', "expected one of"),
    ],
)
def test_a_mend_that_cannot_be_is_a_mistake_of_the_folder(text: str, message: str) -> None:
    _, mistakes = build({**SHOP, FILE: f"[mends.one]\n{text}\n".encode()})
    assert any(message in one.message and one.file == FILE for one in mistakes), mistakes
