"""What placements with recommended items and rules.toml must hold to."""

from datetime import date
from typing import Any, get_args

from regulars.core.definitions import Placement
from regulars.core.merchandising import MODELS, SEARCH, AttributeType, ModelShare, Rule, searches, steps_of
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest
from regulars.shop.reading import TomlFile, shown

ATTRIBUTE_TYPES: tuple[AttributeType, ...] = get_args(AttributeType)
#: What makes two items alike, beside the attributes that rules.toml names.
ALIKE = ("item", "category", "brand", "kind")
#: Where the wanted value of a variant's attribute comes from, beside `preference.<id>`.
FROM_CALL = "context.store"
MOST_DAYS = 366
#: Keys of rules that only some kinds have.
_KEYS: dict[str, tuple[str, ...]] = {
    "factor": ("boost",),
    "share": ("margin_floor",),
    "amount": ("margin_floor",),
    "items": ("pin",),
    "position": ("pin",),
    "most": ("diversity",),
    "per": ("diversity", "no_repeat", "cool_down", "no_returned"),
    "level": ("diversity", "no_repeat", "cool_down", "no_returned"),
    "days": ("no_repeat", "cool_down", "no_returned"),
    "seen_on": ("no_repeat",),
    "match": ("in_stock",),
    "unknown": ("in_stock", "margin_floor"),
}
_DEFAULTS: dict[str, Any] = {key: getattr(Rule(id="", kind="exclude"), key) for key in _KEYS}


def read_attributes(draft: Draft, file: TomlFile) -> None:
    """The table [attributes]: attributes of products that rules read, with their types."""
    raw = file.data.get("attributes")
    if raw is None:
        return
    if not isinstance(raw, dict):
        file.report(("attributes",), 'expected a table [attributes], as in colour = "text"')
        return
    for name, kind in raw.items():
        if kind not in ATTRIBUTE_TYPES:
            message = f"expected one of {listed(ATTRIBUTE_TYPES)}, got {shown(kind)}"
            file.report(("attributes", name), message, nearest(str(kind), ATTRIBUTE_TYPES))
        elif draft.attributes.setdefault(name, kind) != kind:
            file.report(("attributes", name), f"is {draft.attributes[name]} in another file; one type for each")


def check_row(draft: Draft, placement: Placement) -> None:
    """The models of a placement exist, and what only rows have stands with rows."""
    name, recommend = placement.id, placement.recommend
    for one in (recommend,) if isinstance(recommend, str) else recommend:
        model = one.model if isinstance(one, ModelShare) else one
        if model not in MODELS and (model or not isinstance(recommend, str)):
            message = f"unknown recommender {model!r}; known are {listed(MODELS)}"
            draft.report("placements", name, "recommend", message, nearest(model, MODELS))
        if isinstance(one, ModelShare) and not 0 < one.weight <= 1000:
            draft.report("placements", name, "recommend", f"the weight of {model!r} must be above 0, got {one.weight}")
    if searches(recommend):
        _check_search(draft, placement)
    if not 0 <= placement.explore <= 0.5:
        draft.report("placements", name, "explore", f"expected 0 to 0.5, got {placement.explore}")
    if not 0 < placement.margin_weight <= 2:
        draft.report("placements", name, "margin_weight", f"expected above 0, up to 2, got {placement.margin_weight:g}")
    if not recommend:
        for key, set_ in (("filter", placement.filter), ("explore", placement.explore)):
            if set_:
                draft.report("placements", name, key, "is of rows of items; this placement recommends none")


def _check_search(draft: Draft, placement: Placement) -> None:
    """What answers a search stands alone in its link, and shows what was asked for."""
    for step in steps_of(placement.recommend):
        if len(step.models) > 1 and any(name == SEARCH for name, _ in step.models):
            message = 'what was searched for is not blended with other models; write "search" without a weight'
            draft.report("placements", placement.id, "recommend", message)
    if placement.explore:
        message = "a search shows what was asked for; leave `explore` to other placements"
        draft.report("placements", placement.id, "explore", message)
    if not placement.review:
        message = "who searches for a product that is known is to find it; leave `review` out"
        draft.report("placements", placement.id, "review", message)


def check_rules(draft: Draft) -> None:
    """Every mistake of the rules that could be read; their conditions are checked with all others."""
    pins: dict[tuple[str, int], str] = {}
    for rule in draft.rules.values():
        _check_keys(draft, rule)
        _check_where(draft, rule)
        _check_kind(draft, rule)
        if rule.kind == "pin" and not rule.when:
            for placement in rule.placements or sorted(draft.named["placements"]):
                other = pins.setdefault((placement, rule.position), rule.id)
                if other != rule.id and not (rule.starts or rule.ends or draft.rules[other].starts):
                    message = (
                        f"rule {other!r} pins position {rule.position} of {placement!r} already; the first one wins"
                    )
                    draft.report("rules", rule.id, "position", message)


def _check_keys(draft: Draft, rule: Rule) -> None:
    for key, kinds in _KEYS.items():
        if rule.kind not in kinds and getattr(rule, key) != _DEFAULTS[key]:
            draft.report("rules", rule.id, key, f"is of {listed(kinds)}; this is of kind {rule.kind}")


def _check_where(draft: Draft, rule: Rule) -> None:
    recommending = {one.id for one in draft.placements.values() if one.recommend}
    for placement in rule.placements:
        if placement not in draft.named["placements"]:
            known = draft.named["placements"]
            message = f"unknown placement {placement!r}; known are {listed(known)}"
            draft.report("rules", rule.id, "placements", message, nearest(placement, known))
        elif placement in draft.placements and placement not in recommending:
            draft.report("rules", rule.id, "placements", f"{placement!r} recommends no items, so no rule can move any")
    channels = {one.channel for one in draft.placements.values()}
    for key in ("channels", "seen_on"):
        for channel in getattr(rule, key):
            if channel not in channels:
                message = f"no placement is on channel {channel!r}; known are {listed(channels)}"
                draft.report("rules", rule.id, key, message, nearest(channel, channels))
    days = [_date(draft, rule, key) for key in ("starts", "ends")]
    if days[0] is not None and days[1] is not None and days[1] < days[0]:
        draft.report("rules", rule.id, "ends", f"ends on {rule.ends}, before it starts on {rule.starts}")


def _check_kind(draft: Draft, rule: Rule) -> None:  # noqa: C901 - one rule for each kind
    def report(key: str, message: str, suggestion: str = "") -> None:
        draft.report("rules", rule.id, key, message, suggestion)

    match rule.kind:
        case "exclude" | "boost" | "bury" if not rule.when:
            report("when", f"a rule of kind {rule.kind} says of which items, as in \"item.brand = 'Acme'\"")
        case "margin_floor" if rule.share is None and rule.amount is None:
            report("share", "say how much: share = 0.2 of the price, or amount in minor units")
        case "pin" if not rule.items:
            report("items", 'name the items to pin, as in items = ["1029743"]; the first that may be shown is taken')
        case "no_repeat" | "cool_down" if rule.days is None:
            report("days", "say for how many days")
    if rule.kind == "boost" and not 1 < rule.factor <= 1000:
        report(
            "factor", f"expected a factor above 1, up to 1000, got {rule.factor:g}; to move items down use kind bury"
        )
    if rule.share is not None and not -1 <= rule.share <= 1:
        report("share", f"expected -1 to 1 of the price, got {rule.share:g}; 0.2 is twenty percent")
    if rule.kind == "pin" and not 1 <= rule.position <= 100:
        report("position", f"expected 1 to 100, got {rule.position}")
    if rule.most < 1:
        report("most", f"expected at least 1, got {rule.most}; kind exclude shows none")
    if rule.days is not None and not 1 <= rule.days <= MOST_DAYS:
        report("days", f"expected 1 to {MOST_DAYS} days, got {rule.days}")
    known = (*ALIKE[rule.kind == "diversity" :], *draft.attributes)
    if rule.per and rule.per not in known:
        more = "" if rule.per in ALIKE else "; attributes are named in [attributes]"
        report("per", f"expected one of {listed(known)}, got {rule.per!r}{more}", nearest(rule.per, known))
    if rule.level and rule.alike != "category":
        report("level", "is of categories; leave it out")
    for attribute, source in rule.match.items():
        preferences = {f"preference.{one}" for one in draft.named["preferences"] or ("sizes",)}
        if source != FROM_CALL and source not in preferences:
            wanted = [FROM_CALL, *sorted(preferences)]
            report(f"match.{attribute}", f"expected one of {listed(wanted)}, got {source!r}", nearest(source, wanted))


def _date(draft: Draft, rule: Rule, key: str) -> date | None:
    text = getattr(rule, key)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        draft.report("rules", rule.id, key, f"expected a date as 2017-11-30, got {text!r}")
        return None
