"""The dry run of merchandising rules, for the command line, the API and the console: definitions with and without."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected, Unavailable
from regulars.core.merchandising import Trial
from regulars.decide.words import sentence
from regulars.runtime.services import Analyst, Services
from regulars.shop.load import build, read_folder

#: What the child runs, and how long one dry run over HTTP may take; seconds.
ENTRY = "regulars.analyst.trial:try_rules"
SECONDS = 300.0
MOST_DAYS, MOST_RULES, MOST_TEXT = 31, 20, 16_000
DAY_MS = 86_400_000
_FILE = "rules/~tried.toml"


def without(definitions: Definitions, rule: str) -> Definitions:
    """The shop without one of its rules; raises Rejected for one that it does not have."""
    known = [one.id for one in definitions.rules]
    if rule not in known:
        raise Rejected(
            f"the shop has no rule {rule!r}",
            field="rule",
            expected=", ".join(known) or "a rule of rules.toml",
            got=rule,
        )
    return msgspec.structs.replace(definitions, rules=tuple(one for one in definitions.rules if one.id != rule))


def with_rules(definitions: Definitions, files: Mapping[str, bytes], text: str) -> tuple[Definitions, list[str]]:
    """The shop with rules that it does not have yet, and their ids; `text` is what would stand in a file of rules/.

    Every mistake is listed in the Rejected that a wrong text raises.
    """
    if len(text) > MOST_TEXT:
        raise Rejected("the rules are too long", field="toml", expected=f"at most {MOST_TEXT} characters")
    changed, mistakes = build({**files, _FILE: text.encode()})
    if changed is None:
        own = [one for one in mistakes if one.file == _FILE] or mistakes
        told = "\n".join(str(one).replace(_FILE, "toml") for one in own)
        raise Rejected(told, field="toml", expected="rules as in rules.toml: [rules.<id>] with a kind")
    known = {one.id for one in definitions.rules} | {one.id for one in _plain(files)}
    added = [one for one in changed.rules if one.id not in known]
    if not added:
        raise Rejected("the text holds no rule that is new", field="toml", expected="[rules.<id>]", got="none")
    if len(added) > MOST_RULES:
        raise Rejected("too many rules", field="toml", expected=f"at most {MOST_RULES}", got=str(len(added)))
    rules = (*definitions.rules, *added)
    attributes = {**changed.attributes, **definitions.attributes}
    return msgspec.structs.replace(definitions, rules=rules, attributes=attributes), [one.id for one in added]


def _plain(files: Mapping[str, bytes]) -> Sequence[Any]:
    found, _ = build(files)
    return () if found is None else found.rules


def trial_lines(found: Trial, language: str) -> list[str]:
    """What is to be said of a dry run before its table: how far it can be believed, and what it does not tell."""
    told = {"rules": ", ".join(found.rules), "rows": found.rows, "decisions": found.decisions}
    lines = [sentence("trial.head", told, language)]
    if found.agreement is not None:
        lines.append(sentence("trial.agreement", {"share": f"{found.agreement:.1%}"}, language))
    untold = sorted(found.untold.items())
    lines += [sentence(f"trial.untold.{why}", {"count": count}, language) for why, count in untold]
    lines += [sentence(f"trial.{note}", {}, language) for note in found.notes]
    unfilled = sum(one.unfilled for one in found.placements)
    if unfilled:
        lines.append(sentence("trial.unfilled", {"count": unfilled}, language))
    return lines


class Trials:
    """The dry runs of one gateway: one at a time, in a child of their own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._analyst: Analyst | None = None
        self._busy = False

    async def try_rules(self, *, rule: str = "", text: str = "", days: int = 1) -> Trial:
        """What a rule of the shop, or those of a text, would have changed in the decisions of the last `days` days."""
        if bool(rule) == bool(text.strip()):
            raise Rejected("name one rule, or send the text of new ones", field="rule", expected="rule or toml")
        if not 1 <= days <= MOST_DAYS:
            raise Rejected("days is out of range", field="days", expected=f"1 to {MOST_DAYS}", got=str(days))
        services = self._services
        definitions = services.definitions
        if rule:
            changed, tried = without(definitions, rule), [rule]
        else:
            changed, tried = await asyncio.to_thread(
                lambda: with_rules(definitions, read_folder(services.settings.shop), text)
            )
        if services.analyst is None:
            raise Unavailable("this server runs without its analysis process; use `regulars rules try`")
        if self._busy:
            raise Unavailable("another dry run is on its way; ask again when it is through")
        if self._analyst is None:
            self._analyst = services.analyst.apart()
        self._busy = True
        try:
            until = services.clock() + 1
            return await self._analyst.later(
                self._analyst.run, ENTRY,
                {
                    "shop": msgspec.to_builtins(definitions), "changed": msgspec.to_builtins(changed), "tried": tried,
                    "since": until - days * DAY_MS, "until": until,
                },
                Trial, seconds=SECONDS,
            )  # fmt: skip
        finally:
            self._busy = False

    def close(self) -> None:
        """End the child."""
        if self._analyst is not None:
            self._analyst.close()


_TRIALS: "WeakKeyDictionary[Services, Trials]" = WeakKeyDictionary()


def trials(services: Services) -> Trials:
    """The one of these services, made when it is first asked for."""
    found = _TRIALS.get(services)
    if found is None:
        found = _TRIALS[services] = Trials(services)
        services.closing.append(found.close)
    return found
