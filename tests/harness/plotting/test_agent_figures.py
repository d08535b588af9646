"""Figures of agents: what each keeps over an episode, and where; and curves on logarithmic axes."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.config.grid import Grid
from harness.plotting.draw import axes_box, draw, stored_digest
from harness.plotting.plot import AgentPlot, Curve, Level, Plot
from harness.report.curves import plots
from harness.report.rows import variants
from harness.report.sharing import share_plots
from harness.results.index import load_runs
from scenarios.traffic.road_map import agent_map
from scenarios.traffic.scenario import Traffic
from support import recorded

N_STEPS, N_AGENTS = 24, 36


def plot(**changes):
    content = {
        "title": "traffic, default: LToS",
        "ylabel": "self weight",
        "steps": (0, 5, 9),
        "values": ((0.8, 0.8, 0.7), (0.9, 0.6, 0.7), (0.9, 0.6, 0.7)),
        "kinds": ("edge", "edge", "inner"),
        "places": ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
        "shown": (2, 7),
    }
    return AgentPlot(**content | changes)


def test_between_two_changes_a_value_holds():
    assert [plot().at(step)[0] for step in (0, 4, 5, 9)] == [0.8, 0.8, 0.9, 0.9]


@pytest.mark.parametrize("changes", [{}, {"shown": (), "places": ()}, {"title": "<b>&</b>" * 30}])
def test_a_figure_of_agents_is_a_function_of_its_data(tmp_path, changes):
    drawing = draw(plot(**changes))

    ElementTree.fromstring(drawing)
    assert draw(plot(**changes)) == drawing
    (tmp_path / "figure.svg").write_bytes(drawing)
    assert stored_digest(tmp_path / "figure.svg") == plot(**changes).digest
    assert all(side > 0 for side in axes_box(plot(**changes))[2:])


def test_maps_have_a_color_for_each_agent():
    squares = {n: draw(plot(shown=(2, 7)[:n])).count(b"PathCollection") for n in (0, 1, 2)}

    assert squares == {0: 0, 1: 1, 2: 2}


def cell(method="ltos", *, seed=0):
    return recorded.cell(method, scenario="traffic", seed=seed)


def result(of, duration=95.0, red_lights=0.5, traces=None):
    run = recorded.whole(of, duration=duration, red_lights=red_lights)
    if traces is None:
        return run
    shares = {"selfishness_mean": 0.8, "selfishness_sd": 0.1}
    curve = tuple({**row, "metrics": row["metrics"] | shares} for row in run.curve)
    return replace(run, curve=curve, traces={"selfishness": traces})


def rows(tmp_path, *results):
    for each in results:
        each.save(tmp_path / "trial")
    cells = tuple(each.cell for each in results)
    grid = Grid(name="trial", description="", tuning=False, cells=cells)
    return variants(load_runs(grid, tmp_path))


def trace(last):
    """Everybody keeps 0.8 until step 15, then agent 0 keeps something else."""
    return [[0.8] * N_AGENTS] * 15 + [[last] + [0.8] * (N_AGENTS - 1)] * (N_STEPS - 15)


def test_the_first_seed_s_episode_is_shown_agent_by_agent_with_maps_of_the_grid(tmp_path):
    found = rows(tmp_path, result(cell(seed=3), traces=trace(0.1)),
                 result(cell(seed=1), traces=trace(0.9)))  # fmt: skip

    *_, agents = share_plots("traffic", found)

    assert agents.file == "traffic-default-ltos-agents.svg"
    assert "seed 1." in agents.caption
    assert "maps" in agents.caption
    assert agents.plot.steps == (0, 15, 23)
    assert [values[0] for values in agents.plot.values] == [0.8, 0.9, 0.9]
    assert {kind: agents.plot.kinds.count(kind) for kind in agents.plot.kinds} == {
        "corner": 4, "edge": 16, "inner": 16,
    }  # fmt: skip
    assert len(agents.plot.shown) == 6
    assert agents.plot.places[0] == (0.0, 0.0)
    assert agents.plot.places[1] == (0.0, 1.0)  # the file goes northwards first


def test_without_a_map_there_are_lines_only(tmp_path, monkeypatch):
    monkeypatch.setattr(Traffic, "agent_map", classmethod(lambda cls, options: None))
    found = rows(tmp_path, result(cell(), traces=trace(0.9)))

    *_, agents = share_plots("traffic", found)

    assert agents.plot.places == agents.plot.shown == ()
    assert set(agents.plot.kinds) == {"agents"}
    assert "maps" not in agents.caption


@pytest.mark.parametrize("traces", [trace(0.9)[:8], [[0.8, 0.7]] * N_STEPS])
def test_short_episodes_and_few_agents_have_no_figure_of_agents(tmp_path, traces):
    found = rows(tmp_path, result(cell(), traces=traces))

    assert [plot.file for plot in share_plots("traffic", found)] == ["traffic-sharing.svg"]


def test_the_map_of_a_grid_is_that_of_its_intersections():
    scenario = Traffic(network="grid_2x3", max_steps=6)
    roads = scenario._site.network.roads
    names = [roads.intersection_ids[i] for i in roads.signalized]
    options = {"network": "grid_2x3", "roadnet": None}

    found = Traffic.agent_map(options)

    assert found is not None
    xy = [tuple(map(int, name.split("_")[1:])) for name in names]
    assert (found.place + 1).astype(int).tolist() == [list(each) for each in xy]
    assert found.kind.count("corner") == 4
    assert Traffic.agent_map(options | {"roadnet": "mine.json"}) is None
    assert agent_map("shenzhen") is None
    assert agent_map("authors_6x6") is not None


def test_every_headline_metric_has_curves_and_traffic_s_are_logarithmic(tmp_path):
    found = rows(tmp_path, result(cell("dqn")), result(cell("random"), red_lights=-0.06))

    duration, red_lights = plots("traffic", found)

    assert duration.file == "traffic-default.svg"
    assert red_lights.file == "traffic-default-red_lights.svg"
    assert duration.plot.yscale == red_lights.plot.yscale == "log"
    assert [level.name for level in duration.plot.levels] == ["random"]
    # No place for -0.06 on that axis; the papers' bound is named for what it is.
    assert [level.name for level in red_lights.plot.levels] == ["papers' bound: 0.50, a heuristic"]


def test_a_logarithmic_axis_is_drawn_with_plain_numbers():
    curve = Curve(
        name="DQN", method="dqn", x=(1.0, 2.0, 3.0), mean=(2000.0, 130.0, 95.0),
        least=(1000.0, 120.0, 94.0), most=(3000.0, 140.0, 96.0),
    )  # fmt: skip
    linear = Plot(
        title="t", ylabel="s", curves=(curve,), levels=(Level(name="x", value=59.0),),
        by_method=True,
    )  # fmt: skip
    log = replace(linear, yscale="log")

    ElementTree.fromstring(draw(log))
    assert draw(log) != draw(linear)
    assert log.digest != linear.digest
