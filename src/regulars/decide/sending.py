"""The last gate: may this message go to this person, now? Asked once more when it is about to be sent."""

from collections.abc import Collection, Mapping
from enum import IntEnum

from regulars.core.definitions import CONTRACT, Purpose
from regulars.decide.gates import allows


class Sending(IntEnum):
    """The answers. They are stored, so they keep their numbers."""

    ALLOWED = 0
    UNKNOWN_PURPOSE = 1
    NO_CONSENT = 2
    OTHER_CHANNEL = 3  # the purpose is not for messages of this channel
    PREFERENCE = 4  # the person does not want this channel


def may_send(
    purpose: str,
    channel: str,
    consent: Mapping[str, int],
    purposes: Mapping[str, Purpose],
    now: int,
    *,
    unwanted: Collection[str] = (),
) -> Sending:
    """Whether a message for `purpose` may go out by `channel` at `now` (ms), or why not.

    `consent` is the profile's (purpose -> since, ms) as of now, `unwanted` the channels that the person does not want.
    What an order needs asks for no consent and is not held back.

    >>> may_send("news", "email", {"news": 5}, {"news": Purpose(id="news", channel="email")}, 9)
    <Sending.ALLOWED: 0>
    >>> may_send("news", "sms", {"news": 5}, {"news": Purpose(id="news", channel="email")}, 9)
    <Sending.OTHER_CHANNEL: 3>
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
    return Sending.PREFERENCE if channel in unwanted else Sending.ALLOWED
