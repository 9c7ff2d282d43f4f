"""Feeds in XML: RSS 2.0 and Atom with the attributes of Google's product feeds, read item by item.

A document type is refused: with it go entities that unfold into gigabytes and files of the server read from outside.
An element that is there several times is a list; one with elements inside is an object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from regulars.core.errors import Rejected
from regulars.importing.row import BrokenRow, Row

_ITEMS = ("item", "entry")
_CHUNK = 65_536
#: Elements within one another, and characters of one item.
DEPTH, ITEM_CHARACTERS = 16, 1_000_000


def read_feed(stream: IO[bytes], path: Path) -> Iterator[Row]:
    """The items; each stands on the line where it begins."""
    reading = _Reading(path)
    try:
        while chunk := stream.read(_CHUNK):
            reading.parser.Parse(chunk, False)
            yield from reading.taken()
        reading.parser.Parse(b"", True)
        yield from reading.taken()
    except expat.ExpatError as error:
        yield from reading.taken()
        raise Rejected(
            f"{path}:{error.lineno}: {expat.ErrorString(error.code)}; what comes after it cannot be read",
            field="FILE",
            expected="well-formed XML",
            got=expat.ErrorString(error.code),
        ) from None
    except (LookupError, ValueError) as error:  # an encoding that there is not, or of several bytes a character
        raise Rejected(f"{path} cannot be read: {error}", field="FILE", expected="UTF-8", got=str(error)) from None


class _Reading:
    """One document on its way through the parser."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[Row] = []
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []  # of the item: name, children, text
        self._line = 0
        self._size = 0
        self._outside = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def taken(self) -> list[Row]:
        """The items that are whole since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._open:
            self._outside += 1
            if local not in _ITEMS or self._outside > DEPTH:
                return
            self._line, self._size = self.parser.CurrentLineNumber, 0
        elif len(self._open) > DEPTH:
            raise Rejected(f"{self._path}:{self.parser.CurrentLineNumber}: elements nest deeper than {DEPTH}",
                           field="FILE", expected=f"at most {DEPTH} levels", got="more")  # fmt: skip
        # Atom writes an address as an attribute.
        text = [attributes["href"]] if local == "link" and "href" in attributes else []
        if local == "link" and attributes.get("rel") not in (None, "alternate"):
            text = []
        self._open.append((local, {}, text))

    def _text(self, text: str) -> None:
        if self._open:
            self._size += len(text)
            if self._size <= ITEM_CHARACTERS:
                self._open[-1][2].append(text)

    def _end(self, _name: str) -> None:
        if not self._open:
            self._outside -= 1
            return
        local, children, text = self._open.pop()
        if not self._open:
            self._outside -= 1
            if self._size > ITEM_CHARACTERS:
                expected = f"an item of at most {ITEM_CHARACTERS} characters"
                self._rows.append(BrokenRow(self._line, expected, f"{self._size}"))
            else:
                self._rows.append((self._line, children))
            return
        value: Any = children or "".join(text).strip()
        into = self._open[-1][1]
        if local not in into:
            into[local] = value
        elif isinstance(into[local], list):
            into[local].append(value)
        else:
            into[local] = [into[local], value]

    def _refuse(self, *_: object) -> None:
        raise Rejected(
            f"{self._path}:{self.parser.CurrentLineNumber}: a document type is not read, for entities can be abused; "
            "take the line with <!DOCTYPE out",
            field="FILE",
            expected="XML without a document type",
            got="<!DOCTYPE",
        )
