"""Merchandising rules, and their dry run: what a rule cost or won on yesterday's recorded decisions."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post

from regulars.console.visit import Asked, Visit, fields, needs
from regulars.core.errors import RegularsError
from regulars.core.merchandising import Rule, Trial
from regulars.runtime.trials import MOST_TEXT, trial_lines, trials

DAYS = (1, 7, 28)


class Shown(msgspec.Struct, frozen=True):
    """A rule on the page."""

    rule: Rule
    title: str


@get("/console/rules", guards=[needs("rules")], sync_to_thread=False)
def rules_page(visit: Asked) -> Response[str]:
    """The rules of the shop."""
    return _page(visit)


@post("/console/rules", status_code=200, guards=[needs("rules")])
async def dry_run(request: Request[Any, Any, Any], visit: Asked) -> Response[str]:
    """Replay recorded decisions with a rule and without it. Nothing is changed."""
    rule, days, text = fields(await visit.form(request), "rule", "days", "text")
    span = int(days) if days.isdigit() and int(days) in DAYS else DAYS[0]
    try:
        found = await trials(visit.house.services).try_rules(rule=rule, text="" if rule else text, days=span)
    except RegularsError as error:
        return _page(visit, problem=str(error), text=text, days=span, status=422)
    return _page(visit, trial=found, text=text, days=span)


def _page(
    visit: Visit, *, trial: Trial | None = None, problem: str = "", text: str = "", days: int = 1, status: int = 200
) -> Response[str]:
    definitions = visit.house.definitions
    shown = [Shown(one, visit.words.of(one.title, one.id)) for one in definitions.rules]
    titles = {one.id: visit.words.of(one.title, one.id) for one in definitions.placements}
    return visit.html(
        "rules.html", status=status, active="rules", rules=shown, trial=trial, problem=problem, text=text, days=days,
        spans=DAYS, most=MOST_TEXT, titles=titles,
        lines=[] if trial is None else trial_lines(trial, visit.language),
        names=[] if trial is None else [one.title for one in shown if one.rule.id in trial.rules] or trial.rules,
    )  # fmt: skip


HANDLERS = (rules_page, dry_run)
