"""The row that conditions are tested on."""

from regulars.core.condition import compile_condition
from regulars.core.definitions import Definitions, Shop, Trait
from regulars.core.schema import Rows

DEFINITIONS = Definitions(
    shop=Shop(name="Corner"),
    traits=(
        Trait(name="seen", kind="affinity", events=("Product Viewed",), of="category", interest=True),
        Trait(name="bought", kind="affinity", events=("Order Completed",), of="products.category", interest=True),
        Trait(name="size", kind="last", events=("Product Viewed",), of="size", type="text"),
    ),
)
ROWS = Rows(DEFINITIONS)


def test_of_several_affinities_the_largest_share_answers() -> None:
    assert ROWS.interests([{"a": 0.2, "b": 0.5}, {"a": 0.6}, "M"]) == {"a": 0.6, "b": 0.5}
    condition = compile_condition("interest('a') > 0.5 and size = 'M'", ROWS.schema)
    assert condition.test(ROWS.row([{"a": 0.2}, {"a": 0.6}, "M"], set()))


def test_context_is_null_until_something_is_decided() -> None:
    condition = compile_condition("context.hour >= 18 and context.channel = 'app'", ROWS.schema)
    values: list[object] = [{}, {}, None]
    assert not condition.test(ROWS.row(values, set()))
    assert condition.test(ROWS.row(values, set(), channel="app", hour=19))
