"""`POST /v1/rules/dry-run`: what a merchandising rule would have cost or won on recorded decisions."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.params import QueryParameter

from regulars.api.access import needs
from regulars.core.merchandising import PlacementTrial
from regulars.runtime import Services
from regulars.runtime.trials import trial_lines, trials

_Language = Annotated[str, QueryParameter(name="lang", pattern="^(de|en)$")]


class DryRun(msgspec.Struct, forbid_unknown_fields=True):
    """One rule of the shop, compared with doing without it; or the text of rules that the shop does not have yet."""

    rule: str = ""
    toml: str = ""
    days: int = 1


class DryRunResult(msgspec.Struct):
    """With the rules less without them. `clicks` and `margin` are null where there is too little data."""

    rules: list[str]
    since: int  # UTC ms
    until: int
    currency: str
    decisions: int
    rows: int
    agreement: float | None  # share of rows that come out as recorded by the rules of the shop
    untold: dict[str, int]  # rows that could not be filled again, by reason
    placements: list[PlacementTrial]
    text: list[str]  # the same in words


@post("/v1/rules/dry-run", guards=[needs("catalog")], tags=["decisions"], status_code=200)
async def dry_run(data: DryRun, services: Services, language: _Language = "en") -> DryRunResult:
    """Fill the recorded rows of the last days twice, with the rules and without, and count. Nothing is changed.

    One at a time, in a process of its own at the lowest priority; `503` while another one runs. Margins leave the shop
    here, so the key needs the scope `catalog`.
    """
    found = await trials(services).try_rules(rule=data.rule, text=data.toml, days=data.days)
    return DryRunResult(
        found.rules, found.since, found.until, found.currency, found.decisions, found.rows, found.agreement,
        found.untold, found.placements, trial_lines(found, language),
    )  # fmt: skip


HANDLERS = (dry_run,)
