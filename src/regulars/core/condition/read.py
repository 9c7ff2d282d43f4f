"""From the parser's tree to the condition's own, checking types and places as it goes."""

from sqlglot import exp

from regulars.core.condition.functions import Functions
from regulars.core.condition.like import DanglingEscape, Pattern, elements
from regulars.core.condition.mistakes import Mistakes
from regulars.core.condition.nodes import (
    MISSING,
    And,
    Arith,
    Between,
    Case,
    Compare,
    Constant,
    In,
    Interest,
    IsNull,
    IsTruth,
    Like,
    Negate,
    Node,
    Not,
    Or,
    Ref,
    common_type,
    type_of,
)
from regulars.core.condition.schema import Schema, Type
from regulars.core.condition.text import constant_text, shown, text_of
from regulars.core.condition.tokens import Leaf

COMPARISONS: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
ARITHMETIC: dict[type[exp.Expression], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}


class Reader:
    """Reads one condition; whatever is wrong goes to `mistakes` and reading goes on."""

    def __init__(self, leaves: dict[str, Leaf], schema: Schema, mistakes: Mistakes) -> None:
        self.leaves = leaves
        self.schema = schema
        self.mistakes = mistakes
        self._functions = Functions(schema, self._add, mistakes.near)

    def read_condition(self, tree: exp.Expression) -> Node:
        """The whole condition, which must be a boolean."""
        return self.read_as(tree, Type.BOOLEAN)

    def read_as(self, tree: object, wanted: Type) -> Node:
        """A part that must have the wanted type."""
        node = self.read(tree)
        found = type_of(node)
        if found in (None, wanted):
            return node
        suggestion = None
        if wanted is Type.BOOLEAN and isinstance(node, Ref | Interest):
            example = "> 0" if found is Type.NUMBER else "= '…'"
            suggestion = f"{text_of(node)} {example}"
        self._add(tree, "is_a", f"a_{wanted.value}", suggestion, word=shown(node), type=f"a_{found.value}")
        return MISSING

    def read(self, tree: object) -> Node:
        """Any part."""
        if isinstance(tree, exp.Paren):
            return self.read(tree.this)
        if isinstance(tree, exp.Column):
            return self._leaf(tree)
        if isinstance(tree, exp.And | exp.Or):
            items = tuple(self.read_as(part, Type.BOOLEAN) for part in _chain(tree))
            return And(items) if isinstance(tree, exp.And) else Or(items)
        if isinstance(tree, exp.Not):
            return Not(self.read_as(tree.this, Type.BOOLEAN))
        if isinstance(tree, exp.Anonymous):
            return self._call(tree)
        if isinstance(tree, exp.Case):
            return self._case(tree)
        if isinstance(tree, exp.Neg):
            return Negate(self.read_as(tree.this, Type.NUMBER))
        kind = type(tree)
        if kind in COMPARISONS and isinstance(tree, exp.Binary):
            return self._compare(COMPARISONS[kind], tree)
        if kind in ARITHMETIC and isinstance(tree, exp.Binary):
            left, right = self.read_as(tree.this, Type.NUMBER), self.read_as(tree.expression, Type.NUMBER)
            return Arith(ARITHMETIC[kind], left, right)
        return self._test(tree)

    def _test(self, tree: object) -> Node:
        if isinstance(tree, exp.Between) and not tree.args.get("symmetric"):
            return self._between(tree)
        if isinstance(tree, exp.In) and not tree.args.get("query"):
            return self._in(tree)
        if isinstance(tree, exp.Is):
            return self._is(tree)
        if isinstance(tree, exp.Escape) and isinstance(tree.this, exp.Like | exp.ILike):
            escape = tree.expression
            text = escape.name if isinstance(escape, exp.Literal) and escape.is_string else ""
            if len(text) != 1:
                self._add(tree, "escape_one", "such_as", example="escape '!'")
                return MISSING
            return self._like(tree.this, text)
        if isinstance(tree, exp.Like | exp.ILike):
            return self._like(tree, "")
        name = type(tree).__name__.lower() if tree is not None else "nothing"
        self._add(tree, "form_not_in_language", "comparison_or_value", word=name)
        return MISSING

    def _leaf(self, tree: exp.Column) -> Node:
        leaf = self.leaves.get(tree.name)
        if leaf is None:
            self._add(tree, "not_here", "name_or_value", word=repr(tree.name))
            return MISSING
        if leaf.kind == "name" and isinstance(leaf.value, str):
            if not leaf.known:
                return MISSING
            name = self.schema.names[leaf.value]
            return Ref(leaf.value, name.slot, name.type)
        if leaf.kind == "function":
            return MISSING
        return Constant(leaf.value)

    def _compare(self, op: str, tree: exp.Binary) -> Node:
        left, right = self.read(tree.this), self.read(tree.expression)
        if not self._comparable(left, right, tree.expression):
            return MISSING
        if op not in ("=", "<>") and common_type(left, right) is Type.BOOLEAN:
            self._add(tree, "no_order", "equal_or_not", word=op)
            return MISSING
        if op in ("=", "<>"):
            self._check_values(left, right, tree.expression)
            self._check_values(right, left, tree.this)
        return Compare(op, left, right)

    def _comparable(self, left: Node, right: Node, place: object) -> bool:
        left_type, right_type = type_of(left), type_of(right)
        if left_type is None or right_type is None or left_type is right_type:
            return True
        self._add(
            place,
            "is_a_other_is",
            f"a_{left_type.value}",
            _converted(right, left_type),
            word=shown(left),
            type=f"a_{left_type.value}",
            other=shown(right),
            type_of_other=f"a_{right_type.value}",
        )
        return False

    def _check_values(self, subject: Node, other: Node, place: object) -> None:
        """A name with a fixed set of texts is compared with one of them."""
        if not isinstance(subject, Ref) or not isinstance(other, Constant) or not isinstance(other.value, str):
            return
        values = self.schema.names[subject.name].values
        if values is None or other.value in values or self.mistakes.full:
            return
        near = self.mistakes.near(other.value, values)
        self._add(
            place,
            "never",
            "one_of",
            constant_text(near) if near else None,
            word=subject.name,
            value=constant_text(other.value),
            known=", ".join(constant_text(value) for value in sorted(values)[:12]),
        )

    def _between(self, tree: exp.Between) -> Node:
        item = self.read(tree.this)
        low, high = self.read(tree.args.get("low")), self.read(tree.args.get("high"))
        fits = [self._comparable(item, bound, tree.args.get(key)) for key, bound in (("low", low), ("high", high))]
        if not all(fits) or not self._comparable(low, high, tree.args.get("high")):
            return MISSING
        if common_type(item, low, high) is Type.BOOLEAN:
            self._add(tree, "no_order", "numbers_or_texts", word="between")
            return MISSING
        return Between(item, low, high)

    def _in(self, tree: exp.In) -> Node:
        item = self.read(tree.this)
        options = tuple(self.read(option) for option in tree.expressions)
        if not options:
            self._add(tree, "list_empty", "values_in_brackets")
            return MISSING
        known = common_type(item, *options)
        for option, place in zip(options, tree.expressions, strict=True):
            if item is not MISSING and type_of(item) is None and known is not None:
                fits = self._comparable(next(each for each in options if type_of(each)), option, place)
            else:
                fits = self._comparable(item, option, place)
            if fits:
                self._check_values(item, option, place)
        return In(item, options)

    def _is(self, tree: exp.Is) -> Node:
        if isinstance(tree.expression, exp.Null):
            return IsNull(self.read(tree.this))
        if isinstance(tree.expression, exp.Boolean):
            return IsTruth(self.read_as(tree.this, Type.BOOLEAN), bool(tree.expression.this))
        self._add(tree, "is_asks", "is_null")
        return MISSING

    def _like(self, tree: exp.Like | exp.ILike, escape: str) -> Node:
        item = self.read_as(tree.this, Type.TEXT)
        pattern = self.read(tree.expression)
        if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
            if pattern is not MISSING:
                self._add(tree.expression, "pattern_no_text", "such_as", example="like 'Bike%'")
            return MISSING
        matched = Like(item, Pattern(pattern.value, escape, isinstance(tree, exp.ILike)))
        try:
            elements(matched.pattern)
        except DanglingEscape as error:
            self._add(tree.expression, "escape_dangling", "character_after", word=str(error))
            return MISSING
        return Not(matched) if tree.args.get("negate") else matched

    def _call(self, tree: exp.Anonymous) -> Node:
        leaf = self.leaves.get(str(tree.this))
        if leaf is None or leaf.kind != "function" or not isinstance(leaf.value, str):
            self._add(tree, "only_functions", "operator_first")
            return MISSING
        arguments = [self.read(argument) for argument in tree.expressions]
        if not leaf.known:
            return MISSING
        return self._functions.read(leaf.value, arguments, tree)

    def _case(self, tree: exp.Case) -> Node:
        if tree.this is not None:
            self._add(tree.this, "case_subject", "case_form")
            return MISSING
        branches = [
            (self.read_as(branch.this, Type.BOOLEAN), self.read(branch.args.get("true")))
            for branch in tree.args.get("ifs") or []
        ]
        default = tree.args.get("default")
        otherwise = Constant(None) if default is None else self.read(default)
        values = [value for _, value in branches] + [otherwise]
        wanted = common_type(*values)
        places = [branch.args.get("true") for branch in tree.args.get("ifs") or []] + [default]
        fits = True
        for value, place in zip(values, places, strict=True):
            found = type_of(value)
            if found is not None and found is not wanted and wanted is not None:
                word, what, other = shown(value), f"a_{found.value}", f"a_{wanted.value}"
                self._add(place, "branch_is_a", other, word=word, type=what, type_of_other=other)
                fits = False
        return Case(tuple(branches), otherwise) if fits else MISSING

    def _add(self, place: object, code: str, expects: str, suggestion: str | None = None, /, **values: object) -> None:
        self.mistakes.add(self._position(place), code, expects=expects, suggestion=suggestion, **values)

    def _position(self, place: object) -> int:
        """Where the part begins: the first of the opaque words in it."""
        if not isinstance(place, exp.Expression):
            return 0
        words = (node.name if isinstance(node, exp.Identifier | exp.Anonymous) else "" for node in place.walk())
        return min((self.leaves[word].start for word in words if word in self.leaves), default=0)


def _chain(tree: exp.And | exp.Or) -> list[object]:
    """The items of `a and b and c`, which the parser nests to the left, in order."""
    kind = type(tree)
    items: list[object] = []
    waiting: list[object] = [tree]
    while waiting:
        part = waiting.pop()
        if type(part) is kind and isinstance(part, exp.Connector):
            waiting.extend((part.expression, part.this))
        else:
            items.append(part)
    return items


def _converted(node: Node, wanted: Type) -> str | None:
    """The literal as the wanted type, where that is plainly meant: '5' for a number, 5 for a text."""
    if not isinstance(node, Constant) or node.value is None:
        return None
    if wanted is Type.NUMBER and isinstance(node.value, str) and node.value.strip().replace(".", "", 1).isdigit():
        return node.value.strip()
    if wanted is Type.TEXT and isinstance(node.value, float):
        return constant_text(constant_text(node.value))
    if wanted is Type.BOOLEAN and node.value in (1.0, 0.0, "true", "false"):
        return "true" if node.value in (1.0, "true") else "false"
    return None
