"""Which figures a place has, and what they show: only what its results can tell."""

import pytest

from harness.report import build_report
from support import recorded, reported

COSTS = {"steps_per_s": 1.0, "cpu_s": 3600.0, "peak_memory_mb": 1.0}


def row(k, cell, episode, step):
    metrics = {"return": k / 4 + cell.seed}
    return {"evaluation": k, "episode": episode, "step": step, "metrics": metrics, "train": {}}


def of_lengths(cell, *lengths):
    """A run of two evaluations whose episodes have these lengths on average."""
    points = zip((1, 2), lengths, strict=True)
    return recorded.result(cell, curve=tuple(row(k, cell, 10 * k, 10 * k * n) for k, n in points))


def costing(cell, final=0.9, *, floats=(0.0, 0.0), cpu_s=3600.0):
    acting, learning = floats
    method = {
        "hops": 1,
        "centralized": False,
        "parameters": 7,
        "floats_execution": acting,
        "floats_training": learning,
    }
    return recorded.result(cell, final, method=method, provenance=COSTS | {"cpu_s": cpu_s})


def figures(tmp_path, *results):
    for result in results:
        result.save(tmp_path / "trial")
    cells = [result.cell for result in results]
    return {f.file: f for f in build_report(reported.grid_of(*cells), tmp_path).figures}


def test_where_episodes_differ_in_length_there_are_curves_over_steps(tmp_path):
    cells = [recorded.cell(seed=seed) for seed in (0, 1)]

    found = figures(tmp_path, of_lengths(cells[0], 5, 5), of_lengths(cells[1], 5, 7))

    assert [*found] == ["prisoner-default.svg", "prisoner-default-steps.svg"]
    plot = found["prisoner-default-steps.svg"].plot
    assert plot.xlabel == "environment steps of training"
    (curve,) = plot.curves
    assert curve.x == (50, 120)
    assert (curve.mean, curve.least, curve.most) == ((0.75, 1.0), (0.25, 0.5), (1.25, 1.5))


def test_where_episodes_never_differ_the_caption_says_how_long_they_are(tmp_path):
    cells = [recorded.cell(seed=seed) for seed in (0, 1)]

    found = figures(tmp_path, *(of_lengths(cell, 500, 500) for cell in cells))

    (curves,) = found.values()
    assert "An episode always has 500 steps: the axis shows sample efficiency." in curves.caption


def test_sweeps_have_no_second_figure_over_steps(tmp_path):
    fields = [(), (("selfishness", 0.3),)]
    cells = [recorded.cell("fixed_ltos", fields=f) for f in fields]

    found = figures(tmp_path, of_lengths(cells[0], 5, 6), of_lengths(cells[1], 5, 7))

    assert [file for file in found if "steps" in file] == ["prisoner-default-steps.svg"]


def test_scores_stand_over_floats_and_hours_with_their_ranges(tmp_path):
    dqn, ltos = ([recorded.cell(m, seed=s) for s in (0, 1)] for m in ("dqn", "ltos"))

    found = figures(
        tmp_path,
        costing(dqn[0], 0.4, cpu_s=360.0),
        costing(dqn[1], 0.6, cpu_s=1080.0),
        *(costing(cell, floats=(33.0, 35.0), cpu_s=7200.0) for cell in ltos),
        costing(recorded.cell("random"), 0.5),
    )

    floats = found["prisoner-default-floats.svg"].plot
    hours = found["prisoner-default-hours.svg"].plot
    by_name = {point.name: point for point in floats.points}
    assert (floats.xscale, hours.xscale) == ("symlog", "log")
    assert (by_name["DQN"].mean, by_name["DQN"].least, by_name["DQN"].most) == (0.5, 0.4, 0.6)
    assert (by_name["LToS"].x, by_name["LToS"].x_most) == (33, 35)
    assert {point.name: point.x for point in hours.points} == {"DQN": 0.2, "LToS": 2.0}
    assert [level.name for level in hours.levels] == ["random"]


def test_a_cost_that_all_share_makes_no_figure(tmp_path):
    cells = map(recorded.cell, ("dqn", "ltos"))

    found = figures(tmp_path, *map(costing, cells))

    assert [*found] == ["prisoner-default.svg"]


def test_variants_of_a_sweep_are_not_among_the_methods_as_they_are(tmp_path):
    swept = recorded.cell("fixed_ltos", fields=(("selfishness", 0.3),))
    plain = [recorded.cell(m) for m in ("dqn", "dgn", "fixed_ltos")]

    found = figures(
        tmp_path, *(costing(cell, cpu_s=60.0 * n) for n, cell in enumerate([*plain, swept], 1))
    )

    points = found["prisoner-default-hours.svg"].plot.points
    assert [point.name for point in points] == ["DQN", "DGN", "fixed LToS"]


def test_hours_that_were_not_measured_have_no_place_on_their_axis(tmp_path):
    cells = map(recorded.cell, ("dqn", "dgn", "ltos"))

    found = figures(tmp_path, *(costing(c, cpu_s=float(n)) for n, c in enumerate(cells)))

    points = found["prisoner-default-hours.svg"].plot.points
    assert [point.name for point in points] == ["DGN", "LToS"]


def test_learned_shares_are_curves_of_their_mean_and_spread_under_each_label(tmp_path):
    cells = [recorded.cell("ltos", seed=s, preset=p) for p in ("paper", "default") for s in (0, 1)]
    shares = (0.2, 0.4, 0.5, 0.5)

    found = figures(
        tmp_path, *(recorded.result(c, share=x) for c, x in zip(cells, shares, strict=True))
    )

    plot = found["prisoner-sharing.svg"].plot
    assert [curve.name for curve in plot.curves] == [
        "LToS, paper: mean",
        "LToS, paper: sd",
        "LToS, default: mean",
        "LToS, default: sd",
    ]
    mean, sd = plot.curves[:2]
    assert (mean.mean[-1], mean.least[-1], mean.most[-1]) == pytest.approx((0.3, 0.2, 0.4))
    assert (sd.mean[-1], sd.least, sd.most) == (pytest.approx(0.15), sd.mean, sd.mean)


def test_methods_that_share_nothing_have_no_figure_of_it(tmp_path):
    assert "prisoner-sharing.svg" not in figures(tmp_path, recorded.result(recorded.cell()))
