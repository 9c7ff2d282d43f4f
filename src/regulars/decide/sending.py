"""The last gate: may this message go to this person, now? Asked once more when it is about to be sent."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

import msgspec

from regulars.core.calendar import DAY_MS, Calendar
from regulars.core.definitions import CHANNEL, CONTRACT, FREQUENCY, HOURS, Preference, Purpose
from regulars.core.preferences import answers, hours_of
from regulars.decide.gates import allows


class Sending(IntEnum):
    """The answers. They are stored, so they keep their numbers."""

    ALLOWED = 0
    UNKNOWN_PURPOSE = 1
    NO_CONSENT = 2
    OTHER_CHANNEL = 3  # the purpose is not for messages of this channel
    PREFERENCE = 4  # the person does not want this channel
    TOO_SOON = 5  # the person wants messages less often
    NOT_NOW = 6  # the person does not want messages at this time of day


class Contact(msgspec.Struct, frozen=True):
    """How a person wants to be reached; None and nothing: nothing was said."""

    channels: frozenset[str] | None = None
    days: int = 0  # at least between two messages
    hours: tuple[tuple[int, int], ...] = ()  # stretches of the local day in minutes, the end not included

    def refusal(self, channel: str, now: int, calendar: Calendar, last: int | None) -> Sending | None:
        """Why a message is not wanted at `now` (ms), the last one having gone out at `last`; None where it is."""
        if self.channels is not None and channel not in self.channels:
            return Sending.PREFERENCE
        if last is not None and now - last < self.days * DAY_MS:
            return Sending.TOO_SOON
        if self.hours and channel != "post":  # a letter arrives when it arrives
            local = calendar.local(now)
            minute = local.hour * 60 + local.minute
            if not any(_within(minute, start, end) for start, end in self.hours):
                return Sending.NOT_NOW
        return None


def contact_of(facts: Mapping[str, Any], preferences: Iterable[Preference]) -> Contact:
    """What the facts of a hot record say about being reached, as the shop's preferences have it.

    >>> from regulars.core.definitions import PREFERENCES
    >>> contact_of({"pref.channel": "email", "pref.frequency": "monthly"}, PREFERENCES)
    Contact(channels=frozenset({'email'}), days=30, hours=())
    """
    known = {one.id: one for one in preferences}
    channels = answers(facts, CHANNEL) if CHANNEL in known else []
    often = answers(facts, FREQUENCY) if FREQUENCY in known else []
    hours = answers(facts, HOURS) if HOURS in known else []
    days = max((known[FREQUENCY].days_of(one) for one in often), default=0)
    found = tuple(one for said in hours for one in hours_of(said) or ())
    return Contact(frozenset(channels) if channels else None, days, found)


def may_send(
    purpose: str,
    channel: str,
    consent: Mapping[str, int],
    purposes: Mapping[str, Purpose],
    now: int,
    *,
    contact: Contact,
    calendar: Calendar,
    last: int | None,
) -> Sending:
    """Whether a message for `purpose` may go out by `channel` at `now` (ms), or why not.

    `consent` is the profile's (purpose -> since, ms) as of now, `contact` how the person wants to be reached, `last`
    when the last message went out that no order needed. What an order needs asks for no consent and is not held back.

    >>> shop = Calendar("Europe/Berlin")
    >>> purposes = {"news": Purpose(id="news", channel="email")}
    >>> may_send("news", "email", {"news": 5}, purposes, 9, contact=Contact(), calendar=shop, last=None)
    <Sending.ALLOWED: 0>
    >>> by_post = Contact(channels=frozenset({"post"}))
    >>> may_send("news", "email", {"news": 5}, purposes, 9, contact=by_post, calendar=shop, last=None)
    <Sending.PREFERENCE: 4>
    """
    if purpose == CONTRACT:
        return Sending.ALLOWED
    known = purposes.get(purpose)
    if known is None:
        return Sending.UNKNOWN_PURPOSE
    if not allows(consent, purpose, now):
        return Sending.NO_CONSENT
    if known.channel != channel:
        return Sending.OTHER_CHANNEL
    return contact.refusal(channel, now, calendar, last) or Sending.ALLOWED


def _within(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start < end else minute >= start or minute < end
