"""What must hold for the policies of sources: purposes that exist, and partners that get nothing beyond their own."""

import re

from regulars.core.definitions import CONTRACT, Source, Webhook
from regulars.core.event import FIXED_PURPOSES, ORDER_EVENTS
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest

#: The last place of a source among those that tell of an order.
WORST = 39
_LONGEST_STORE = 200
_LONGEST_PLACE = 60  # characters of the name of a brand or a store


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
        _check_place(draft, source)
        if source.own_purpose:
            _check_own_purpose(draft, source)
        if source.webhook is not None:
            _check_webhook(draft, source, source.webhook)
        if source.kind != "server" and (source.role or source.ranks):
            message = "is of server sources; a browser's word about an order counts where no server's does"
            draft.report("sources", source.id, "role" if source.role else "ranks", message)
        for group, rank in source.ranks.items():
            if not 0 <= rank <= WORST:
                draft.report("sources", source.id, f"ranks.{group}", f"expected 0 (best) to {WORST}, got {rank}")
    _check_traits(draft)


def _check_webhook(draft: Draft, source: Source, webhook: Webhook) -> None:
    """A shop system is a server of the shop's own; its secret stands outside the folder."""
    if source.kind != "server":
        draft.report("sources", source.id, "webhook", 'a shop system is a server: kind = "server"')
    if source.partner:
        draft.report("sources", source.id, "webhook", "a partner's shop is not this shop; give it a source of its own")
    where, _, name = webhook.secret.partition(":")
    if where == "env":
        good = re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,200}", name) is not None
    else:
        good = where == "file" and name.startswith("/")
    if not good:
        message = (
            'expected "env:NAME" (a variable of the server) or "file:/path", got something else; '
            "the secret itself never stands in the folder"
        )
        draft.report("sources", source.id, "webhook.secret", message)
    if webhook.app and (webhook.shop != "shopware" or not re.fullmatch("[A-Za-z0-9_]{1,100}", webhook.app)):
        message = 'is the name of a Shopware app as in its manifest, letters and digits, with shop = "shopware"'
        draft.report("sources", source.id, "webhook.app", message)
    for place, store in webhook.stores.items():
        if not place or not 0 < len(store) <= _LONGEST_STORE:
            message = f"{place!r}: expected the name of a store, at most {_LONGEST_STORE} characters"
            draft.report("sources", source.id, "webhook.stores", message)
    if webhook.shop_erasure == "due" and (webhook.shop == "woocommerce" or webhook.app):
        message = '"due" is for a shop that says of itself that it leaves: Shopify, one shop a source'
        draft.report("sources", source.id, "webhook.shop_erasure", message)
    kinds = {one.id for one in draft.identity.types}
    if webhook.customer_type not in kinds:
        message = f"unknown type {webhook.customer_type!r}; known are {listed(kinds)}"
        draft.report("sources", source.id, "webhook.customer_type", message, nearest(webhook.customer_type, kinds))


def _check_place(draft: Draft, source: Source) -> None:
    """A brand or a store is the shop's own; another company is a partner, with a consent of its own."""
    for key, name in (("brand", source.brand), ("store", source.store)):
        if name and source.partner:
            message = "a partner is another company, with a consent of its own; say either `partner`, or whose it is"
            draft.report("sources", source.id, key, message)
        if name and not (name.isprintable() and name == name.strip() and len(name) <= _LONGEST_PLACE):
            message = f"expected a short name of at most {_LONGEST_PLACE} characters, got {name[:100]!r}"
            draft.report("sources", source.id, key, message)


def _check_own_purpose(draft: Draft, source: Source) -> None:
    """Customers say yes or no to a brand or a store: not to contract or law, and not to what events are for."""
    purpose = draft.purposes.get(source.own_purpose)
    key = "own_purpose"
    if source.partner:
        draft.report("sources", source.id, key, f"a partner's is 'partners:{source.partner}'; leave it out")
    elif purpose is None:
        known = draft.named["purposes"]
        message = f"unknown purpose {source.own_purpose!r}; known are {listed(known)}"
        draft.report("sources", source.id, key, message, nearest(source.own_purpose, known))
    elif purpose.basis not in ("consent", "legitimate_interest") or purpose.partner:
        message = f"customers cannot say yes or no to {purpose.id!r} for a brand or store; give it a purpose of its own"
        draft.report("sources", source.id, key, message)
    elif purpose.id in FIXED_PURPOSES.values() or any(one.purpose == purpose.id for one in draft.events.values()):
        message = f"{purpose.id!r} is what events are for; a brand or store needs a purpose that is for it alone"
        draft.report("sources", source.id, key, message)


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
