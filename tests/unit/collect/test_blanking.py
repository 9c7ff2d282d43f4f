"""Taking somebody's events out of a stored body leaves those of everybody else."""

import msgspec
import pytest

from regulars.collect import Decoder
from regulars.collect.blanking import ERASED, blanked
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.event import Event
from regulars.core.log import EVENTS, Record

DECODER = Decoder(Definitions(shop=Shop(name="Corner"), sources=(Source(id="till", kind="server"),), strict_plan=False))
#: Bytes that are no UTF-8, and half an emoji: what clients cut off in the middle.
DAMAGED = [b'{"event":"x","note\x98":1,"context":{"consent":1}}', b'{"event":"x","note":"\xff"}', b"7"]
CUT = b'{"type":"track","event":"x","userId":"cut","properties":{"note":"\\ud83d"}}'


def read(body: bytes) -> list[tuple[int, str]]:
    """Index and subject of each event."""
    found = DECODER.decode(Record(1, EVENTS, "till", "batch", 1_772_500_000_000, body))
    return [(one.index, one.subject) for one in found if isinstance(one, Event)]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_an_event_that_nobody_can_read_takes_none_of_its_batch_with_it(damaged: bytes) -> None:
    people = [b'{"type":"track","event":"x","userId":"%b"}' % name for name in (b"ana", b"ben")]
    body = b'{"sentAt":"2026-03-01","batch":[%b]}' % b",".join([people[0], damaged, people[1]])
    assert read(body) == [(0, "user_id:ana"), (2, "user_id:ben")]
    left = blanked(body, "batch", {0}, ["ana"])
    assert read(left) == [(2, "user_id:ben")]
    assert b"ana" not in left
    assert msgspec.json.decode(left)["sentAt"] == "2026-03-01"


def test_half_an_emoji_costs_nobody_an_event() -> None:
    body = b'{"batch":[%b,{"type":"track","event":"x","userId":"ana"}]}' % CUT
    assert read(body) == [(0, "user_id:cut"), (1, "user_id:ana")]
    assert read(blanked(body, "batch", {1}, ["ana"])) == [(0, "user_id:cut")]
    assert msgspec.json.decode(blanked(CUT, "track", {0}, ["cut"])) == ERASED


def test_a_batch_with_a_member_that_nobody_can_read_keeps_its_events() -> None:
    body = b'{"note\x98":1,"batch":[{"type":"track","event":"x","userId":"ana"}]}'
    assert read(body) == read(blanked(body, "batch", {5}, [])) == [(0, "user_id:ana")]
