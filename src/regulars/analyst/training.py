"""Train the recommendation models from the lake's order lines, in the child process."""

import time
from typing import Any

import msgspec

from regulars.analyst.goods import read_goods
from regulars.analyst.learning import read_lines
from regulars.analyst.work import Workbench
from regulars.flow.models import point, recommend_folder
from regulars.recommend.store import save
from regulars.recommend.training import Settings, train


def train_recommendations(work: Workbench) -> dict[str, Any]:
    """Train, evaluate on the last weeks, save and let serve; the figures."""
    began = time.monotonic()
    lines = read_lines(work)
    trained = train(lines.interactions, lines.catalogue, Settings(), goods=read_goods(work))
    models = work.data / "models"
    folder = recommend_folder(models)
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time_ns() // 1_000_000
    name = f"v{now}"
    manifest = save(trained, folder / name, trained_at=now)
    point(models, name)
    return {
        "version": name,
        "lines": len(lines.interactions),
        "lines_without_consent": lines.without_consent,
        "persons": len(lines.persons),
        "products": len(lines.catalogue),
        "seconds": round(time.monotonic() - began, 1),
        "evaluation": msgspec.to_builtins(manifest.evaluation) if manifest.evaluation is not None else None,
    }
