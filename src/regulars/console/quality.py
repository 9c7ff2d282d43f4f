"""How good the trained recommendations are: the manifest of the set that serves."""

from pathlib import Path

import msgspec

from regulars.core.errors import RegularsError
from regulars.flow.models import current_manifest
from regulars.recommend.measuring import Interval
from regulars.recommend.store import Manifest

BASELINES = ("overall_popularity", "own_most_bought")


class Row(msgspec.Struct, frozen=True):
    """One recommender on baskets that it has not seen."""

    name: str
    hit_rate: Interval
    precision: Interval
    lead: Interval | None  # of the leader over this one in hit rate, paired
    leader: bool
    baseline: bool


class Quality(msgspec.Struct, frozen=True):
    """The figures of a trained set."""

    manifest: Manifest
    rows: list[Row]
    top_hit: float
    top_precision: float


def serving(models: Path) -> Manifest | None:
    """The manifest of the set that serves; None while nothing is trained or it cannot be read."""
    try:
        return current_manifest(models)
    except RegularsError:
        return None


def quality(models: Path) -> Quality | None:
    """The figures of the serving set, best first; None while there are none."""
    manifest = serving(models)
    if manifest is None or manifest.evaluation is None:
        return None
    told = manifest.evaluation
    rows = [
        Row(
            name,
            figures["hit_rate"],
            figures["precision"],
            told.lead[name]["hit_rate"] if name in told.lead else None,
            name == told.leader,
            name in BASELINES,
        )
        for name, figures in told.figures.items()
    ]
    rows.sort(key=lambda row: (not row.leader, -row.hit_rate.mean))
    return Quality(manifest, rows, max(row.hit_rate.high for row in rows), max(row.precision.high for row in rows))
