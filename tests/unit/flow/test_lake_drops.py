"""Asking for rows to be taken out of the lake."""

from regulars.adapters.state.sqlite import SqliteState
from regulars.core.lake import Drop
from regulars.core.state import LAKE_DROP, Changes
from regulars.flow import lake_drops


def test_what_was_asked_for_waits_with_the_offset_of_the_record() -> None:
    state = SqliteState(":memory:")
    changes = Changes()
    lake_drops.ask(changes, 7, [Drop(subjects=("user_id:ana",)), Drop(names=("Page Viewed",), before=9, offset=3)])
    state.commit(changes)
    keys, drops = lake_drops.waiting(state.select(LAKE_DROP))
    assert keys == [(7, 0), (7, 1)]
    assert drops == [Drop(subjects=("user_id:ana",), offset=7), Drop(names=("Page Viewed",), before=9, offset=3)]
