"""What declares itself a machine: crawlers, monitors, libraries and remote-controlled browsers.

The names are those of the list `crawler-user-agents` (MIT), which is kept by many and tells what kind each one is. Of a
thousand patterns nearly all are plain texts, so a name is looked up by four of its letters and not by trying them all:
whoever makes up a new name for each event must not cost more than anybody else.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from regulars.core.machine import HUMAN, MACHINE, OF_HEAD, OF_PLACE, UNKNOWN

#: Longer names are looked at up to here.
_LONGEST = 512
#: Libraries that apps for people are made with.
_OF_APPS = frozenset({"okhttp", "axios"})
LIBRARY = "http-library"
#: What speaks for a human: a hand at mouse, keys or screen, as our SDK saw it; a login that the shop's backend signed.
HAND, SIGNED_IN = "hand", "signed_in"
#: Our SDK saw none: no verdict, and one sign where it goes on.
NO_HAND = "no_hand"
#: A browser that says that it is remote-controlled (W3C WebDriver, `navigator.webdriver`).
WEBDRIVER = "webdriver"
_GRAM = 4
_PLAIN = re.compile(r"(?:[^\\\[\](){}.*+?^$|]|\\[^a-zA-Z0-9])+")
#: Names that nobody listed yet; CUBOT is a maker of phones.
_OTHERS = re.compile(r"(?i)(?<!cu)bot\b|crawler|spider\b|headless|scraper")
_SAID: dict[str, dict[str, Any]] = {
    SIGNED_IN: {"verdict": HUMAN, "why": [SIGNED_IN]},
    HAND: {"verdict": HUMAN, "why": [HAND]},
    NO_HAND: {"verdict": UNKNOWN, "why": [NO_HAND]},
}


class _Names(NamedTuple):
    by_gram: Mapping[str, list[tuple[str, str]]]  # four letters -> names with them, and of what kind they are
    patterns: list[tuple[re.Pattern[str], str]]


def _names() -> _Names:
    by_gram: dict[str, list[tuple[str, str]]] = {}
    by_kind: dict[str, list[str]] = {}
    for listed in CRAWLER_USER_AGENTS_DATA:
        pattern, kind = str(listed["pattern"]), str((listed.get("tags") or ["other"])[0])
        if pattern in _OF_APPS:
            continue
        text = re.sub(r"\\(.)", r"\1", pattern)
        if _PLAIN.fullmatch(pattern) and len(text) >= _GRAM:
            grams = [text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)]
            # Under the letters that the fewest others share, or every name with "bot/" in it stands in one place.
            gram = min(grams, key=lambda one: (len(by_gram.get(one, ())), one.lower() in _COMMON))
            by_gram.setdefault(gram, []).append((text, kind))
        else:
            by_kind.setdefault(kind, []).append(pattern)
    return _Names(by_gram, [(re.compile("|".join(some)), kind) for kind, some in by_kind.items()])


#: Letters that nearly every browser's name has.
_COMMON = frozenset(
    text[at : at + _GRAM]
    for text in (
        "mozilla/5.0 (windows nt 10.0; win64; x64) applewebkit/537.36 (khtml, like gecko) chrome safari/537.36",
    )
    for at in range(len(text) - _GRAM + 1)
)
_NAMES = _names()


@lru_cache(maxsize=8192)
def kind_of_agent(agent: str) -> str:
    """What kind of machine a user agent names; "" for none.

    >>> kind_of_agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    'search-engine'
    >>> kind_of_agent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36")
    ''
    """  # noqa: E501 - user agents are long
    agent = agent[:_LONGEST]
    grams = {agent[at : at + _GRAM] for at in range(len(agent) - _GRAM + 1)}
    for gram in sorted(grams & _NAMES.by_gram.keys()):
        for text, kind in _NAMES.by_gram[gram]:
            if text in agent:
                return kind
    for pattern, kind in _NAMES.patterns:
        if pattern.search(agent):
            return kind
    return "other" if _OTHERS.search(agent) else ""


def declared(agent: str | None, *, webdriver: bool = False, server: bool = False) -> list[str]:
    """What a client says of itself that only machines say; from a server, a library's name is only the server's own.

    >>> declared("python-requests/2.32"), declared("python-requests/2.32", server=True), declared(None, webdriver=True)
    (['agent:http-library'], [], ['webdriver'])
    """
    kind = kind_of_agent(agent) if agent else ""
    found = [f"agent:{kind}"] if kind and not (server and kind == LIBRARY) else []
    return [*found, WEBDRIVER] if webdriver else found


def said_of(
    agent: str | None,
    *,
    webdriver: bool = False,
    hand: bool | None = None,
    signed_in: bool = False,
    server: bool = False,
    signs: str = "",
) -> dict[str, Any] | None:
    """The verdict on what an event says of its sender, and what the door saw (`signs`); None where there is nothing."""
    why = declared(agent, webdriver=webdriver, server=server)
    if why:
        return {"verdict": MACHINE, "why": why}
    said = _SAID[SIGNED_IN] if signed_in else None if hand is None else _SAID[HAND if hand else NO_HAND]
    if not signs:
        return said
    seen = signs.split(",")
    # The shop's own word for a login outweighs where it came from, never what says of itself that it is a machine.
    if suffice(seen, signed_in=signed_in):
        return {"verdict": MACHINE, "why": seen}
    return {"verdict": UNKNOWN, "why": seen} if said is None else {**said, "why": [*said["why"], *seen]}


def suffice(signs: Sequence[str], *, signed_in: bool = False) -> bool:
    """Whether they name a machine: one that says so itself, or a place and a head that speak for one.

    >>> suffice(["data_centre", "crowd"]), suffice(["data_centre", "bare"]), suffice(["agent:seo"])
    (False, True, True)
    """
    if any(one.startswith("agent:") for one in signs):
        return True
    return not (signed_in or OF_PLACE.isdisjoint(signs) or OF_HEAD.isdisjoint(signs))
