"""A small shop for the tests of conditions: its schema, and rows of its customers."""

from collections.abc import Mapping

from regulars.core.condition import Condition, Name, Schema, Type, compile_condition

SCHEMA = Schema(
    names={
        "orders_365d": Name(Type.NUMBER, 0),
        "revenue_365d": Name(Type.NUMBER, 1),
        "days_since_order": Name(Type.NUMBER, 2),
        "item.price": Name(Type.NUMBER, 3),
        "city": Name(Type.TEXT, 4),
        "lifecycle": Name(Type.TEXT, 5, frozenset({"new", "active", "waning", "inactive"})),
        "context.channel": Name(Type.TEXT, 6, frozenset({"web", "email", "app"})),
        "newsletter": Name(Type.BOOLEAN, 7),
        "preference.channel": Name(Type.TEXT, 8, frozenset({"email", "post"})),
        "preference.frequency": Name(Type.TEXT, 9, frozenset({"weekly", "rarely"})),
    },
    segments=frozenset({"regulars", "cyclists"}),
    interests=frozenset({"Road Cycling", "Tea"}),
    segment_slot=10,
    interest_slot=11,
    preferences={"channel": frozenset({"email", "post"}), "topics": None},
    preference_slot=12,
)

Row = tuple[object, ...]


def customer(
    *,
    segments: frozenset[str] = frozenset(),
    interests: Mapping[str, float] | None = None,
    declared: frozenset[str] = frozenset(),
    **values: float | str | bool | None,
) -> Row:
    """A row with the given values by name (`item_price` for item.price); what is not given is NULL."""
    known = {name.replace(".", "_"): name for name in SCHEMA.names}
    given = {known[key]: value for key, value in values.items()}
    return (*(given.get(name) for name in SCHEMA.names), segments, dict(interests or {}), declared)


def when(text: str) -> Condition:
    """The compiled condition."""
    return compile_condition(text, SCHEMA)
