"""The condition as a Python function of one row, for deciding while a customer waits.

The function's source is made of slots, generated variables and generated constants only; nothing that a person wrote
enters it. Booleans are compiled twice: code that is true exactly when the node is TRUE and code that is true exactly
when it is FALSE. Kleene logic then is Python's own short-circuit `and` and `or`, and NULL costs one `is not None`.
"""

from collections.abc import Callable, Sequence

from regulars.core.condition.like import lower, matcher, simple_form
from regulars.core.condition.nodes import (
    And,
    Arith,
    Between,
    Call,
    Case,
    Compare,
    Constant,
    In,
    InSegment,
    Interest,
    IsNull,
    IsTruth,
    Like,
    Negate,
    Node,
    Not,
    Or,
    Prefers,
    Ref,
    children,
    walk,
)

Test = Callable[[Sequence[object]], bool]
Evaluate = Callable[[Sequence[object]], bool | None]

OPERATORS = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
OPPOSITES = {"=": "!=", "<>": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
LARGEST = 1.7976931348623157e308
# Python reads at most 200 nested brackets; every so many levels a node becomes a function of its own.
LEVELS_PER_FUNCTION = 8
# Each branch of a case is one more level to Python's compiler.
BRANCHES_PER_FUNCTION = 40


def compile_closure(node: Node) -> tuple[Test, Evaluate]:
    """(True exactly when TRUE, three-valued) for a row indexed by slot."""
    writer = _Writer(node)
    writer.functions.append(f"def test(row):\n    return {writer.when_true(node)}\n")
    writer.functions.append(f"def evaluate(row):\n    return {writer.value(node)}\n")
    namespace = dict(writer.constants)
    source = "\n".join(writer.functions)
    exec(compile(source, "<condition>", "exec"), namespace)  # noqa: S102  # made of slots and generated names only
    test, evaluate = namespace["test"], namespace["evaluate"]
    return test, evaluate  # type: ignore[return-value]  # made by the source above


class _Temp:
    """A value already held by a variable that is known not to be None."""

    def __init__(self, variable: str) -> None:
        self.variable = variable


class _Writer:
    def __init__(self, root: Node) -> None:
        self.functions: list[str] = []
        self.constants: dict[str, object] = {"largest": LARGEST, "smallest": -LARGEST, "lower": lower}
        self.variables = 0
        self.own_function = _nodes_for_functions(root)

    # Booleans ---------------------------------------------------------------------------------------------------

    def when_true(self, node: Node) -> str:
        """Code that is True when the node is TRUE, else False."""
        return self._separate(node, "true", self._when_true)

    def when_false(self, node: Node) -> str:
        """Code that is True when the node is FALSE, else False."""
        return self._separate(node, "false", self._when_false)

    def value(self, node: Node) -> str:
        """Code for the node's value, None for NULL."""
        return self._separate(node, "value", self._value)

    def _when_true(self, node: Node) -> str:
        match node:
            case Not(item):
                return self.when_false(item)
            case And(items):
                return "(" + " and ".join(self.when_true(item) for item in items) + ")"
            case Or(items):
                return "(" + " or ".join(self.when_true(item) for item in items) + ")"
            case Compare("=", Ref(_, slot), Constant(value)) if value is not None:
                return f"(row[{slot}] == {self._constant(value)})"
            case In(Ref(_, slot), options) if _all_constant(options):
                return f"(row[{slot}] in {self._constant(_values(options))})"
            case Case(branches, default):
                return self._case(branches, default, self.when_true)
            case _:
                return self._leaf(node, wanted=True)

    def _when_false(self, node: Node) -> str:
        match node:
            case Not(item):
                return self.when_true(item)
            case And(items):
                return "(" + " or ".join(self.when_false(item) for item in items) + ")"
            case Or(items):
                return "(" + " and ".join(self.when_false(item) for item in items) + ")"
            case IsNull() | IsTruth():
                return f"(not {self.when_true(node)})"
            case Case(branches, default):
                return self._case(branches, default, self.when_false)
            case _:
                return self._leaf(node, wanted=False)

    def _leaf(self, node: Node, *, wanted: bool) -> str:  # noqa: PLR0911  # one form for each kind of node
        """Code that is True when a node other than and, or, not has the wanted truth."""
        match node:
            case Constant(value):
                return str(value is wanted)
            case Ref(_, slot):
                return f"(row[{slot}] is {wanted})"
            case InSegment(segment, slot):
                return f"({self._constant(segment)} {'in' if wanted else 'not in'} row[{slot}])"
            case Prefers(slot=slot):
                return f"({self._constant(node.key)} {'in' if wanted else 'not in'} row[{slot}])"
            case IsNull(item):
                return f"({self.value(item)} is None)"
            case IsTruth(item, truth):
                return self.when_true(item) if truth else self.when_false(item)
            case Compare(op, left, right):
                return self._compared(op, left, right, wanted=wanted)
            case Between():
                return self._between(node.item, node.low, node.high, wanted=wanted)
            case In(item, options):
                return self._in(item, options, wanted=wanted)
            case Like():
                guards, test = self._matched(node)
                return _joined([*guards, test if wanted else f"not {test}"])
            case _:
                return f"({self.value(node)} is {wanted})"

    def _compared(self, op: str, left: "Node | _Temp", right: "Node | _Temp", *, wanted: bool) -> str:
        left_guards, left_code = self._operand(left)
        right_guards, right_code = self._operand(right)
        sign = OPERATORS[op] if wanted else OPPOSITES[op]
        return _joined([*left_guards, *right_guards, f"{left_code} {sign} {right_code}"])

    def _between(self, item: Node, low: Node, high: Node, *, wanted: bool) -> str:
        if isinstance(low, Constant) and isinstance(high, Constant) and None not in (low.value, high.value):
            guards, code = self._operand(item)
            test = f"{self._constant(low.value)} <= {code} <= {self._constant(high.value)}"
            return _joined([*guards, test if wanted else f"not {test}"])
        # Outside one bound is FALSE even when the other is NULL.
        variable = self._variable()
        low_test = self._compared(">=", _Temp(variable), low, wanted=wanted)
        high_test = self._compared("<=", _Temp(variable), high, wanted=wanted)
        both = f"({low_test} and {high_test})" if wanted else f"({low_test} or {high_test})"
        return f"(({variable} := {self.value(item)}) is not None and {both})"

    def _in(self, item: Node, options: tuple[Node, ...], *, wanted: bool) -> str:
        if _all_constant(options):
            if not wanted and Constant(None) in options:
                return "False"
            guards, code = self._operand(item)
            return _joined([*guards, f"{code} {'' if wanted else 'not '}in {self._constant(_values(options))}"])
        variable = self._variable()
        equal = " or " if wanted else " and "
        parts = (self._compared("=", _Temp(variable), option, wanted=wanted) for option in options)
        return f"(({variable} := {self.value(item)}) is not None and ({equal.join(parts)}))"

    def _matched(self, node: Like) -> tuple[list[str], str]:
        guards, text = self._operand(node.item)
        if node.pattern.ignore_case:
            text = f"lower({text})"
        simple = simple_form(node.pattern)
        if simple is None:
            return guards, f"{self._constant(matcher(node.pattern))}({text})"
        form, core = simple
        constant = self._constant(core)
        forms = {
            "equals": f"({text} == {constant})",
            "starts": f"{text}.startswith({constant})",
            "ends": f"{text}.endswith({constant})",
            "contains": f"({constant} in {text})",
        }
        return guards, forms[form]

    def _case(self, branches: tuple[tuple[Node, Node], ...], default: Node, write: Callable[[Node], str]) -> str:
        first, rest = branches[:BRANCHES_PER_FUNCTION], branches[BRANCHES_PER_FUNCTION:]
        chain = " else ".join(f"{write(value)} if {self.when_true(test)}" for test, value in first)
        return f"({chain} else {self._function('rest', self._case(rest, default, write)) if rest else write(default)})"

    # Values -----------------------------------------------------------------------------------------------------

    def _value(self, node: Node) -> str:
        match node:
            case Constant(value):
                return self._constant(value)
            case Ref(_, slot):
                return f"row[{slot}]"
            case Call("coalesce" | "least" | "greatest", arguments):
                return self._chosen(node.function, arguments)
            case Case(branches, default):
                return self._case(branches, default, self.value)
            case Not(item):
                variable = self._variable()
                return f"(None if ({variable} := {self.value(item)}) is None else not {variable})"
            case And(items):
                return self._kleene(items, decisive="False", otherwise="True")
            case Or(items):
                return self._kleene(items, decisive="True", otherwise="False")
            case IsNull() | IsTruth() | InSegment() | Prefers():
                return self.when_true(node)
            case Compare() | Between() | In() | Like():
                return self._test_value(node)
            case _:
                guards, code = self._operand_here(node)
                return f"({code} if {' and '.join(guards)} else None)" if guards else f"({code})"

    def _test_value(self, node: Node) -> str:
        """True, False or None for a test, evaluating each of its parts once where that is enough."""
        match node:
            case Compare(op, left, right):
                left_guards, left_code = self._operand(left)
                right_guards, right_code = self._operand(right)
                guards, code = [*left_guards, *right_guards], f"{left_code} {OPERATORS[op]} {right_code}"
            case Like():
                guards, code = self._matched(node)
            case Between(item, low, high):
                variable = self._variable()
                bounds = (self._bound(">=", variable, low), self._bound("<=", variable, high))
                return self._with_subject(variable, item, self._kleene_code(bounds, decisive="False", otherwise="True"))
            case In(item, options):
                variable = self._variable()
                if _all_constant(options):
                    missing = "None" if Constant(None) in options else "False"
                    found = f"(True if {variable} in {self._constant(_values(options))} else {missing})"
                    return self._with_subject(variable, item, found)
                tests = [self._bound("=", variable, option) for option in options]
                return self._with_subject(variable, item, self._kleene_code(tests, decisive="True", otherwise="False"))
            case _:
                raise AssertionError(f"not a test: {node}")
        return f"(({code}) if {' and '.join(guards)} else None)" if guards else f"({code})"

    def _bound(self, op: str, variable: str, bound: Node) -> str:
        guards, code = self._operand(bound)
        test = f"{variable} {OPERATORS[op]} {code}"
        return f"(({test}) if {' and '.join(guards)} else None)" if guards else f"({test})"

    def _with_subject(self, variable: str, item: Node, code: str) -> str:
        return f"(None if ({variable} := {self.value(item)}) is None else {code})"

    def _kleene(self, items: Sequence[Node], *, decisive: str, otherwise: str) -> str:
        return self._kleene_code([self.value(item) for item in items], decisive=decisive, otherwise=otherwise)

    def _kleene_code(self, values: Sequence[str], *, decisive: str, otherwise: str) -> str:
        variables = [self._variable() for _ in values]
        decided = " or ".join(
            f"({variable} := {value}) is {decisive}" for variable, value in zip(variables, values, strict=True)
        )
        unknown = " or ".join(f"{variable} is None" for variable in variables)
        return f"({decisive} if {decided} else None if {unknown} else {otherwise})"

    def _chosen(self, function: str, arguments: Sequence[Node]) -> str:
        if function == "coalesce":
            variable = self._variable()
            known = " or ".join(f"({variable} := {self.value(item)}) is not None" for item in arguments)
            return f"({variable} if {known} else None)"
        self.constants.setdefault(function, _least if function == "least" else _greatest)
        return f"{function}({', '.join(self.value(item) for item in arguments)})"

    def _operand(self, node: "Node | _Temp") -> tuple[list[str], str]:
        """(conditions under which the value is not NULL, code for it when they hold); the code is used once."""
        if isinstance(node, _Temp):
            return [], node.variable
        if id(node) in self.own_function:
            return self._held(node)
        return self._operand_here(node)

    def _operand_here(self, node: Node) -> tuple[list[str], str]:
        match node:
            case Constant(value):
                return (["False"], "None") if value is None else ([], self._constant(value))
            case Interest(key, slot):
                return [], f"row[{slot}].get({self._constant(key)}, 0.0)"
            case Arith():
                guards, code = self._arithmetic(node)
                variable = self._variable()
                return [*guards, f"smallest <= ({variable} := {code}) <= largest"], variable
            case Negate(item):
                guards, code = self._operand(item)
                return guards, f"(-{code})"
            case Call("abs" | "lower" | "length" as function, (item,)):
                guards, code = self._operand(item)
                return guards, f"{'len' if function == 'length' else function}({code})"
            case InSegment() | Prefers() | IsNull() | IsTruth():
                return [], self.when_true(node)
            case _:
                return self._held(node)

    def _held(self, node: Node) -> tuple[list[str], str]:
        variable = self._variable()
        return [f"({variable} := {self.value(node)}) is not None"], variable

    def _arithmetic(self, node: Arith) -> tuple[list[str], str]:
        """As `_operand`, with a result that may be infinite or not a number; it is always a float."""
        (left_guards, left), (right_guards, right) = self._part(node.left), self._part(node.right)
        guards = [*left_guards, *right_guards]
        if node.op == "/":
            variable = self._variable()
            guards.append(f"({variable} := {right}) != 0.0")
            if isinstance(node.right, Arith):
                guards.append(f"smallest <= {variable} <= largest")
            return guards, f"({left} / {variable})"
        # Two ints would be computed without rounding, which doubles are not.
        floats = isinstance(node.left, Constant | Interest | Arith) or isinstance(
            node.right, Constant | Interest | Arith
        )
        return guards, f"({left}{'' if floats else ' * 1.0'} {node.op} {right})"

    def _part(self, node: Node) -> tuple[list[str], str]:
        if isinstance(node, Arith) and id(node) not in self.own_function:
            return self._arithmetic(node)
        return self._operand(node)

    # Parts ------------------------------------------------------------------------------------------------------

    def _separate(self, node: Node, kind: str, write: Callable[[Node], str]) -> str:
        """The node's code, or a call of a function that holds it where nesting would become too deep."""
        if id(node) not in self.own_function:
            return write(node)
        return self._function(kind, write(node))

    def _function(self, kind: str, code: str) -> str:
        name = f"{kind}_{len(self.functions)}"
        self.functions.append(f"def {name}(row):\n    return {code}\n")
        return f"{name}(row)"

    def _variable(self) -> str:
        self.variables += 1
        return f"v{self.variables}"

    def _constant(self, value: object) -> str:
        if value is None or isinstance(value, bool):
            return str(value)
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


def _nodes_for_functions(root: Node) -> set[int]:
    """The ids of nodes at every `LEVELS_PER_FUNCTION`th level, counted from the leaves."""
    heights: dict[int, int] = {}
    for node in reversed(list(walk(root))):
        heights[id(node)] = 1 + max((heights[id(child)] for child in children(node)), default=0)
    return {key for key, height in heights.items() if height % LEVELS_PER_FUNCTION == 0}


def _joined(conditions: Sequence[str]) -> str:
    return "(" + " and ".join(conditions) + ")"


def _all_constant(options: Sequence[Node]) -> bool:
    return all(isinstance(option, Constant) for option in options)


def _values(options: Sequence[Node]) -> frozenset[object]:
    return frozenset(option.value for option in options if isinstance(option, Constant) and option.value is not None)


def _least(*values: float | str | None) -> float | str | None:
    """The least of the values that are known; NULL only when none is."""
    return min((value for value in values if value is not None), default=None)


def _greatest(*values: float | str | None) -> float | str | None:
    """The greatest of the values that are known; NULL only when none is."""
    return max((value for value in values if value is not None), default=None)
