"""The gate before the parser: only words and signs of the condition language pass, in bounded number and nesting.

The parser knows all of SQL; it is shown only the shape of a condition. Every name, function and literal becomes an
opaque word here (`n0`, `n1`, …) that is looked up again in the tree, so that no name can be taken for SQL syntax and
every leaf keeps its position.
"""

import re

import msgspec
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from regulars.core.condition.mistakes import Mistakes
from regulars.core.condition.schema import Schema

MAX_LENGTH = 8192
# One level costs the parser up to 25 stack frames, of Python's 1000.
MAX_NESTING = 24

FUNCTIONS = (
    *("interest", "in_segment", "prefers", "tracking_sound"),
    *("coalesce", "abs", "least", "greatest", "lower", "length"),
)
KEYWORDS = frozenset(
    {
        *("and", "or", "not", "in", "between", "is", "null", "true", "false", "like", "ilike", "escape"),
        *("case", "when", "then", "else", "end"),
    }
)
SIGNS = frozenset(["=", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "(", ")", ","])
REPLACEMENTS = {"==": "=", "&&": "and", "||": "or", "!": "not", "^": "*", "**": "*"}
# SQL that people try; named in a message, where any other word is an unknown name.
FOREIGN = frozenset(
    {
        *(
            "select",
            "from",
            "where",
            "having",
            "group",
            "order",
            "by",
            "join",
            "union",
            "values",
            "limit",
            "offset",
            "with",
        ),
        *("insert", "update", "delete", "drop", "create", "alter", "table", "any", "some", "all", "exists", "distinct"),
        *("over", "cast", "as", "interval", "row", "if", "using", "collate", "isnull", "notnull", "similar", "glob"),
    }
)
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

WORD = re.compile(r"[^\W\d]\w*")
NUMBER = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


#: Names that a message lists.
_LISTED = 8


class Leaf(msgspec.Struct, frozen=True):
    """What an opaque word stands for: a name, a function, or a literal; `known` is False after a reported mistake."""

    kind: str
    value: float | str | bool | None
    start: int
    known: bool = True


class Tokens(msgspec.Struct, frozen=True):
    """The tokens for the parser and the leaves that their opaque words stand for.

    `foreign` tells that a word of other SQL was reported, after which the parser's own complaint says nothing new.
    """

    tokens: list[Token]
    leaves: dict[str, Leaf]
    foreign: bool


def read_tokens(text: str, schema: Schema, mistakes: Mistakes) -> Tokens | None:
    """The tokens of a condition, or None (with mistakes noted) where no parser should see it."""
    if len(text) > MAX_LENGTH:
        mistakes.add(0, "too_long", expects="at_most", length=len(text), most=MAX_LENGTH)
        return None
    if not text.strip():
        mistakes.add(0, "empty", expects="comparison_or_true")
        return None
    odd = re.search("[\x00\ud800-\udfff]", text)
    if odd:
        mistakes.add(odd.start(), "no_character", word=repr(odd.group()))
        return None
    try:
        raw = Dialect.get_or_raise("duckdb").tokenize(text)
    except TokenError:
        mistakes.add(text.rfind("'") if "'" in text else 0, "quote_open")
        return None
    if not _all_tokens_allowed(text, raw, mistakes) or not _nesting_bounded(raw, mistakes):
        return None
    if not _brackets_closed(raw, mistakes):
        return None
    return _Gate(text, schema, mistakes).pass_through(_joined(raw))


def _all_tokens_allowed(text: str, tokens: list[Token], mistakes: Mistakes) -> bool:
    before = len(mistakes.found)
    end = 0
    for token in tokens:
        _check_gap(text, end, token.start, mistakes)
        end = token.end + 1
        _check_token(text, token, mistakes)
    _check_gap(text, end, len(text), mistakes)
    return len(mistakes.found) == before


def _check_gap(text: str, start: int, stop: int, mistakes: Mistakes) -> None:
    """The tokeniser skips comments; whatever it skips other than blanks is refused."""
    gap = text[start:stop]
    if not gap.strip():
        return
    position = start + len(gap) - len(gap.lstrip())
    if gap.strip() == ";":
        mistakes.add(position, "semicolon", expects="nothing_after")
    else:
        mistakes.add(position, "comment", expects="no_comment", word=repr(gap.strip()[:20]))


def _check_token(text: str, token: Token, mistakes: Mistakes) -> None:
    written = text[token.start : token.end + 1]
    if token.token_type == TokenType.STRING and written[0] == "'" and written[1:-1].replace("''", "'") == token.text:
        return
    if written.lower() in SIGNS or written == ".":
        return
    if token.token_type == TokenType.IDENTIFIER and written[0] == '"':
        return
    if token.token_type == TokenType.NUMBER:
        following = text[token.end + 1 : token.end + 2]
        if not NUMBER.fullmatch(written) or following.isalnum() or following == "_":
            written += re.match(r"\w*", text[token.end + 1 :]).group()  # type: ignore[union-attr]  # always matches
            mistakes.add(token.start, "no_number", expects="such_as_digits", word=repr(written[:40]))
        elif float(written) == float("inf"):
            mistakes.add(token.start, "number_too_large", expects="less_than", word=written[:40], most="1.8e308")
        return
    if WORD.fullmatch(written):
        return
    if written == ";":
        mistakes.add(token.start, "semicolon", expects="nothing_after")
        return
    shown = written if len(written) <= 40 else written[:40] + "…"
    mistakes.add(
        token.start,
        "not_in_language",
        suggestion=repr(REPLACEMENTS[written]) if written in REPLACEMENTS else None,
        word=repr(shown),
    )


def _nesting_bounded(tokens: list[Token], mistakes: Mistakes) -> bool:
    """Whether brackets, case and runs of not and minus are nested at most `MAX_NESTING` deep."""
    prefixes = [0]
    after_operand = False
    for token in tokens:
        word = token.text.lower() if token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER) else ""
        if word in ("(", "case"):
            prefixes.append(0)
        elif word in (")", "end") and len(prefixes) > 1:
            prefixes.pop()
        elif word == "not" or (word in ("-", "+") and not after_operand):
            prefixes[-1] += 1
        after_operand = word in (")", "end", *CONSTANTS) or (word not in KEYWORDS and word not in SIGNS)
        if after_operand:
            prefixes[-1] = 0
        if sum(prefixes) + len(prefixes) - 1 > MAX_NESTING:
            mistakes.add(token.start, "too_deep", expects="at_most_levels", most=MAX_NESTING)
            return False
    return True


def _brackets_closed(tokens: list[Token], mistakes: Mistakes) -> bool:
    opened: list[Token] = []
    for token in tokens:
        if token.token_type == TokenType.L_PAREN:
            opened.append(token)
        elif token.token_type == TokenType.R_PAREN:
            if not opened:
                mistakes.add(token.start, "closes_nothing", expects="opening_bracket")
                return False
            opened.pop()
    if opened:
        mistakes.add(opened[-1].start, "not_closed", expects="closing_bracket")
    return not opened


def _joined(tokens: list[Token]) -> list[Token]:
    """A dotted name (`context.channel`) as one token."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        following = tokens[index + 1] if index + 1 < len(tokens) else token
        if _is_dot(token) and following.token_type == TokenType.NUMBER and following.start == token.end + 1:
            index += 1
            token = _spanning(TokenType.NUMBER, token, following, "." + following.text)
        parts = [token.text]
        last = token
        while _is_word(last) and index + 2 < len(tokens) and _is_dot(tokens[index + 1]) and _is_word(tokens[index + 2]):
            last = tokens[index + 2]
            parts.append(last.text)
            index += 2
        if len(parts) > 1:
            token = _spanning(TokenType.IDENTIFIER, token, last, ".".join(parts))
        joined.append(token)
        index += 1
    return joined


def _spanning(kind: TokenType, first: Token, last: Token, text: str) -> Token:
    return Token(kind, text, line=first.line, col=last.col, start=first.start, end=last.end)


def _is_dot(token: Token) -> bool:
    """The dot of a name or a number, not the text '.'."""
    return token.text == "." and token.token_type != TokenType.STRING


def _is_word(token: Token) -> bool:
    if token.token_type in (TokenType.STRING, TokenType.NUMBER):
        return False
    return token.token_type == TokenType.IDENTIFIER or WORD.fullmatch(token.text) is not None


class _Gate:
    """Replaces names, functions and literals by opaque words and reports the unknown ones."""

    def __init__(self, text: str, schema: Schema, mistakes: Mistakes) -> None:
        self.text = text
        self.schema = schema
        self.mistakes = mistakes
        self.leaves: dict[str, Leaf] = {}
        self.foreign = False

    def pass_through(self, tokens: list[Token]) -> Tokens:
        passed: list[Token] = []
        for index, token in enumerate(tokens):
            follower = tokens[index + 1].text if index + 1 < len(tokens) else ""
            passed.append(self._replace(token, passed, called=follower == "("))
        return Tokens(tokens=passed, leaves=self.leaves, foreign=self.foreign)

    def _replace(self, token: Token, passed: list[Token], *, called: bool) -> Token:
        if token.token_type == TokenType.STRING:
            if passed and passed[-1].text.lower() == "escape":
                return token  # the parser takes nothing but a string there
            return self._opaque(token, Leaf("text", token.text, token.start))
        if token.token_type == TokenType.NUMBER:
            return self._opaque(token, Leaf("number", float(self.text[token.start : token.end + 1]), token.start))
        if not _is_word(token):
            return token
        word = token.text.lower()
        if token.token_type != TokenType.IDENTIFIER and word in KEYWORDS:
            after_is = bool(passed) and passed[-1].text.lower() in ("is", "not") and _follows_is(passed)
            if word in CONSTANTS and not after_is:
                return self._opaque(token, Leaf("literal", CONSTANTS[word], token.start))
            return token
        if called and token.token_type != TokenType.IDENTIFIER:
            return self._opaque(token, self._function(token, word))
        return self._opaque(token, self._name(token))

    def _opaque(self, token: Token, leaf: Leaf) -> Token:
        word = f"n{len(self.leaves)}"
        self.leaves[word] = leaf
        return Token(TokenType.VAR, word, line=token.line, col=token.col, start=token.start, end=token.end)

    def _function(self, token: Token, word: str) -> Leaf:
        if word in FUNCTIONS:
            return Leaf("function", word, token.start)
        if word in FOREIGN:
            self._refuse_foreign(token)
        else:
            self.mistakes.add(
                token.start,
                "unknown_function",
                expects="one_of",
                suggestion=self.mistakes.near(word, FUNCTIONS),
                word=f"'{_short(token.text)}'",
                known=", ".join(FUNCTIONS),
            )
        return Leaf("function", token.text, token.start, known=False)

    def _name(self, token: Token) -> Leaf:
        name = token.text
        if name in self.schema.names:
            return Leaf("name", name, token.start)
        if token.token_type != TokenType.IDENTIFIER and name.lower() in FOREIGN:
            self._refuse_foreign(token)
            return Leaf("name", name, token.start, known=False)
        if self.mistakes.full:
            return Leaf("name", name, token.start, known=False)
        suggestion = self.mistakes.near(name, self.schema.names)
        if suggestion is None and name in _texts(self.schema):
            suggestion = f"'{name}'"
        elif suggestion is None and name.lower() in FUNCTIONS:
            suggestion = f"{name.lower()}(…)"
        quoted = self.text[token.start] == '"'
        known = sorted(self.schema.names)
        self.mistakes.add(
            token.start,
            "unknown_name_quoted" if quoted or suggestion == f"'{name}'" else "unknown_name",
            expects="" if suggestion else _listing(len(known)),
            suggestion=suggestion,
            word=f"'{_short(name)}'",
            known=", ".join(known[:_LISTED]),
            more=len(known) - _LISTED,
        )
        return Leaf("name", name, token.start, known=False)

    def _refuse_foreign(self, token: Token) -> None:
        self.foreign = True
        self.mistakes.add(
            token.start,
            "foreign",
            expects="joined_comparisons",
            word=f"'{token.text}'",
        )


def _follows_is(passed: list[Token]) -> bool:
    return passed[-1].text.lower() == "is" or (len(passed) > 1 and passed[-2].text.lower() == "is")


def _texts(schema: Schema) -> frozenset[str]:
    return frozenset(text for name in schema.names.values() for text in name.values or ())


def _short(word: str) -> str:
    return word if len(word) <= 60 else word[:60] + "…"


def _listing(known: int) -> str:
    if not known:
        return "none_declared"
    return "one_of_and_more" if known > _LISTED else "one_of"
