"""Whoever reads a list of events reads words, in both languages."""

import pytest

from regulars.core import event
from regulars.runtime.event_names import event_title

OWN = [
    event.IDENTIFY, event.PAGE, event.SCREEN, event.GROUP, event.ALIAS, event.DECISION_SHOWN, *event.ALWAYS_KEPT,
    *event.LOCATION_EVENTS, event.CHAT_TRANSCRIBED,
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(OWN)))
def test_events_of_the_vocabulary_have_a_german_name(name: str) -> None:
    assert event_title({}, name, "de") != name
