"""What a shop folder defines, on one page."""

from collections.abc import Iterable, Iterator

from regulars.core.definitions import CONTRACT, Definitions, Offer, Placement, Trait
from regulars.core.identity_types import IdentifierType
from regulars.core.merchandising import Rule, steps_of


def explain(definitions: Definitions, language: str = "en") -> str:
    """A page of plain text for `regulars explain`."""
    shop, identity = definitions.shop, definitions.identity
    strict = "others fail" if definitions.strict_plan else "others are taken as they come"
    sections = [
        ("Sources", [f"{s.id} ({s.kind}): {_title(s.title, s.id, language)}" for s in definitions.sources]),
        (f"Events, {strict}", _by_purpose(definitions)),
        ("Purposes", [f"{p.id}: {_title(p.title, p.id, language)}" for p in definitions.purposes]),
        ("Traits", [_trait(trait) for trait in definitions.traits]),
        ("Segments", [f"{s.id}: {s.when}" for s in definitions.segments]),
        ("Placements", list(_placements(definitions))),
        ("Rules", [_rule(rule) for rule in definitions.rules]),
        ("Offers", [_offer(offer) for offer in definitions.offers]),
        ("Identifiers", [_identifier(identity.by_id[name]) for name in identity.ranks]),
        ("Linking", [_linking(definitions)]),
    ]
    clock = "its clock follows the records" if shop.clock == "records" else "its clock is the wall's"
    head = f"{shop.name}: {shop.currency}, {shop.time_zone}, speaks {', '.join(shop.languages)}; {clock}"
    body = [
        f"\n{name} ({len(lines)})\n" + "".join(f"  {line}\n" for line in lines) for name, lines in sections if lines
    ]
    return f"{head}\nversion {definitions.version}, records {definitions.record_version}\n" + "".join(body)


def _linking(definitions: Definitions) -> str:
    linking = definitions.linking
    purpose = "everybody" if linking.purpose == CONTRACT else f"who allows {linking.purpose}"
    return f"{purpose}; linked from {linking.automatic:.1%} on, shown to staff from {linking.review:.1%} on"


def _identifier(one: IdentifierType) -> str:
    limit = ", one of a person" if one.unique else f", at most {one.limit} of a person" if one.limit else ""
    hashes = f", the hash of {one.hash_of}" if one.hash_of else ""
    return f"{one.id} ({one.kind}){limit}{hashes}"


def _title(titles: dict[str, str], name: str, language: str) -> str:
    return titles.get(language) or next(iter(titles.values()), name)


def _by_purpose(definitions: Definitions) -> list[str]:
    names: dict[str, list[str]] = {}
    for event in definitions.events:
        names.setdefault(event.purpose, []).append(event.name)
    return [f"{_admitted(purpose)}: {', '.join(found)}" for purpose, found in names.items()]


def _admitted(purpose: str) -> str:
    return "always" if purpose == CONTRACT else f"with consent to {purpose}"


def _trait(trait: Trait) -> str:
    of = f" of {trait.of}" if trait.of else ""
    window = f" in {trait.window_days} days" if trait.window_days else ""
    fade = f", halved every {trait.half_life_days:g} days" if trait.half_life_days else ""
    where = "".join(f", where {path} is {_one_of(value)}" for path, value in trait.where.items())
    over = ", ".join(trait.events)
    return f"{trait.name}: {trait.kind}{of} over {over}{window}{fade}{where}; {_admitted(trait.purpose)}"


def _one_of(value: object) -> str:
    values: Iterable[object] = value if isinstance(value, list) else [value]
    return " or ".join(str(v) for v in values)


def _placements(definitions: Definitions) -> Iterator[str]:
    for placement in definitions.placements:
        count = sum(placement.id in offer.placements for offer in definitions.offers)
        shows = [f"one of {count} offers"] if placement.offers else []
        if placement.recommend:
            shows.append(f"{placement.items} items by {_models(placement)}, {_admitted(placement.purpose)}")
        yield f"{placement.id} ({placement.channel}): {' and '.join(shows)}"


def _models(placement: Placement) -> str:
    chain = [
        " with ".join(f"{name} x {weight:g}" if len(step.models) > 1 else name for name, weight in step.models)
        for step in steps_of(placement.recommend)
    ]
    return ", else ".join(chain)


def _rule(rule: Rule) -> str:
    where = ", ".join((*rule.placements, *rule.channels)) or "everywhere"
    when = f" when {rule.when}" if rule.when else ""
    dates = "".join(f", {word} {day}" for word, day in (("from", rule.starts), ("to", rule.ends)) if day)
    return f"{rule.id}: {rule.kind} {where}{when}{dates}"


def _offer(offer: Offer) -> str:
    when = f" when {offer.when}" if offer.when else ""
    limit = f", at most {offer.limit.times} in {offer.limit.days} days" if offer.limit else ""
    dates = "".join(f", {word} {day}" for word, day in (("from", offer.starts), ("to", offer.ends)) if day)
    return f"{offer.id} on {', '.join(offer.placements)}{when}{limit}{dates}; {_admitted(offer.purpose)}"
