"""Learning curves of a table of results: axes per task and metric, a line per variant."""

import pandas as pd
import pytest

from harness.plotting.curves import plot_curves
from harness.plotting.draw import method_style
from harness.results.index import load_results
from support import recorded


@pytest.fixture
def frame(tmp_path):
    cells = [recorded.cell("dqn", seed=0), recorded.cell("dqn", seed=1), recorded.cell("ltos")]
    for of, final in zip(cells, (0.5, 0.9, 0.7), strict=True):
        recorded.result(of, final).save(tmp_path)
    fixed = recorded.cell("reference", fields=(("policy", "cooperate"),))
    recorded.whole(fixed, **{"return": 0.97}).save(tmp_path)
    return load_results(tmp_path)


def test_every_task_and_metric_has_axes_and_every_variant_a_line(frame):
    axes = plot_curves(frame).axes

    assert [each.get_ylabel() for each in axes] == ["collisions", "return", "steps"]
    assert {each.get_title(loc="left") for each in axes} == {"prisoner"}
    _, names = axes[1].get_legend_handles_labels()
    assert names == ["dqn", "ltos", "reference,policy=cooperate"]


def test_a_line_is_the_mean_over_the_seeds_in_a_band_from_least_to_most(frame):
    (axes,) = plot_curves(frame[frame["metric"] == "return"]).axes

    dqn, ltos, fixed = axes.get_lines()
    band = axes.collections[0].get_paths()[0].get_extents()
    assert dqn.get_ydata()[-1] == pytest.approx(0.7)
    assert dqn.get_xdata()[-1] == pytest.approx(recorded.EVALUATIONS * 100.5)
    assert (band.y0, band.y1) == (pytest.approx(0.49, abs=0.02), pytest.approx(0.9))
    assert dqn.get_color() == method_style("dqn").color
    assert ltos.get_color() == method_style("ltos").color
    assert set(fixed.get_ydata()) == {0.97}


def test_an_empty_table_is_refused(frame):
    with pytest.raises(ValueError, match="no rows"):
        plot_curves(pd.DataFrame(columns=frame.columns))
