"""The versions of the recommendation models: learned from what, how good, which one serves, and the way back."""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery

from regulars.console.visit import Asked, Visit, fields, needs, see
from regulars.core.errors import RegularsError
from regulars.flow.models import STEPS, Progress, current, earlier, progress, recommend_folder, use, versions
from regulars.recommend.evaluation import Evaluation
from regulars.recommend.measuring import Interval
from regulars.recommend.store import Manifest, read_manifest


class Accuracy(msgspec.Struct, frozen=True):
    """How good a version was on what it had not seen."""

    leader: str  # the recommender that serves
    hit: Interval
    k: int
    cases: int
    change: float | None  # against the version before, share points; None without one


class Version(msgspec.Struct, frozen=True):
    """A version on the page."""

    name: str
    serves: bool
    manifest: Manifest | None
    problem: str  # why it cannot be read
    baskets: Accuracy | None
    visits: Accuracy | None


class Running(msgspec.Struct, frozen=True):
    """A training that runs."""

    progress: Progress
    seconds: float  # since it began
    usual: float | None  # what the newest version took, s
    steps: tuple[str, ...] = STEPS


@get("/console/models", guards=[needs("models")])
async def models_page(
    visit: Asked, ask: FromQuery[str] = "", served: FromQuery[str] = "", problem: FromQuery[str] = ""
) -> Response[str]:
    """The page; with `ask` it asks once more before that version serves."""
    return await _page(visit, ask=ask, served=served, problem=problem[:300])


@get("/console/models/training", guards=[needs("models")])
async def training(visit: Asked) -> Response[str]:
    """How far the training is, for the page that looks again by itself."""
    models = visit.house.services.folder.models
    running = await asyncio.to_thread(_running, models)
    return visit.html("_training.html", running=running)


@post("/console/models/use", status_code=200, guards=[needs("models_switch")])
async def switch(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Let another version serve; every process that decides takes it within a second."""
    (version,) = fields(await visit.form(request), "version")
    await visit.looked("let models serve", version[:100])
    try:
        await asyncio.to_thread(use, visit.house.services.folder.models, version)
    except RegularsError as error:
        return await _page(visit, problem=str(error), status=409)
    return see(f"/console/models?served={version}")


async def _page(
    visit: Visit, *, ask: str = "", served: str = "", problem: str = "", status: int = 200
) -> Response[str]:
    models = visit.house.services.folder.models
    found = await asyncio.to_thread(listed, models)
    names = [one.name for one in found]
    serving = next((one.name for one in found if one.serves), "")
    return visit.html(
        "models.html", status=status, active="models", versions=found, serving=serving,
        before=await asyncio.to_thread(earlier, models), ask=ask if ask in names and ask != serving else "",
        served=served if served in names else "", problem=problem,
        running=await asyncio.to_thread(_running, models),
    )  # fmt: skip


def listed(models: Path) -> list[Version]:
    """The versions that are kept, the newest first."""
    serving = current(models)
    found: list[Version] = []
    before: Manifest | None = None
    for name in reversed(versions(models)):
        try:
            manifest = read_manifest(recommend_folder(models) / name)
        except RegularsError as error:
            found.append(Version(name, name == serving, None, str(error), None, None))
            continue
        old = (None, None) if before is None else (before.evaluation, before.visits_evaluation)
        baskets = _accuracy(manifest.evaluation, old[0])
        visits = _accuracy(manifest.visits_evaluation, old[1])
        found.append(Version(name, name == serving, manifest, "", baskets, visits))
        before = manifest
    return found[::-1]


def _accuracy(told: Evaluation | None, before: Evaluation | None) -> Accuracy | None:
    if told is None or told.leader not in told.figures:
        return None
    hit = told.figures[told.leader]["hit_rate"]
    old = None if before is None or before.k != told.k else before.figures.get(told.leader, {}).get("hit_rate")
    return Accuracy(told.leader, hit, told.k, told.cases, None if old is None else hit.mean - old.mean)


def _running(models: Path) -> Running | None:
    found = progress(models)
    if found is None:
        return None
    usual = next((one.manifest.seconds for one in listed(models) if one.manifest and one.manifest.seconds), None)
    return Running(found, max(time.time() - found.began / 1000, 0.0), usual)


HANDLERS = (models_page, training, switch)
