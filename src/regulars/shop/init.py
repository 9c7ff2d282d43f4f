"""A new shop folder from the template, with fresh keys."""

import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from regulars.core.errors import Rejected
from regulars.shop.load import build

TEMPLATE = Path(__file__).parent / "template"


class Created(msgspec.Struct, frozen=True):
    """A new shop. The server key is nowhere stored: print it once."""

    folder: str
    files: tuple[str, ...]
    write_key: str
    server_key: str


def init(
    folder: Path | str,
    name: str,
    *,
    currency: str = "EUR",
    time_zone: str = "Europe/Berlin",
    secret: Callable[[], str] = lambda: secrets.token_urlsafe(24),
) -> Created:
    """Write a new shop folder; Rejected when something is already there, or when a setting does not exist."""
    root = Path(folder)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise Rejected(
            f"{root} already exists and is not an empty folder; choose another name, or remove it first",
            field="folder",
            expected="a new or empty folder",
            got=str(root),
        )
    write_key, server_key = f"wk_{secret()}", f"sk_{secret()}"
    values = {
        "name": name,
        "currency": currency,
        "time_zone": time_zone,
        "write_key": write_key,
        "key_sha256": hashlib.sha256(server_key.encode()).hexdigest(),
    }
    files = filled(values)
    _, mistakes = build(files)
    if mistakes:
        what = "; ".join(str(mistake) for mistake in mistakes)
        raise Rejected(f"a shop cannot be made with these settings: {what}", expected="a valid shop", got=what)
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return Created(str(root), tuple(files), write_key, server_key)


def filled(values: dict[str, str]) -> dict[str, bytes]:
    """The files of the template with every @@value@@ filled in."""
    files = {}
    for path in sorted(TEMPLATE.rglob("*.toml")):
        text = path.read_text(encoding="utf-8")
        for key, value in values.items():
            # A JSON string is a TOML string, once DEL is escaped as well.
            quoted = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            text = text.replace(f"@@{key}@@", quoted)
        files[path.relative_to(TEMPLATE).as_posix()] = text.encode()
    return files
