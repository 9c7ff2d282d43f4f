"""What is known under an identifier that tells nothing: it is no customer's, and is used for contract and law only.

The till's own card has the orders of everybody who forgot theirs. They are kept, for they were paid; but nobody is
addressed for them, no segment counts them and nothing is decided by them. The profile is restricted as if its
identifier had objected to everything, for as long as it tells nothing.
"""

from collections.abc import Iterable

from regulars.core.identifier import is_person
from regulars.core.identity_types import Identity
from regulars.profile.assignment import IdRow
from regulars.profile.links import is_burned
from regulars.profile.statements import EVERYTHING, Said

#: The message id of what is said for such an identifier. Before everything: whoever knows better may lift it.
MESSAGE_ID = "=nobody"


def nobodys(rows: Iterable[IdRow], identity: Identity) -> list[Said]:
    """What is said for those of a profile's identifiers that tell nothing.

    A shared device is none of them: what was done on it was its own from the beginning.
    """
    return [
        (row[0], EVERYTHING, 0, MESSAGE_ID, False) for row in rows if is_burned(row[3]) and is_person(row[0], identity)
    ]
