"""What facts.toml must hold to: facts that can be kept, with a title in each language of the shop."""

from regulars.core.preferences import NAMESPACE
from regulars.core.sensitive import detector
from regulars.shop.draft import Draft

_LONGEST = 100  # characters of a fact's name, as profiles keep it


def check_facts(draft: Draft) -> None:
    """Every mistake of the facts that could be read."""
    words = detector(draft.sensitive)
    for one in draft.facts.values():
        if one.id.startswith(NAMESPACE):
            draft.report("facts", one.id, "", "is a wish; give it a title in preferences.toml")
        if not 0 < len(one.id) <= _LONGEST:
            draft.report("facts", one.id, "", f"profiles keep names of at most {_LONGEST} characters")
        kind = words.name(one.id)
        if kind:
            message = f"tells of {kind}: facts have no purpose that customers could agree to, so no profile keeps it"
            draft.report("facts", one.id, "", message)
        for language in draft.shop.languages:
            if not one.title.get(language, "").strip():
                draft.report("facts", one.id, "title", f"customers read it; say it in {language!r}")
