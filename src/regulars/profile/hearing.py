"""What an event says about consent: its own statement, and the signals of consent managers that ride on it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from regulars.core.definitions import CONTRACT, Signals
from regulars.core.event import CONSENT, Event
from regulars.profile import google_consent, tcf
from regulars.profile.statements import RIDING, Statement, own_id

#: Keys of an event's context that may speak about consent.
SPEAKING = frozenset({"consent", "google_consent", "tcf"})
NO_SIGNALS = Signals()
_AGENTS = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung"), ("Firefox/", "Firefox"),
           ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
_NONE: frozenset[str] = frozenset()


class Heard(msgspec.Struct, frozen=True):
    """What an event says about consent; `unknown` purposes and `malformed` answers are reported, not applied.

    `evidence` is by the message id of the statements: which text, how, from where, with which browser.
    """

    statements: tuple[Statement, ...] = ()
    unknown: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()
    evidence: Mapping[str, Mapping[str, Any]] = {}


NOTHING_HEARD = Heard()


def speaks(event: Event) -> bool:
    """Whether the event may say something about consent."""
    return event.name == CONSENT or not SPEAKING.isdisjoint(event.context)


def hear(
    event: Event,
    purposes: Collection[str],
    signals: Signals = NO_SIGNALS,
    *,
    objectable: Collection[str] = _NONE,
) -> Heard:
    """What the event's subject says about `purposes`; `objectable` are those of legitimate interest.

    The event `Consent Updated` with {"purposes": {purpose: bool}} is a statement of its own. Segment's
    `context.consent.categoryPreferences` (https://segment.com/docs/privacy/consent-management/), Google's consent mode
    (`context.google_consent`) and a TC string (`context.tcf`) ride on every event; where they contradict each other the
    no counts. A claim never speaks: only the verified subject does.
    """
    if not event.subject or not speaks(event):
        return NOTHING_HEARD
    reading = _Reading(frozenset(purposes), signals, frozenset(objectable))
    own = own_id(event.message_id)
    riding = RIDING + event.message_id
    found: list[Statement] = []
    evidence: dict[str, Mapping[str, Any]] = {}
    if event.name == CONSENT:
        said = reading.own(event.properties.get("purposes"))
        found += [Statement(event.subject, purpose, event.time, own, granted) for purpose, granted in said.items()]
        if said:
            evidence[own] = _evidence(event, event.properties.get("method"), event.properties.get("text_version"))
    rides = reading.rides(event.context)
    if rides:
        found += [Statement(event.subject, purpose, event.time, riding, granted) for purpose, granted in rides.items()]
        evidence[riding] = {**_evidence(event, "+".join(reading.methods), reading.version), **reading.tc}
    return Heard(tuple(found), tuple(reading.unknown), tuple(reading.malformed), evidence)


class _Reading:
    """Reads the answers of one event."""

    def __init__(self, purposes: frozenset[str], signals: Signals, objectable: frozenset[str]) -> None:
        self._purposes = purposes
        self._signals = signals
        self._objectable = objectable
        self.unknown: list[str] = []
        self.malformed: list[str] = []
        self.methods: list[str] = []
        self.version: Any = None
        self.tc: dict[str, Any] = {}

    def own(self, answers: Any) -> dict[str, bool]:
        """The answers of a `Consent Updated`, by purpose."""
        return self._mapped(self._answers(answers), {})

    def rides(self, context: Mapping[str, Any]) -> dict[str, bool]:
        """What all signals of a context say, by purpose."""
        said: dict[str, bool] = {}
        consent = context.get("consent")
        if isinstance(consent, dict):
            self.version = consent.get("version")
            answers = self._answers(consent.get("categoryPreferences"))
            self._merge(said, self._mapped(answers, self._signals.segment), "segment")
        elif consent is not None:
            self.malformed.append("context.consent")
        if context.get("google_consent") is not None:
            told, unread = google_consent.read(context["google_consent"])
            self.malformed += unread
            self._merge(said, _all_of(told, self._signals.google), "google")
        text = context.get("tcf")
        if text is None and isinstance(consent, dict):
            text = consent.get("tcString")
        if text is not None:
            self._merge(said, self._tcf(text), "tcf")
        return {purpose: granted for purpose, granted in said.items() if purpose in self._purposes}

    def _merge(self, said: dict[str, bool], more: Mapping[str, bool], method: str) -> None:
        if more:
            self.methods.append(method)
        for purpose, granted in more.items():
            said[purpose] = granted and said.get(purpose, True)

    def _answers(self, answers: Any) -> dict[str, bool]:
        if answers is None:
            return {}
        if not isinstance(answers, dict):
            self.malformed.append("purposes")
            return {}
        found: dict[str, bool] = {}
        for word, granted in answers.items():
            if isinstance(granted, bool):
                found[str(word)] = granted
            else:
                self.malformed.append(str(word)[:100])
        return found

    def _mapped(self, answers: Mapping[str, bool], words: Mapping[str, tuple[str, ...]]) -> dict[str, bool]:
        """Answers by purpose: a word of `words` means its purposes, any other the purpose of its own name."""
        named = {word: granted for word, granted in answers.items() if word not in words}
        self.unknown += [word[:100] for word in named if word == CONTRACT or word not in self._purposes]
        found = _all_of(answers, words)
        for word, granted in named.items():
            if word in self._purposes:
                found[word] = granted and found.get(word, True)
        return found

    def _tcf(self, text: Any) -> dict[str, bool]:
        if isinstance(text, dict):
            text = text.get("tcString")
        try:
            tc = tcf.decode(text if isinstance(text, str) else "")
        except ValueError as error:
            self.malformed.append(f"tcf: {error}"[:100])
            return {}
        self.tc = {"cmp": tc.cmp_id, "created": tc.created, "policy": tc.policy}
        mapping = self._signals.tcf
        found: dict[str, bool] = {}
        for number, purposes in mapping.purposes.items():
            for purpose in purposes:
                yes = _tc_allows(tc, int(number), mapping.vendor, interest=purpose in self._objectable)
                found[purpose] = yes and found.get(purpose, True)
        for number, purposes in mapping.special_features.items():
            for purpose in purposes:
                found[purpose] = int(number) in tc.special_features and found.get(purpose, True)
        return found


def _tc_allows(tc: tcf.TcString, purpose: int, vendor: int | None, *, interest: bool) -> bool:
    if purpose not in (tc.interests if interest else tc.consents):
        return False
    if vendor is None:
        return True
    return not tc.forbids(purpose, vendor) and (tc.vendor_interest(vendor) if interest else tc.vendor_consented(vendor))


def _all_of(answers: Mapping[str, bool], words: Mapping[str, Iterable[str]]) -> dict[str, bool]:
    """By purpose: no when any of its words is no, yes when all of them are yes; else nothing was said.

    >>> _all_of({"a": True, "b": True}, {"a": ["x"], "b": ["x", "y"], "c": ["y"]})
    {'x': True}
    """
    asked: dict[str, list[bool | None]] = {}
    for word, purposes in words.items():
        for purpose in purposes:
            asked.setdefault(purpose, []).append(answers.get(word))
    return {purpose: all(given) for purpose, given in asked.items() if False in given or None not in given}


def _evidence(event: Event, method: Any, version: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"source": event.source, "proof": event.message_id[:200]}
    for name, value in (("method", method), ("text_version", version)):
        if isinstance(value, str | int) and not isinstance(value, bool):
            found[name] = str(value)[:100]
    agent = event.context.get("userAgent")
    if isinstance(agent, str):
        found["agent"] = next((family for mark, family in _AGENTS if mark in agent), "other")
    return found
