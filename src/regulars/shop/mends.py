"""Writing a standing mend into mends.toml, beside what people wrote there."""

import json
import os
import re
from pathlib import Path

from regulars.core.errors import Rejected
from regulars.core.mend import Mend
from regulars.shop.load import build, read_folder

FILE = "mends.toml"
_ID = re.compile(r"[a-z][a-z0-9_-]{0,60}\Z")


def save(folder: Path, mend: Mend) -> None:
    """Add a mend to the folder; raises Rejected where its name is taken or the folder would hold a mistake."""
    if not _ID.match(mend.id):
        raise Rejected(f"{mend.id!r} cannot name a mend", field="id", expected="as in total-as-number", got=mend.id)
    files = read_folder(folder)
    before = files.get(FILE, b"")
    files[FILE] = before + (b"\n" if before else b"") + written(mend).encode()
    definitions, mistakes = build(files)
    if definitions is None:
        told = "; ".join(str(mistake) for mistake in mistakes[:5])
        raise Rejected(f"the mend was not saved, the folder would hold mistakes: {told}", field="id", got=mend.id)
    waiting = folder / f".{FILE}.new"
    with waiting.open("wb") as file:
        file.write(files[FILE])
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(folder / FILE)


def written(mend: Mend) -> str:
    """A mend as mends.toml holds it.

    >>> print(written(Mend(id="total", source="web", event="Order", action="drop", field="properties.x")), end="")
    [mends.total]
    source = "web"
    event = "Order"
    action = "drop"
    field = "properties.x"
    """
    lines = [f"[mends.{mend.id}]"]
    for name in ("source", "event", "action", "field", "to", "value"):
        value = getattr(mend, name)
        if value is not None and (value != "" or name == "value"):
            # JSON's strings, numbers and booleans are TOML's; DEL alone must be spelled out.
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f"))
    return "\n".join(lines) + "\n"
