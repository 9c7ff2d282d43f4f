"""What must hold for standing mends: a source that exists, a change that can be carried out."""

from regulars.core.event import BUILT_IN_EVENTS
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest


def check_mends(draft: Draft) -> None:
    """Report every mistake of mends.toml."""
    events = draft.named["events"] | set(BUILT_IN_EVENTS)
    for mend in draft.mends.values():
        if mend.source not in draft.named["sources"]:
            known = draft.named["sources"]
            message = f"unknown source {mend.source!r}; known are {listed(known)}"
            draft.report("mends", mend.id, "source", message, nearest(mend.source, known))
        wrong = mend.mistake()
        if wrong is not None:
            draft.report("mends", mend.id, *wrong)
        elif mend.action == "rename_event" and mend.to not in events:
            message = f"no event of the tracking plan is called {mend.to!r}"
            draft.report("mends", mend.id, "to", message, nearest(mend.to, events))
