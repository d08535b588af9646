"""What it costs to show a run in MLflow."""

import time

import pytest

from harness.config.grid import Grid
from harness.export.mlflow import Tracker, variant_family
from support.recorded import cell, result

pytest.importorskip("mlflow", reason="MLflow is not installed")
pytestmark = [
    pytest.mark.bench,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:"),  # SQLAlchemy's of MLflow
]
POINTS = 1000


def test_a_thousand_points_take_at_most_half_a_second(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    cells = [cell("dqn", seed=seed) for seed in range(4)]
    grid = Grid(name="mine", description="", tuning=False, cells=tuple(cells))
    tracker = Tracker(grid, tmp_path)
    seconds = []
    for of in cells:
        run = long_run(of)
        family = variant_family("mine", [run])
        assert len(family.members[of.id].entry().points) >= POINTS
        above = tracker._begin(family.above(), {})
        before = time.perf_counter()
        tracker._put(family.members, [], above)
        seconds.append(time.perf_counter() - before)

    print([round(s, 3) for s in seconds])
    assert min(seconds) <= 0.5


def long_run(of):
    row = result(of).curve[0]
    curve = tuple(row | {"evaluation": k, "step": 50 * k} for k in range(1, POINTS // 3 + 2))
    provenance = {"finished": "2026-01-02T03:04:05Z", "wall_s": 12.5}
    return result(of, curve=curve, provenance=provenance)
