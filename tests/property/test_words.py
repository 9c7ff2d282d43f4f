"""Words noted in a part save time and nothing else: what is taken out of the lake is the same without them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.lake import files, words
from regulars.adapters.lake.parquet import ParquetLake
from regulars.adapters.lake.tables import DICTIONARY, event_table
from regulars.core.event import Event
from regulars.core.lake import EVENT_PART, Drop, PartFile
from regulars.core.traces import spelled_in_text

LETTERS = 'abAB01 .@+-_:/"\\\n\u00e9\u00c9\u00df\u2026\u212a\u017f'
VALUES = st.one_of(
    st.sampled_from(
        ("ana@shop.example", "+4917012345678", "c7", "a.b", "O'Neil & Söhne", "x@y@z.example", "-lead", "C:\\ana")
    ),
    st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text.strip() == text and bool(text)),
)
AROUND = st.text(LETTERS + "{}[],;?=&%", max_size=4)
GROUP = 3


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[Event], list[str]]:
    """Events of some people that name each other in every place where that can be; and who is erased."""
    kinds = ("user_id", "email", "anonymous_id")
    keys = [f"{draw(st.sampled_from(kinds))}:{draw(VALUES)}" for _ in range(3)]
    said = [key.partition(":")[2] for key in keys]

    def text() -> Any:
        value = draw(st.sampled_from((*said, *(one.upper() for one in said), "nobody at all")))
        return f"{draw(AROUND)}{value}{draw(AROUND)}" if draw(st.booleans()) else value

    events = []
    for number in range(draw(st.integers(1, 10))):
        own = draw(st.sampled_from((*keys, "user_id:somebody", "user_id:else")))
        told = tuple(draw(st.lists(st.sampled_from(keys), max_size=1)))
        facts = {"note": text()} if draw(st.booleans()) else {}
        properties = {"a": {text(): [text()]}} if draw(st.booleans()) else {"price": 1234567.5}
        context = {"page": {"url": text()}} if draw(st.booleans()) else {}
        said_of = (properties, facts, context)
        events.append(Event(f"m{number}", "shop", "Seen", number, 9, own, (own, *told), told, *said_of, number + 1, 0))
    return events, draw(st.lists(st.sampled_from(keys), min_size=1, unique=True))


@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(shops())
def test_what_is_taken_out_is_the_same_without_noted_words(shop: tuple[list[Event], list[str]]) -> None:
    events, erased = shop
    with tempfile.TemporaryDirectory() as name:
        lake = ParquetLake(Path(name), group_rows=GROUP)
        parts = lake.seal(events, days=[1] * len(events))
        plain = [without_words(lake, part) for part in parts]
        drops = [Drop(subjects=tuple(erased))]
        one, other = lake.drop(parts, drops), lake.drop(plain, drops)
        assert (one.removed, one.changed) == (other.removed, other.changed)
        assert bool(one.replaced) == bool(other.replaced)
        subjects = sorted({event.subject for event in events})
        assert lake.history(subjects, one.parts) == lake.history(subjects, other.parts)
        assert [(p.rows, p.first, p.last) for p in one.parts] == [(p.rows, p.first, p.last) for p in other.parts]
        assert lake.verify(one.parts) == []
        # What was written has the words of its own rows, and of no others.
        for part in one.parts:
            with pq.ParquetFile(lake.folder.path(part)) as file:
                groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
            assert words.read(lake.folder.path(part)) == [words.of(group, part.kind) for group in groups]


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(shops())
def test_rows_that_hold_name_or_tell_of_somebody_are_never_passed(shop: tuple[list[Event], list[str]]) -> None:
    events, erased = shop
    question, spelled = words.Question(erased, erased), spelled_in_text(erased)
    short = {key.partition(":")[2].casefold() for key in erased}
    for event in events:
        told = [*texts(event.properties), *texts(event.context), *texts(event.traits)]
        concerned = not {event.subject, *event.identifiers, *event.claims}.isdisjoint(erased)
        concerned |= spelled is not None and any(spelled.search(text) for text in told)
        concerned |= any(text.casefold() in short for text in event.traits.values())
        if concerned:
            assert question.may_concern(words.of(event_table([event], [1]), EVENT_PART))


def texts(told: Any) -> Iterator[str]:
    """Every text in a JSON value, keys of objects left out: they name no customer."""
    if isinstance(told, str):
        yield told
    for one in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from texts(one)


def without_words(lake: ParquetLake, part: PartFile) -> PartFile:
    """The same part as a file that has none."""
    table = pq.read_table(lake.folder.path(part))
    path = lake.folder.path(part).with_suffix(".plain.parquet")
    options: dict[str, Any] = {"use_dictionary": DICTIONARY[part.kind]}
    pq.write_table(table, path, row_group_size=GROUP, **options)
    assert words.read(path) is None
    file = path.relative_to(lake.folder.root).as_posix()
    return PartFile(
        file, part.kind, part.day, part.bucket, part.rows, path.stat().st_size, files.checksum_of(path), part.first,
        part.last, part.until,
    )  # fmt: skip


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_words_that_were_damaged_are_no_words(damage: bytes, at: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        lake = ParquetLake(Path(name))
        event = Event("m", "shop", "Page Viewed", 1, 9, "user_id:ana", ("user_id:ana",), (), {}, {}, {}, 1, 0)
        (part,) = lake.seal([event], days=[1])
        path = lake.folder.path(part)
        data = path.read_bytes()
        whole = words.read(path)
        path.write_bytes(data[: len(data) - at] + damage)
        assert words.read(path) in (None, whole)
