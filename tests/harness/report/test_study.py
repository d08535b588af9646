"""A study shows how final values change with an option, for whatever option is swept."""

import re
from dataclasses import replace

import numpy as np
import pytest

from harness.config.grid import Grid
from harness.plotting.plot import Stated
from harness.published.numbers import find_published, load_published
from harness.report import build_report, check_report, write_report
from harness.report.rows import variants
from harness.report.study import find_studies
from harness.results.index import load_runs
from scenarios import SCENARIOS
from support import recorded


def grid(*cells):
    return Grid(name="trial", description="a trial", tuning=False, cells=cells)


def jungle(method="ltos", seed=0, **kwargs):
    named = ("n_agents", "n_neighbors", "n_foods")
    options = tuple(sorted((name, kwargs.pop(name)) for name in named if name in kwargs))
    return recorded.cell(method, scenario="jungle", seed=seed, options=options, **kwargs)


def save(tmp_path, finals):
    for cell, final in finals.items():
        recorded.result(cell, final).save(tmp_path / "trial")
    return grid(*finals)


def report(tmp_path, finals):
    return build_report(save(tmp_path, finals), tmp_path)


def figure(built, file):
    (found,) = [figure for figure in built.figures if figure.file == file]
    return found.plot


def table(text, head):
    """The rows of the table under a heading, by first cell."""
    lines = text.split(head)[1].split("\n\n![")[0].split("\n## ")[0].splitlines()
    rows = [[part.strip() for part in x.strip("|").split(" | ")] for x in lines if x[:1] == "|"]
    return {row[0]: row[1:] for row in rows}


def headings(text):
    return re.findall(r"^## (.* by .*)$", text, re.MULTILINE)


def test_a_line_has_mean_and_range_at_each_value_and_the_default_is_one_of_them(tmp_path):
    finals = {
        jungle(n_agents=30): 0.8,
        jungle(n_agents=30, seed=1): 0.9,
        jungle(): 0.7,
        jungle(seed=1): 0.75,
        jungle(n_agents=10): 0.5,
        jungle(n_agents=10, seed=1): 0.5,
    }

    plot = figure(report(tmp_path, finals), "jungle-default-by-n_agents.svg")

    ltos = plot.curves[0]
    assert ltos.x == plot.ticks == (10, 20, 30)
    assert ltos.mean == (0.5, 0.725, 0.85)
    assert ltos.least == (0.5, 0.7, 0.8)
    assert ltos.most == (0.5, 0.75, 0.9)
    assert plot.xlabel == "n_agents"
    assert plot.ylabel == "reward_per_step [per agent and step]"


def test_the_bound_of_each_place_is_a_line_and_a_row(tmp_path):
    finals = {jungle(n_agents=n): 0.5 for n in (10, 50)}
    bounds = [SCENARIOS["jungle"](n_agents=n).bound["reward_per_step"] for n in (10, 50)]

    built = report(tmp_path, finals)

    bound = figure(built, "jungle-default-by-n_agents.svg").curves[-1]
    assert (bound.name, bound.method) == ("bound", "bound")
    assert bound.mean == pytest.approx(bounds)
    rows = table(built.text, "## jungle by n_agents")
    assert rows["bound"] == [f"{value:.3f}" for value in bounds] + [""]


def test_what_the_papers_state_stands_under_each_row_and_as_hollow_markers(tmp_path):
    finals = {jungle(n_neighbors=k): 0.5 for k in (1, 4, 6)}

    built = report(tmp_path, finals)

    rows = table(built.text, "## jungle by n_neighbors")
    assert rows["LToS, papers"] == ["0.83 (001)", "0.66 (001)", "", ""]
    assert "001, Fig 6a" in built.text.split("## jungle by n_neighbors")[1]
    assert figure(built, "jungle-default-by-n_neighbors.svg").stated == (
        Stated(method="ltos", x=1.0, y=0.83),
        Stated(method="ltos", x=4.0, y=0.66),
    )


def test_each_option_has_a_study_of_its_own_and_each_label_a_figure(tmp_path):
    options = [{"n_agents": 10}, {"n_agents": 30}, {"n_neighbors": 1}, {"n_neighbors": 2}]
    finals = {
        jungle(preset=preset, **chosen): 0.5
        for chosen in options
        for preset in ("paper", "default")
    }

    built = report(tmp_path, finals)

    assert headings(built.text) == ["jungle by n_agents", "jungle by n_neighbors"]
    assert [f.file for f in built.figures if "-by-" in f.file] == [
        "jungle-paper-by-n_agents.svg",
        "jungle-default-by-n_agents.svg",
        "jungle-paper-by-n_neighbors.svg",
        "jungle-default-by-n_neighbors.svg",
    ]


def test_any_numeric_option_of_any_scenario_will_do(tmp_path):
    finals = {recorded.cell(options=(("max_steps", n),)): n / 100 for n in (20, 30)}
    finals[recorded.cell()] = 0.97

    plot = figure(report(tmp_path, finals), "prisoner-default-by-max_steps.svg")

    assert plot.curves[0].x == (20, 30, 50)
    assert plot.curves[0].mean == (0.2, 0.3, 0.97)
    assert [s.x for s in plot.stated if s.method == "dqn"] == [50, 50]  # both papers, defaults


def test_places_that_differ_in_something_else_too_are_not_put_together(tmp_path):
    finals = {
        jungle(n_agents=10, n_neighbors=1): 0.5,
        jungle(n_agents=30, n_neighbors=2): 0.5,
        jungle(n_agents=40, n_foods=9): 0.5,
    }

    built = report(tmp_path, finals)

    assert headings(built.text) == []
    assert not [f for f in built.figures if "-by-" in f.file]


def test_places_of_different_budgets_are_not_put_together(tmp_path):
    longer = replace(recorded.cell(scenario="jungle").budget, episodes=700)
    finals = {jungle(n_agents=10): 0.5, jungle(n_agents=30, budget=longer): 0.5}

    assert "n_agents.svg" not in "".join(f.file for f in report(tmp_path, finals).figures)


def test_what_the_places_share_is_in_the_name(tmp_path):
    finals = {jungle(n_agents=n, n_neighbors=1): 0.5 for n in (10, 30)}

    built = report(tmp_path, finals)

    assert headings(built.text) == ["jungle,n_neighbors=1 by n_agents"]


def test_an_option_that_is_no_number_makes_no_study(tmp_path):
    cells = [
        recorded.cell(scenario="routing", options=options)
        for options in ((), (("coordinates", "lat_lon"),))
    ]
    runs = load_runs(grid(*cells), tmp_path)

    assert find_studies([variants([run]) for run in runs]) == ()


def test_a_true_or_false_option_makes_no_study(tmp_path):
    cells = [recorded.cell(scenario="jungle", options=o) for o in ((), (("planes", True),))]
    runs = load_runs(grid(*cells), tmp_path)

    assert find_studies([variants([run]) for run in runs]) == ()


def test_one_value_with_results_makes_no_figure_yet(tmp_path):
    done, missing = jungle(n_agents=10), jungle(n_agents=30)
    save(tmp_path, {done: 0.5})

    built = build_report(grid(done, missing), tmp_path)

    assert headings(built.text) == []
    assert not [f for f in built.figures if "-by-" in f.file]


def test_only_methods_with_two_values_have_a_line_and_missing_runs_are_counted(tmp_path):
    finals = {jungle(n_agents=10): 0.5, jungle(n_agents=30): 0.6, jungle("dgn", n_agents=10): 0.4}
    save(tmp_path, finals)
    missing = (jungle(n_agents=30, seed=1), jungle(n_agents=50), jungle("dgn", n_agents=30))

    built = build_report(grid(*finals, *missing), tmp_path)

    plot = figure(built, "jungle-default-by-n_agents.svg")
    assert [curve.name for curve in plot.curves] == ["LToS (2/4)", "bound"]
    rows = table(built.text, "## jungle by n_agents")
    assert rows["LToS"] == ["0.500", "0.600", "-", "2/4"]
    assert "DGN" not in rows


def test_policies_that_do_not_learn_stand_in_the_table_only(tmp_path):
    finals = {jungle("random", n_agents=n): 0.1 for n in (10, 30)}

    built = report(tmp_path, finals)

    assert table(built.text, "## jungle by n_agents")["random"] == ["0.100", "0.100", "2/2"]
    assert not [f for f in built.figures if "-by-" in f.file]


def test_the_papers_points_are_those_of_their_own_settings(tmp_path):
    fields = (("selfishness", 0.3),)
    finals = {jungle("fixed_ltos", n_agents=n, fields=fields): 0.1 for n in (10, 30)}

    built = report(tmp_path, finals)

    plot = figure(built, "jungle-default-by-n_agents.svg")
    assert {point.method for point in plot.stated} == {"bound"}
    assert "fixed LToS, selfishness=0.3, papers" not in built.text


def test_variants_of_one_method_have_different_styles_and_no_hollow_markers(tmp_path):
    fields = (("selfishness", 0.3),)
    finals = {
        jungle("fixed_ltos", n_agents=n, fields=chosen): 0.1
        for n in (10, 30)
        for chosen in (fields, ())
    }

    plot = figure(report(tmp_path, finals), "jungle-default-by-n_agents.svg")

    assert not plot.by_method
    assert plot.stated == ()


def test_study_figures_are_written_checked_and_the_same_byte_for_byte(tmp_path):
    chosen = save(tmp_path, {jungle(n_agents=n): 0.5 for n in (10, 30)})

    first = write_report(build_report(chosen, tmp_path), tmp_path / "a")
    second = write_report(build_report(chosen, tmp_path), tmp_path / "b")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert check_report(build_report(chosen, tmp_path), tmp_path / "a") == []
    (drawn,) = [path for path in first if path.name == "jungle-default-by-n_agents.svg"]
    (target,) = re.findall(r"\((\S+-by-n_agents\.svg)\)", first[0].read_text())
    assert first[0].parent / target == drawn


def test_papers_state_a_value_for_each_method_and_place_of_their_studies():
    entries = load_published("jungle")

    def at(method, **options):
        found = find_published(entries, method, "reward_per_step", options)
        return [entry.value for entry in found]

    assert [at("ltos", n_agents=n) for n in (10, 30, 40, 50)] == [[0.71], [0.88], [0.9], [0.91]]
    assert [at("bound", n_agents=n) for n in (10, 50)] == [[0.93], [0.97]]
    assert [at("ltos", n_neighbors=k) for k in (1, 2, 4, 5)] == [[0.83], [0.84], [0.66], [0.8]]
    assert np.ravel([at("dgn", n_agents=10), at("fixed_ltos", n_agents=10)]).tolist() == [
        0.52,
        0.63,
    ]
