"""Google consent mode, version 2: what the objects and the parameters `gcs` and `gcd` say.

Source: https://developers.google.com/tag-platform/security/guides/consent and the parameters that its tags send. A
default that the page has set is no answer of a person: it counts neither as a yes nor as a no. `gcs` does not tell the
two apart, so what it says is granted is no yes; `gcd`, which tags of version 2 send beside it, is read instead.
"""

import re
from typing import Any

from regulars.core.definitions import GOOGLE_TYPES

_GCS = re.compile(r"G1([01-])([01-])")
_GCD = re.compile(r"1\d([a-z])\d([a-z])\d([a-z])\d([a-z])(?:\d[0-9a-z]*)?")
#: Letters of `gcd`: what a person said; "l" is not set, "p" and "t" are only a default of the page.
_SAID = {"l": None, "p": None, "t": None, "q": False, "m": False, "u": False, "r": True, "n": True, "v": True}
_WORDS = {"granted": True, "denied": False, True: True, False: False}


def read(signal: Any) -> tuple[dict[str, bool], list[str]]:
    """What was said about each type, and the fields that cannot be read.

    `signal` is the object {"ad_storage": "granted", ...}, it may hold "gcs" and "gcd", or one of the two as text.

    >>> read({"ad_storage": "denied", "analytics_storage": "granted"})
    ({'ad_storage': False, 'analytics_storage': True}, [])
    >>> read("G101"), read({"gcd": "13r3l3l2q1"})
    (({'ad_storage': False}, []), ({'ad_storage': True, 'ad_personalization': False}, []))
    """
    if isinstance(signal, str):
        signal = {"gcs": signal} if signal.startswith("G") else {"gcd": signal}
    if not isinstance(signal, dict):
        return {}, ["google_consent"]
    said: dict[str, bool] = {}
    unread: list[str] = []
    answers = [_gcd(signal["gcd"])] if "gcd" in signal else [_gcs(signal["gcs"])] if "gcs" in signal else []
    for parameter, answer in zip(("gcd" if "gcd" in signal else "gcs",), answers, strict=False):
        if answer is None:
            unread.append(parameter)
        else:
            said = answer
    for kind in GOOGLE_TYPES:
        if kind in signal:
            value = signal[kind]
            word = _WORDS.get(value) if isinstance(value, str | bool) else None
            if word is None:
                unread.append(kind)
                said.pop(kind, None)
            else:  # of two answers the no counts
                said[kind] = word and said.get(kind, True)
    return said, unread


def _gcs(text: Any) -> dict[str, bool] | None:
    found = _GCS.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    pairs = zip(GOOGLE_TYPES, found.groups(), strict=False)
    return {kind: False for kind, flag in pairs if flag == "0"}  # a 1 may be the page's default


def _gcd(text: Any) -> dict[str, bool] | None:
    found = _GCD.fullmatch(text) if isinstance(text, str) and len(text) < 100 else None
    if found is None or any(letter not in _SAID for letter in found.groups()):
        return None
    pairs = zip(GOOGLE_TYPES, found.groups(), strict=True)
    return {kind: answer for kind, letter in pairs if (answer := _SAID[letter]) is not None}
