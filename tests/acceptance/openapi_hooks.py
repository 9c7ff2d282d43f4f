"""What schemathesis asks with: most ids that it makes up give way to real ones, so that routes are gone through.

`REGULARS_SEEDED` holds the real ones as JSON, by the name of a parameter or of a field of a body; `REGULARS_ANSWERS` is
the file into which goes what each route answered.
"""

import json
import os
from pathlib import Path
from typing import Any
from zlib import crc32

import schemathesis

#: One in so many addresses and bodies stays as it was made up.
_MADE_UP = 4
#: What stands wherever nothing else was asked for.
_PLAIN: tuple[Any, ...] = ("", "0", 0, [], [""], {})
_SEEDED: dict[str, list[Any]] = json.loads(os.environ.get("REGULARS_SEEDED", "{}"))
#: A whole request of an operation that is answered with what was asked for (openapi_recipes): the first one it gets.
_RECIPES: dict[str, dict[str, Any]] = json.loads(os.environ.get("REGULARS_RECIPES", "{}"))


def number_of(value: Any) -> int:
    """The same for the same value: what was found once is found again."""
    return crc32(repr(value).encode(errors="replace"))


def real(name: str, value: Any, number: int, *, within: str) -> Any:
    """A real value in the place of one that was made up; which one follows from the number.

    `within` is the last word of the address, where a name means something of its own there: `links.action`.
    """
    found = _SEEDED.get(f"{within}.{name}", _SEEDED.get(name))
    if not found or (number % _MADE_UP == 0 and value not in _PLAIN):
        return value
    return found[number // _MADE_UP % len(found)]


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: "schemathesis.Case[Any]", kwargs: dict[str, Any]) -> None:
    """The operation's own recipe first; then ids in the address, behind the question mark and anywhere in the body."""
    del context
    operation = f"{case.operation.method.upper()} {case.operation.path}"
    if case.method.upper() == case.operation.method.upper() and operation in _RECIPES:
        _follow(_RECIPES[operation], case, kwargs)
        return
    number = number_of((case.path_parameters, case.query, case.body))
    words = [word for word in case.operation.path.split("/") if not word.startswith("{")]
    for place in (case.path_parameters, case.query):
        for name in place or {}:
            place[name] = real(name, place[name], number, within=words[-1])
    whole = _SEEDED.get(f"{words[-1]}.")
    if isinstance(case.body, dict) and whole and number % _MADE_UP:
        case.body = whole[0]
    elif isinstance(case.body, dict | list):
        case.body = _within(case.body, number, words[-1])


def _follow(recipe: dict[str, Any], case: "schemathesis.Case[Any]", kwargs: dict[str, Any]) -> None:
    case.path_parameters = {**(case.path_parameters or {}), **recipe.get("path", {})}
    case.query = recipe.get("query", {})
    for name, value in {"content-type": "application/json", **recipe.get("headers", {})}.items():
        case.headers[name] = value
    kwargs["timeout"] = 120  # a dry run starts the process that analyses
    if "body" in recipe:
        said = recipe["body"]
        kwargs["data"] = (said if isinstance(said, str) else json.dumps(said)).encode()
    if "key" in recipe:
        kwargs["auth"] = (recipe["key"], "")


@schemathesis.hook
def after_call(
    context: schemathesis.HookContext, case: "schemathesis.Case[Any]", response: schemathesis.Response
) -> None:
    """Note what was answered; a recipe that met a server with other work is tried again."""
    del context
    if case.method.upper() == case.operation.method.upper() and response.status_code != 503:
        _RECIPES.pop(f"{case.operation.method.upper()} {case.operation.path}", None)
    with Path(os.environ["REGULARS_ANSWERS"]).open("a", encoding="utf-8") as file:
        file.write(f"{case.method.upper()} {case.operation.path} {response.status_code}\n")


def _within(body: Any, number: int, within: str) -> Any:
    if isinstance(body, list):
        return [_within(one, number, within) for one in body]
    if isinstance(body, dict):
        return {
            name: real(name, value, number, within=within)
            if name in _SEEDED or f"{within}.{name}" in _SEEDED
            else _within(value, number, within)
            for name, value in body.items()
        }
    return body
