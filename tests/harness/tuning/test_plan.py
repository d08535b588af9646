"""Which studies a grid asks for, and what they compare."""

import dataclasses

import pytest

from harness.config import hparams
from harness.config.grid import load_grid, select
from harness.config.hparams import preset_values, read_tables
from harness.errors import ConfigurationError
from harness.tuning import plan as inheritance
from harness.tuning.plan import SEEDS, fields, inherits, plans
from methods import METHODS
from support.studies import write_grid

SWEEPS = """
description = "a reporting grid"
[[sweep]]
scenario = "jungle"
methods = ["dqn", "dgn", "random"]
seeds = [0, 1]
[[sweep]]
scenario = "jungle"
methods = ["dqn"]
preset = "paper"
seeds = [0, 1]
[[sweep]]
scenario = "prisoner"
methods = ["ltos", "fixed_ltos", "dgn"]
seeds = [0, 1]
[[sweep]]
scenario = "prisoner"
methods = ["fixed_ltos"]
fields.selfishness = [0.3]
seeds = [0]
"""


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SWEEPS)
    grid = load_grid(path)
    return grid, plans(grid, grid.cells)


def test_a_study_per_task_and_learning_method_at_preset_default_parents_first(asked):
    _, found = asked

    assert [plan.name for plan in found] == [
        "mine/jungle/dqn",
        "mine/jungle/dgn",
        "mine/prisoner/dgn",
        "mine/prisoner/ltos",
        "mine/prisoner/fixed_ltos",
    ]


def test_a_selection_asks_for_fewer(asked):
    grid, _ = asked

    found = plans(grid, select(grid.cells, "method=dgn,scenario=prisoner"))

    assert [plan.name for plan in found] == ["mine/prisoner/dgn"]


def test_a_run_is_counted_in_environment_steps(asked):
    jungle, *_, prisoner = asked[1]

    assert (jungle.cell.budget.episodes, jungle.cell.budget.steps) == (1, 300 * 120)
    assert jungle.run_steps == 300 * 120 + 119
    assert prisoner.cell.budget.steps == 10_000
    assert prisoner.run_steps == 10_049
    assert prisoner.trial_steps == 3 * 10_049


def test_a_reporting_grid_is_tuned_on_seeds_of_tuning(asked):
    assert {plan.seeds for plan in asked[1]} == {SEEDS}
    assert min(SEEDS) >= 1000


def test_a_tuning_grid_names_its_seeds(tmp_path):
    path = write_grid(tmp_path / "small.toml", "dqn")
    path.write_text(path.read_text().replace("[1000, 1001, 1002]", "[1005, 1003]"))
    grid = load_grid(path)

    assert plans(grid, grid.cells)[0].seeds == (1003, 1005)


def test_a_grid_without_anything_to_tune_is_refused(tmp_path):
    grid = load_grid(write_grid(tmp_path / "small.toml", "random"))

    with pytest.raises(ConfigurationError, match="grid small: no cell to tune"):
        plans(grid, grid.cells)


def test_the_metric_is_the_headline_and_its_direction_the_scenario_s(tmp_path):
    path = write_grid(tmp_path / "small.toml", "dqn")
    grid = load_grid(path)
    path.write_text(path.read_text().replace('"prisoner"', '"routing"'))
    routing = load_grid(path)

    assert plans(grid, grid.cells)[0].metric == "return"
    assert plans(grid, grid.cells)[0].maximize
    assert plans(routing, routing.cells)[0].metric == "delay"
    assert not plans(routing, routing.cells)[0].maximize


def test_a_preset_s_values_are_shown_as_far_as_the_ranges_hold_them(tmp_path):
    grid = load_grid(write_grid(tmp_path / "small.toml", "dqn"))
    plan = plans(grid, grid.cells)[0]

    assert plan.preset_parameters("default").keys() == plan.space.keys()
    assert "epsilon_min" not in plan.preset_parameters("paper")  # 0.8, beyond the range


def test_the_nested_ablation_differs_in_the_sharing_only():
    for heir in ("fixed_ltos", "ltos"):
        assert inherits(heir) == "dgn"
        assert fields("dgn") < fields(heir)
        assert not fields("dgn") & read_tables(heir)["search"]["all"].keys()
    assert {method for method in METHODS if inherits(method)} == {"fixed_ltos", "ltos"}


@pytest.mark.parametrize(
    ("parent", "search", "says"),
    [
        ("dgnn", {}, "inherits: no method 'dgnn'; did you mean 'dgn'"),
        ("ltos", {}, "inherits: ltos inherits itself; name its parent"),
        ("qmix", {}, "inherits: dqn has no field 'agent_id', which qmix has"),
        ("dqn", {"all": {"tau": {}}}, r"\[search.all\].tau: inherited from dqn; search it there"),
    ],
)
def test_a_wrong_parent_is_refused(monkeypatch, parent, search, says):
    real = read_tables

    def tables(method):
        return (
            {**real(method), "inherits": parent, "search": search}
            if method == "dqn"
            else (real(method))
        )

    monkeypatch.setattr(inheritance, "read_tables", tables)
    if parent == "dqn":
        monkeypatch.setattr(
            inheritance,
            "read_tables",
            lambda method: {"inherits": "dqn", "search": search} if method == "vdn" else {},
        )

    with pytest.raises(ConfigurationError, match=says):
        inherits("vdn" if parent == "dqn" else "dqn")


@pytest.fixture
def found_values(tmp_path, monkeypatch):
    """Have tuned values; returns a function that writes the file they stand in."""

    def found_values(text):
        path = tmp_path / "tuned.toml"
        path.write_text(text)
        monkeypatch.setattr(hparams, "_shipped", lambda: hparams.read_tuned(path))
        return path

    return found_values


TUNED = """
[dqn.prisoner]
study = "tuning/prisoner/dqn"
date = "2026-01-01T00:00:00Z"
trials = 21
budget = 126000
seeds = [1000, 1001, 1002]
score = 0.5

[dqn.prisoner.values]
learning_rate = 0.002
hidden = [16, 16]
"""
COLUMNS = """
description = "three columns"
[[sweep]]
scenario = "prisoner"
methods = ["dqn", "dgn", "random"]
preset = "tuned"
label = "tuned"
seeds = [0]
"""


def test_the_tuned_preset_is_the_default_with_what_was_found(found_values):
    found_values(TUNED)

    usual, tuned = (preset_values("dqn", "prisoner", preset) for preset in ("default", "tuned"))

    changed = {"learning_rate": 0.002, "hidden": (16, 16)}
    assert {name for name in usual if usual[name] != tuned[name]} == changed.keys()
    assert {name: tuned[name] for name in changed} == changed


def test_what_is_not_tuned_is_unavailable_and_says_so(found_values, tmp_path):
    found_values(TUNED)
    path = tmp_path / "columns.toml"
    path.write_text(COLUMNS)

    grid = load_grid(path)

    assert [cell.method for cell in grid.cells] == ["dqn", "dgn", "random"]
    reasons = {cell.method: cell.unavailable for cell in grid.cells if cell.unavailable}
    assert reasons == {
        "dgn": "dgn is not tuned on prisoner yet: `tune --write methods/hparams/tuned.toml` makes "
        "its preset"
    }
    with pytest.raises(ConfigurationError, match="dgn is not tuned on prisoner yet"):
        preset_values("dgn", "prisoner", "tuned")


def test_every_method_means_every_tuned_one(found_values, tmp_path):
    found_values(TUNED)
    path = tmp_path / "columns.toml"
    path.write_text(COLUMNS.replace('["dqn", "dgn", "random"]', '["*"]'))

    assert [cell.method for cell in load_grid(path).cells] == ["dqn"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("seeds = [3]", r"dqn.prisoner.seeds\[0\]: .*1000"),
        ("seeds = []", "dqn.prisoner.seeds: "),
        ("seeds = [1000]\nseed = 1", "dqn.prisoner.seed: unknown key; did you mean 'seeds'"),
        ("seeds = 1000", "dqn.prisoner.seeds: .*list"),
        ("seeds = [", "not valid TOML"),
    ],
)
def test_a_file_of_tuned_values_that_is_something_else_is_refused(found_values, wrong, says):
    found_values(TUNED.replace("seeds = [1000, 1001, 1002]", wrong))

    with pytest.raises(ConfigurationError, match=rf"(?s)tuned.toml.*{says}.*tune --write"):
        preset_values("dqn", "prisoner", "tuned")


def test_a_tuned_value_that_the_method_does_not_have_is_refused(found_values):
    found_values(TUNED.replace("learning_rate", "learning_rat"))

    with pytest.raises(ConfigurationError, match=r"'learning_rat'; did you mean 'learning_rate'"):
        preset_values("dqn", "prisoner", "tuned")


def test_every_field_of_a_config_has_a_home():
    for method in METHODS:
        names = {field.name for field in dataclasses.fields(METHODS[method].Config)}
        assert names == fields(method)
    assert hparams.PRESETS == ("paper", "default", "tuned")
