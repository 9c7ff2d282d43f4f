"""What browsers load: `regulars.js`, its types, and the lines that a shop puts into its pages."""

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path

import msgspec

_HERE = Path(__file__).parent
#: A comment over the lines that it has alone, one within a line, a line of `//`, and the indentation.
_COMMENTS = re.compile(r"/\*\*.*?\*/ ?", re.DOTALL)
_LINES = re.compile(r"^\s*//[^\n]*", re.MULTILINE)
_BLANKS = re.compile(r"^\s+", re.MULTILINE)


class Served(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    content: bytes
    packed: bytes  # gzip
    media_type: str
    edition: str  # changes with the content


@cache
def files() -> dict[str, Served]:
    """By name.

    >>> sorted(files())
    ['regulars.d.ts', 'regulars.js']
    """
    script = stripped((_HERE / "regulars.js").read_text(encoding="utf-8"))
    types = (_HERE / "regulars.d.ts").read_text(encoding="utf-8")
    return {
        "regulars.js": _served(script, "text/javascript; charset=utf-8"),
        "regulars.d.ts": _served(types, "text/plain; charset=utf-8"),
    }


def stripped(script: str) -> str:
    r"""The script without its documentation; every statement is as it was written.

    >>> stripped("  // why\n  /** @type {any} */\n  let a = /** @type {any} */ (b);\n")
    'let a = (b);\n'
    """
    return _BLANKS.sub("", _LINES.sub("", _COMMENTS.sub("", script)))


def snippet(host: str, key: str) -> str:
    """The lines for the head of every page of a shop.

    >>> "regulars.load" in snippet("https://regulars.example", "wk_1")
    True
    """
    text = (_HERE / "snippet.html").read_text(encoding="utf-8")
    for name, value in (("host", host.rstrip("/")), ("key", key)):
        # JSON is JavaScript; nothing in it may end the script.
        text = text.replace(f'"@@{name}@@"', json.dumps(value).replace("<", "\\u003c"))
    return text


def _served(text: str, media_type: str) -> Served:
    content = text.encode()
    edition = hashlib.sha256(content).hexdigest()[:16]
    return Served(content, gzip.compress(content, 9, mtime=0), media_type, edition)
