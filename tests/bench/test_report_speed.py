"""What reports in all formats cost in processor time: 1000 results, and those of one scenario."""

import time

import pytest

from harness.config.grid import Grid
from harness.report import build_report, write_report
from harness.report.files import Format
from support import recorded

pytestmark = pytest.mark.bench

METHODS = ("dqn", "dgn", "ltos", "fixed_ltos", "neurcomm", "consenet", "lio", "ip", "qmix", "vdn")


def timed(tmp_path, cells, capsys):
    for cell in cells:
        values = {"return": 0.5 + cell.seed / 50, "reward_per_step": 0.5 + cell.seed / 50}
        recorded.whole(cell, **values).save(tmp_path / "trial")
    grid = Grid(name="trial", description="a trial", tuning=False, cells=tuple(cells))

    started = time.process_time()
    files = write_report(build_report(grid, tmp_path), tmp_path / "reports", tuple(Format))
    seconds = time.process_time() - started

    with capsys.disabled():
        print(
            f"\n{len(cells)} results, {len(files) - len(Format)} figures: "
            f"{seconds:.1f} s of processor"
        )
    return seconds


def cells(scenario, options, seeds):
    return [
        recorded.cell(method, scenario=scenario, options=options, preset=preset, seed=seed)
        for method in METHODS
        for preset in ("paper", "default")
        for seed in range(seeds)
    ]


def test_a_thousand_results_take_twenty_seconds_at_most(tmp_path, capsys):
    places = [("jungle", (("n_neighbors", k),)) for k in (1, 2, 4, 5)]
    places += [("prisoner", (("max_steps", n),)) for n in (20, 30)]
    every = [cell for place in places for cell in cells(*place, 10)][:1000]

    assert timed(tmp_path, every, capsys) <= 20


def test_one_scenario_takes_three_seconds_at_most(tmp_path, capsys):
    timed(tmp_path / "warm", cells("prisoner", (), 2), capsys)

    assert timed(tmp_path, cells("prisoner", (), 10), capsys) <= 3
