"""Rows of files in the log: whatever they hold, an event or a failure comes of them, and a person can be taken out."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.collect import Decoder
from regulars.collect.blanking import blanked
from regulars.collect.files import KINDS
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, ROWS, Record

DECODER = Decoder(Definitions(shop=Shop(name="Corner shop"), sources=(Source(id="till", kind="server"),)))


def decoded(body: bytes) -> list[Event | FailedEvent]:
    return DECODER.decode(Record(1, EVENTS, "till", ROWS, 1_767_225_600_000, body))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(("", "1,5", "-3", "ja", "2026-01-01", "1e999", "\x00", "ä", "9" * 400)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("product_id", "price", "x")), inner),
    max_leaves=4,
)
columns = sorted({name for kind in KINDS.values() for name in kind.columns})
rows = st.dictionaries(st.sampled_from(columns), values, max_size=10)
about = st.fixed_dictionaries(
    {},
    optional={
        "time_zone": st.sampled_from(("Europe/Berlin", "../../etc/passwd", "", "Mars")),
        "currency": values,
        "mapping": st.dictionaries(st.sampled_from(columns), st.sampled_from([*columns, "", "consent:x"])),
        "now": st.integers(-(10**20), 10**20),
    },
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.lists(rows, max_size=3), about, st.integers(-1, 2))
def test_whatever_rows_hold_is_an_event_or_fails_alone(
    kind: str, table: list[dict[str, Any]], said: dict[str, Any], part: int
) -> None:
    good = {"kind": "orders", "rows": [{"order_id": "o1", "user_id": "ana", "date": "2026-01-01", "total": 1}]}
    body = msgspec.json.encode({"rows": [{"kind": kind, "rows": table, "about": said, "part": part}, good]})
    _, fine = decoded(body)
    assert isinstance(fine, Event)
    assert fine.subject == "user_id:ana"


def test_a_person_is_taken_out_of_the_rows_that_wait() -> None:
    row = {"order_id": "o1", "user_id": "ana@example.org", "date": "2026-01-01", "total": "zwölf"}
    body = msgspec.json.encode({"rows": [{"kind": "orders", "rows": [row]}, {"kind": "orders", "rows": [row]}]})
    left = blanked(body, ROWS, {0}, ["ana@example.org"])
    assert b"ana" not in left
    assert all(isinstance(one, FailedEvent) for one in decoded(left))
