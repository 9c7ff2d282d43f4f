"""Ask for rows to be taken out of the lake: in the same transaction as what made them unwanted.

    lake_drops.ask(changes, record.offset, [Drop(subjects=("user_id:42",), names=("Product Viewed",), before=now)])

The updater's keeper seals what came before, writes the parts that hold such rows again, and swaps them with the
manifest; a crash in between repeats it. Rows of records up to the asking one are meant unless the drop says otherwise.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from regulars.core.lake import Drop
from regulars.core.state import LAKE_DROP, Changes, Row

_DROP = msgspec.msgpack.Decoder(Drop)


def ask(changes: Changes, offset: int, drops: Sequence[Drop], *, taken: int = 0) -> None:
    """Put the drops among the changes of the log record at `offset`; `taken` numbers of it are used already."""
    for number, drop in enumerate(drops, taken):
        bounded = drop if drop.offset is not None else msgspec.structs.replace(drop, offset=offset)
        changes.put(LAKE_DROP, (offset, number, msgspec.msgpack.encode(bounded)))


def waiting(rows: Iterable[Row]) -> tuple[list[tuple[int, int]], list[Drop]]:
    """Keys and drops of stored rows."""
    keys, drops = [], []
    for offset, number, data in rows:
        keys.append((cast(int, offset), cast(int, number)))
        drops.append(_DROP.decode(cast(bytes, data)))
    return keys, drops
