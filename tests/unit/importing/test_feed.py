"""Feeds in XML, and what an attacker would send."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.importing import Given
from regulars.importing.files import BrokenRow, Row, read

RSS = '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
END = "</channel></rss>"


def rows(path: Path, content: str | bytes) -> list[Row]:
    file = path / "feed.xml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read(Given(path=file, kind="merchant", format="xml")))


def test_items_of_rss_are_rows_with_the_line_they_begin_on(tmp_path: Path) -> None:
    item = (
        "<item>\n<g:id>1</g:id><title>Käse &amp; Öl</title><g:additional_image_link>a</g:additional_image_link>"
        "<g:additional_image_link>b</g:additional_image_link><g:shipping><g:price>3 EUR</g:price></g:shipping></item>"
    )
    assert rows(tmp_path, f"{RSS}<title>Shop</title>\n{item}\n{END}") == [
        (2, {"id": "1", "title": "Käse & Öl", "additional_image_link": ["a", "b"], "shipping": {"price": "3 EUR"}})
    ]


def test_entries_of_atom_have_their_address_in_an_attribute(tmp_path: Path) -> None:
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><link rel="self" href="x"/>'
        '<entry><g:id>1</g:id><link href="https://shop.example/1"/></entry></feed>'
    )
    assert rows(tmp_path, feed) == [(1, {"id": "1", "link": "https://shop.example/1"})]


def test_windows_text_is_read_by_what_the_feed_says_of_itself(tmp_path: Path) -> None:
    feed = '<?xml version="1.0" encoding="windows-1252"?><rss><channel><item><id>1</id><title>Größe</title></item>'
    assert rows(tmp_path, (feed + END).encode("cp1252")) == [(1, {"id": "1", "title": "Größe"})]


BOMB = '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("kind", [BOMB, FILE])
def test_a_document_type_is_refused_with_its_entities(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Rejected, match="document type"):
        rows(tmp_path, f"<?xml version='1.0'?>{kind}<rss><channel><item><id>&b;</id></item>{END}")


def test_a_feed_that_is_cut_off_keeps_what_came_before(tmp_path: Path) -> None:
    reading = read(Given(path=_cut(tmp_path), kind="merchant", format="xml"))
    assert next(reading) == (1, {"id": "1"})
    with pytest.raises(Rejected, match="cannot be read"):
        next(reading)


def _cut(folder: Path) -> Path:
    file = folder / "cut.xml"
    file.write_text(f"{RSS}<item><g:id>1</g:id></item><item><g:id>2", encoding="utf-8")
    return file


def test_an_item_without_end_and_one_without_bottom_are_named(tmp_path: Path) -> None:
    huge = f"{RSS}<item><g:id>{'x' * 1_200_000}</g:id></item><item><g:id>2</g:id></item>{END}"
    broken, good = rows(tmp_path, huge)
    assert isinstance(broken, BrokenRow)
    assert good == (1, {"id": "2"})
    with pytest.raises(Rejected, match="deeper than"):
        rows(tmp_path, f"{RSS}<item>{'<a>' * 40}{'</a>' * 40}</item>{END}")


text = st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn", "Co")), min_size=1)
items = st.dictionaries(st.sampled_from(("id", "title", "price", "brand", "color")), text.map(str.strip).filter(bool))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(items, max_size=6))
def test_what_is_written_is_what_is_read(tmp_path: Path, table: list[dict[str, Any]]) -> None:
    body = "".join(
        "<item>" + "".join(f"<g:{name}>{escape(value)}</g:{name}>" for name, value in item.items()) + "</item>"
        for item in table
    )
    assert [row[1] for row in rows(tmp_path, RSS + body + END) if not isinstance(row, BrokenRow)] == table
