"""Commands about what a customer may ask for: not to be profiled."""

from typing import Any

from regulars.core.errors import Rejected
from regulars.core.state import Changes
from regulars.flow.commanding import Command, Context, Handler, stored_key
from regulars.flow.consent_commands import evidence_of, say, speaker
from regulars.profile.statements import EVERYTHING


def restrict(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Use the person's data for contract and law only, or no longer so: {"identifier", "restricted", "reason"}.

    The account, orders and consents stay. Lifting it lets nothing count that came before.
    """
    key = stored_key(command.args.get("identifier"), context)
    restricted = command.args.get("restricted")
    if not isinstance(restricted, bool):
        raise Rejected(
            "restricted must be true or false", field="restricted", expected="true or false", got=repr(restricted)
        )
    evidence = {"by": command.by, **evidence_of(command.args)}
    desk, working = speaker(context, key, changes)
    say(context, desk, working, key, {EVERYTHING: not restricted}, evidence, changes, confirmed=False)
    return {"identifier": key, "restricted": working.hot.restricted}


HANDLERS: dict[str, Handler] = {"restrict": restrict}
