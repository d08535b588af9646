"""The signal-to-noise ratio of paper 000, Appendix A.2, and the matching by it."""

import numpy as np
import pytest

from harness.config.grid import load_grid
from harness.tuning.matching import (
    RATIO,
    RATIOS,
    SHARE,
    SHARES,
    alpha_of,
    matched_plots,
    matches,
    matching_text,
    self_share,
    settings,
)
from harness.tuning.plan import HELD_OUT_SEEDS, plans
from methods.learners.rewards import hop_distances
from support.recorded import result
from support.studies import write_grid

PAIR = np.ones((2, 2), dtype=np.bool_)
PATH = np.eye(3, dtype=np.bool_) | np.eye(3, k=1, dtype=np.bool_) | np.eye(3, k=-1, dtype=np.bool_)


def grid_of(rows, columns):
    """Intersections of a street grid, each the neighbor of the ones beside it."""
    n = rows * columns
    row, column = np.divmod(np.arange(n), columns)
    apart = abs(row[:, None] - row) + abs(column[:, None] - column)
    return apart <= 1


def by(kind, level, graph=PAIR):
    return {s.method: s for s in settings(graph) if s.kind == kind and s.level == level}


def test_with_one_neighbor_a_ratio_of_one_is_half_of_the_reward():
    """Table 6 and 7, prisoner: selfishness 0.5 and alpha 1, the mean of both rewards."""
    at = by(RATIO, 1.0)

    assert at["fixed_ltos"].parameter == 0.5
    assert at["neurcomm"].parameter == 1.0
    assert at["fixed_ltos"].least == at["fixed_ltos"].most == pytest.approx(1.0)


def test_on_the_six_by_six_grid_the_papers_ratio_depends_on_the_number_of_neighbors():
    """Selfishness 0.8 has ratio 8 at a corner, 12 at an edge, 16 inside; 4 * 10 / 3 in the mean."""
    graph = grid_of(6, 6)

    for setting in settings(graph):
        if (setting.kind, setting.method) == (RATIO, "fixed_ltos"):
            mean = graph.sum(axis=1).mean() - 1
            assert setting.parameter == pytest.approx(
                setting.level / (setting.level + mean), abs=1e-4
            )
            assert setting.most == pytest.approx(2 * setting.least)
    own = 0.8 / 0.2 * (graph.sum(axis=1) - 1)
    assert sorted(set(own.round(9))) == [8, 12, 16]


@pytest.mark.parametrize("ratio", RATIOS)
def test_neurcomm_s_ratio_is_one_over_alpha_for_everybody(ratio):
    setting = by(RATIO, ratio, grid_of(3, 3))["neurcomm"]

    assert setting.parameter == pytest.approx(1 / ratio)
    assert setting.least == setting.most == pytest.approx(ratio)


def test_the_self_share_counts_agents_far_away_too():
    """On a path of three with alpha 1/2: ends 1 / (1 + 1/2 + 1/4), the middle 1 / (1 + 1)."""
    share = self_share(0.5, hop_distances(PATH))

    assert share == pytest.approx([4 / 7, 1 / 2, 4 / 7])


def test_an_agent_whom_nobody_reaches_learns_from_itself_alone():
    apart = np.eye(2, dtype=np.bool_)

    assert self_share(0.5, hop_distances(apart)) == pytest.approx([1.0, 1.0])
    assert settings(apart) == []


@pytest.mark.parametrize("share", SHARES)
def test_alpha_is_chosen_so_that_the_mean_self_share_is_as_asked(share):
    distance = hop_distances(grid_of(3, 3))

    alpha = alpha_of(share, distance)

    assert alpha is not None
    assert self_share(alpha, distance).mean() == pytest.approx(share, abs=2e-3)


def test_with_two_agents_ratio_and_share_say_the_same():
    """s / (1 - s) = 1 / alpha, and 1 / (1 + alpha) = s."""
    for setting in settings(PAIR):
        other = by(setting.kind, setting.level)
        s, alpha = other["fixed_ltos"].parameter, other["neurcomm"].parameter
        assert 1 / (1 + alpha) == pytest.approx(s, abs=1e-3)


def test_a_share_below_what_alpha_one_gives_is_left_out():
    assert alpha_of(0.4, hop_distances(PAIR)) is None
    assert alpha_of(0.5, hop_distances(PAIR)) == 1.0
    assert all(level.level in SHARES for level in settings(PAIR) if level.kind == SHARE)


@pytest.fixture
def match(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.config.hparams._shipped", dict)  # else preset `tuned` comes first
    grid = load_grid(write_grid(tmp_path / "small.toml", "dgn", "fixed_ltos", "neurcomm"))
    ((match,),) = matches(plans(grid, grid.cells)).values()
    return match


def test_matched_cells_differ_in_the_parameter_and_run_on_held_out_seeds(match):
    cells = match.cells(2)

    assert {cell.seed for cell in cells} == {HELD_OUT_SEEDS, HELD_OUT_SEEDS + 1}
    assert len(cells) == len(set(cells))
    assert {name for cell in cells for name, _ in cell.fields} == {"selfishness", "alpha"}
    assert {cell.preset for cell in cells} == {"default"}


def test_a_task_without_both_methods_has_no_match(tmp_path):
    grid = load_grid(write_grid(tmp_path / "small.toml", "dgn", "fixed_ltos"))

    assert matches(plans(grid, grid.cells)) == {}


def test_the_table_and_the_figure_show_what_was_run_at_every_level(match, tmp_path):
    for cell in match.cells(2):
        shares = cell.method == "fixed_ltos" and cell.config.selfishness < 0.6
        result(cell, 0.97 if shares else 0.49).save(tmp_path)

    scores = match.outcome(tmp_path)
    text, plots = matching_text(match, scores), matched_plots(match, scores)

    assert all(len(values) == 2 for values in scores.values())
    assert (
        "| self-neighbor ratio (SNR) 1 | selfishness=0.5 | 0.970 | 0.970 | alpha=1 | 0.490 |"
        in text
    )
    assert "neighbors of an agent: 1." in text
    assert plots.keys() == {RATIO, SHARE}
    curves = {curve.method: curve for curve in plots[RATIO].curves}
    assert curves.keys() == {"fixed_ltos", "neurcomm"}
    assert (curves["fixed_ltos"].x[0], curves["fixed_ltos"].mean[0]) == (1.0, 0.97)
    assert plots[RATIO].ticks == RATIOS


def test_levels_that_were_not_run_or_are_stale_are_left_out(match, tmp_path, monkeypatch):
    for cell in match.cells(1)[:3]:
        result(cell).save(tmp_path)

    assert len(match.outcome(tmp_path)) == 5  # 0.5 and 1 stand for two levels each
    monkeypatch.setattr("methods.neurcomm.NeurComm.version", "next")
    monkeypatch.setattr("methods.ltos.FixedLToS.version", "next")
    assert match.outcome(tmp_path) == {}


def test_a_damaged_result_counts_as_not_run(match, tmp_path):
    cells = match.cells(2)
    for cell in cells[:2]:
        path = result(cell).save(tmp_path)

    path.write_text("{ half")

    assert {len(values) for values in match.outcome(tmp_path).values()} == {1}
