"""What must hold for the policies of sources: purposes that exist, and partners that get nothing beyond their own."""

from regulars.core.definitions import CONTRACT, Source
from regulars.core.event import ORDER_EVENTS
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest


def check_policies(draft: Draft) -> None:
    """Report every mistake of what sources may be used for."""
    for source in draft.sources.values():
        for purpose in source.purposes or ():
            known = draft.named["purposes"] | {CONTRACT}
            if purpose not in known:
                message = f"unknown purpose {purpose!r}; known are {listed(known)}"
                draft.report("sources", source.id, "purposes", message, nearest(purpose, known))
        if source.partner:
            _check_partner(draft, source)
    _check_traits(draft)


def _check_partner(draft: Draft, source: Source) -> None:
    purpose = f"partners:{source.partner}"
    if purpose not in draft.named["purposes"]:
        message = f'customers cannot agree to it: add [purposes."{purpose}"] with partner = "{source.partner}"'
        partners = [name.partition(":")[2] for name in draft.named["purposes"] if name.startswith("partners:")]
        draft.report("sources", source.id, "partner", message, nearest(source.partner, partners))
    if source.kind != "server":
        draft.report("sources", source.id, "partner", 'a partner sends with a key of its own: kind = "server"')
    if source.scopes != ("collect",):
        message = 'a partner sees nothing of your customers and decides nothing: scopes = ["collect"]'
        draft.report("sources", source.id, "scopes", message)
    if source.purposes is not None:
        message = f"a partner's events are for {purpose!r} and nothing else; leave `purposes` out"
        draft.report("sources", source.id, "purposes", message)


def _check_traits(draft: Draft) -> None:
    """A trait of a partner's purpose counts what the partner's sources send, and those tell no orders."""
    partners = {f"partners:{source.partner}" for source in draft.sources.values() if source.partner}
    for trait in draft.traits.values():
        orders = [name for name in trait.events if name in ORDER_EVENTS]
        if trait.purpose in partners and orders:
            message = (
                f"{orders[0]!r} never comes from a partner: a partner's sale is no order of this shop; name another"
            )
            draft.report("traits", trait.name, "events", message)
