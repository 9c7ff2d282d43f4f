"""What must hold for purposes: terms that fit their basis, words for every customer, and no way to trick a yes."""

from collections.abc import Iterable

from regulars.core.definitions import CONTRACT, GOOGLE_TYPES, Purpose
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest

#: Purposes that profile people for marketing, whatever a shop files under them; an objection is not enough for these.
PROFILING = ("profiling", "personalisation", "location", "partners")
_ASKED = ("email", "sms", "push", "phone", "messenger")


def check_consent(draft: Draft) -> None:
    """Report every mistake of consent.toml."""
    selecting = _selecting(draft)
    for purpose in draft.purposes.values():
        _check_terms(draft, purpose)
        _check_partner(draft, purpose)
        _check_words(draft, purpose)
        if purpose.basis == "legitimate_interest":
            _check_interest(draft, purpose, selecting)
    _check_signals(draft)


def _check_terms(draft: Draft, purpose: Purpose) -> None:
    if purpose.expires_days is not None and purpose.expires_days < 1:
        draft.report("purposes", purpose.id, "expires_days", f"expected at least 1, got {purpose.expires_days}")
    if purpose.basis == "consent":
        return
    for key, wrong in (
        ("expires_days", purpose.expires_days is not None),
        ("double_opt_in", purpose.double_opt_in),
        ("sensitive", purpose.sensitive),
        ("partner", bool(purpose.partner)),
    ):
        if wrong:
            message = f'is of purposes that rest on consent; this one rests on "{purpose.basis}"'
            draft.report("purposes", purpose.id, key, message)


def _check_partner(draft: Draft, purpose: Purpose) -> None:
    parent, colon, partner = purpose.id.partition(":")
    if not colon and not purpose.partner:
        return
    if not colon or partner != purpose.partner:
        wanted = f"partners:{purpose.partner or partner}"
        message = f'a partner\'s purpose is named for it, [purposes."{wanted}"] with partner = '
        draft.report("purposes", purpose.id, "partner", f'{message}"{purpose.partner or partner}"')
    elif parent not in draft.named["purposes"]:
        message = f"there is no purpose {parent!r} that customers agree to first"
        draft.report("purposes", purpose.id, "", message, nearest(parent, draft.named["purposes"]))


def _check_words(draft: Draft, purpose: Purpose) -> None:
    languages = draft.shop.languages
    if purpose.texts and purpose.text:
        draft.report("purposes", purpose.id, "text", "is given twice; the last of `texts` is what customers read")
    if purpose.text:
        _spoken(draft, purpose, "text", purpose.text, languages)
    if purpose.basis == "consent" and not purpose.text and not purpose.texts:
        line = ", ".join(f'{language} = "…"' for language in languages)
        message = (
            f"customers would agree to what they cannot read; say what their data is used for: text = {{ {line} }}"
        )
        draft.report("purposes", purpose.id, "text", message)
    seen: set[str] = set()
    for wording in purpose.texts:
        if not wording.version or wording.version in seen:
            message = f"the version {wording.version!r} is empty or stands twice; evidence names one text by it"
            draft.report("purposes", purpose.id, "texts", message)
        seen.add(wording.version)
        _spoken(draft, purpose, "texts", wording.text, languages)
    if purpose.benefit is not None:
        for key, words in (("with", purpose.benefit.with_), ("without", purpose.benefit.without)):
            _spoken(draft, purpose, f"benefit.{key}", words, languages)


def _spoken(draft: Draft, purpose: Purpose, key: str, words: dict[str, str], languages: Iterable[str]) -> None:
    for language in languages:
        if not words.get(language, "").strip():
            message = f"has no text in {language!r}; nobody can agree to, or do without, what they cannot read"
            draft.report("purposes", purpose.id, key, message)
    for language in words:
        if language not in languages:
            message = f"the shop does not speak {language!r}; shop.toml says {listed(languages)}"
            draft.report("purposes", purpose.id, key, message, nearest(language, languages))


def _selecting(draft: Draft) -> dict[str, str]:
    """Purposes that choose what a person is shown, and by what."""
    found = {
        trait.purpose: f"the affinity {trait.name!r}" for trait in draft.traits.values() if trait.kind == "affinity"
    }
    found |= {segment.purpose: f"the segment {segment.id!r}" for segment in draft.segments.values()}
    found |= {offer.purpose: f"the offer {offer.id!r}" for offer in draft.offers.values()}
    found |= {p.purpose: f"the placement {p.id!r}" for p in draft.placements.values() if p.recommend}
    return found


def _check_interest(draft: Draft, purpose: Purpose, selecting: dict[str, str]) -> None:
    reason = ""
    if purpose.id.partition(":")[0] in PROFILING or purpose.id.startswith("marketing_profil"):
        reason = f"{purpose.id!r} profiles for marketing"
    elif purpose.channel in _ASKED:
        reason = f"messages by {purpose.channel} need consent"
    elif purpose.id in selecting:
        reason = f"{selecting[purpose.id]} rests on it and chooses what a person is shown"
    if reason:
        message = f'may not be "legitimate_interest": {reason}; use "consent"'
        draft.report("purposes", purpose.id, "basis", message)


def _check_signals(draft: Draft) -> None:
    signals = draft.signals
    file = draft.places.get(("signals", ""))
    if file is None:
        return
    asked = {p.id for p in draft.purposes.values() if p.basis in ("consent", "legitimate_interest")}
    unread = draft.named["purposes"] - set(draft.purposes)
    groups = (
        (("segment",), signals.segment),
        (("google",), signals.google),
        (("tcf", "purposes"), signals.tcf.purposes),
        (("tcf", "special_features"), signals.tcf.special_features),
    )
    for path, words in groups:
        for word, purposes in words.items():
            for purpose in purposes:
                if purpose not in asked | unread:
                    what = "needs no consent" if purpose in draft.purposes or purpose == CONTRACT else "is no purpose"
                    message = f"{purpose!r} {what}; known are {listed(sorted(asked))}"
                    file.report(("signals", *path, word), message, nearest(purpose, asked))
    for word in signals.google:
        if word not in GOOGLE_TYPES:
            message = f"unknown type of Google's consent mode; known are {listed(GOOGLE_TYPES)}"
            file.report(("signals", "google", word), message, nearest(word, GOOGLE_TYPES))
    for key, most in (("purposes", 24), ("special_features", 12)):
        for number in getattr(signals.tcf, key):
            if not number.isdecimal() or not 1 <= int(number) <= most:
                file.report(("signals", "tcf", key, number), f"expected a number from 1 to {most}")
    vendor = signals.tcf.vendor
    if vendor is not None and not 1 <= vendor <= 0xFFFF:
        file.report(("signals", "tcf", "vendor"), f"expected a number of the Global Vendor List, got {vendor}")
