"""Somebody else's environment in a grid: from a name in a TOML file to a report."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.config.cell import Budget
from harness.config.grid import load_grid
from harness.errors import ConfigurationError
from harness.training.worker import run_cell
from scenarios.base import Unavailable
from scenarios.pettingzoo.foreign import source_hash

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "simple_spread.toml"
QUICK = Budget(episodes=4, steps=0, evaluations=2, evaluation_episodes=1)
OWN = """
import numpy as np
from gymnasium.spaces import Box, Discrete

class Match:
    "Two players who both earn 1 when they do what the picture shows."

    def __init__(self, rounds=3):
        self.possible_agents, self.rounds = ["left", "right"], rounds

    def action_space(self, agent):
        return Discrete(2)

    def observation_space(self, agent):
        return Box(0, 1, (1,), np.float32)

    def reset(self, seed=None, options=None):
        self.rng, self.t = np.random.default_rng(seed), 0
        return self.look(), {}

    def look(self):
        self.picture = int(self.rng.integers(2))
        return {agent: np.array([self.picture], np.float32) for agent in self.possible_agents}

    def step(self, actions):
        earned = float(all(action == self.picture for action in actions.values()))
        self.t += 1
        return self.look(), *(
            dict.fromkeys(actions, what) for what in (earned, self.t >= self.rounds, False, {})
        )

parallel_env = Match
"""
GRID = """
description = "an environment of one's own"
[[sweep]]
scenario = "pettingzoo"
methods = ["dqn", "random"]
seeds = [0]
options.module = "match"
options.max_steps = 5
options.rounds = [2, 4]
options.graph = "empty"
budget = { episodes = 4, evaluations = 2, evaluation_episodes = 1 }
"""


@pytest.fixture
def here(folder) -> Path:
    pytest.importorskip("gymnasium", reason="gymnasium, of an optional extra, is absent")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "match", raising=False)
    source_hash.cache_clear()
    (tmp_path / "match.py").write_text(OWN)
    (tmp_path / "mine.toml").write_text(GRID)
    return tmp_path


def rewritten(here, old, new):
    assert old in GRID
    (here / "mine.toml").write_text(GRID.replace(old, new))
    return load_grid("mine.toml")


def test_options_of_the_environment_are_part_of_the_name(here):
    ids = [cell.id for cell in load_grid("mine.toml").cells]

    assert ids[0] == (
        "pettingzoo,graph=empty,max_steps=5,module=match,rounds=2,episodes=4,evaluations=2,"
        "evaluation_episodes=1/dqn/seed=0"
    )
    assert sum("rounds=4" in name for name in ids) == 2


def test_options_without_a_default_leave_no_trace_where_they_are_not_set(here):
    (cell, *_) = load_grid("mine.toml").cells

    assert cell.all_options == {"graph": "empty", "max_steps": 5, "module": "match", "rounds": 2}
    json.dumps(cell.all_options)


def test_the_default_graph_is_left_out(here):
    (cell, *_) = rewritten(here, '"empty"', '"complete"').cells

    assert "graph" not in cell.task
    assert cell.all_options["graph"] == "complete"


def test_an_edit_of_the_environment_makes_its_results_stale(here):
    (cell, *_) = load_grid("mine.toml").cells
    before, same = cell.fingerprint, replace(cell).fingerprint

    (here / "match.py").write_text(OWN.replace("earned = float", "earned = 2 * float"))
    source_hash.cache_clear()

    assert before == same != replace(cell).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('options.module = "match"', "", "sweep[0].options.module: missing; pettingzoo needs it"),
        ("options.max_steps = 5", "", "sweep[0].options.max_steps: missing; pettingzoo needs it"),
        ("max_steps = 5", 'max_steps = "5"', "sweep[0].options.max_steps: Input should be a val"),
        (
            "max_steps = 5",
            "max_steps = 0",
            "sweep[0].options.max_steps: Input should be at least 1",
        ),
        ('"empty"', '"ring"', "sweep[0].options.graph: Input should be 'complete' or 'empty'"),
        ("rounds", "round", "refuses the options {'round': 2}: TypeError: "),
        ("rounds", '"../rounds"', "sweep[0].options: '../rounds' is no name of an option"),
        ("rounds = [2, 4]", "rounds = nan", "sweep[0].options.rounds: should be finite numbers"),
        ("rounds", "steps", "sweep[0].options.steps: that is a budget's name"),
        ('"match"', '"match.py"', "there is no 'py' in match"),
        ('"match"', '"./match"', "module is './match'; it must be the dotted name of a module"),
    ],
)
def test_a_wrong_option_is_refused_while_the_grid_is_planned(here, old, new, says):
    with pytest.raises(ConfigurationError) as caught:
        rewritten(here, old, new)

    assert str(caught.value).startswith("mine.toml: sweep[0].options")
    assert says in str(caught.value)


def test_what_is_not_installed_is_unavailable_with_the_command_that_installs_it(folder, capsys):
    grid = rewritten(folder, '"match"', '"no_such_maze.maze_v0"')

    (reason,) = {cell.unavailable for cell in grid.cells}
    assert len(grid.cells) == 4
    assert all(cell.lacking for cell in grid.cells)
    assert "`pip install no_such_maze`" in reason
    for command in ("plan", "status", "run", "report"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--grid", "mine.toml"])
        assert ended.value.code == 0
    assert "4 unavailable" in capsys.readouterr().err
    # What a machine lacks is no part of a report, which says the same everywhere.
    assert "pip install" not in (folder / "reports/mine.md").read_text()


@pytest.mark.usefixtures("folder")
def test_nothing_in_square_brackets_gets_lost_on_the_console(capsys, monkeypatch):
    def needs_the_extra(module, options):
        raise Unavailable("`pip install 'ltos-bench[pettingzoo]'`")

    monkeypatch.setattr("scenarios.pettingzoo.scenario.make", needs_the_extra)

    for command in ("plan", "run"):
        with pytest.raises(SystemExit):
            main([command, "--grid", "mine.toml"])

    out, log = capsys.readouterr()
    assert "'ltos-bench[pettingzoo]'" in out
    assert "'ltos-bench[pettingzoo]'" in log


def test_a_star_means_every_method_that_suits_the_environment(here):
    methods = {cell.method for cell in rewritten(here, '["dqn", "random"]', '["*"]').cells}

    assert {"dqn", "dgn", "ltos", "qmix", "mappo", "coco_q"} <= methods  # of two agents


@pytest.mark.slow
def test_workers_find_the_environment_in_the_working_directory(here):
    def harness(*arguments):
        command = [sys.executable, "-m", "harness", *arguments, "--grid", "mine.toml"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    done = harness("run", "-j", "1")
    reported = harness("report")

    assert done.returncode == 0, done.stderr
    assert "4 done" in done.stderr
    assert reported.returncode == 0, reported.stderr
    report = (here / "reports/mine.md").read_text()
    assert re.search(r"\nFloor -?\d", report)  # nothing is known of a bound
    assert "by rounds" in report


def test_scenarios_are_listed_without_importing_any_environment():
    code = "import sys, scenarios; print(*scenarios.SCENARIOS, *sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    loaded = set(done.stdout.split())
    assert "pettingzoo" in loaded  # the name in the table ...
    assert not {"gymnasium", "mpe2", "pettingzoo.utils", "torch"} & loaded  # ... and no more


def example():
    pytest.importorskip("mpe2", reason="mpe2, an optional extra, is absent")
    return load_grid(EXAMPLE)


def test_the_example_grid_holds_four_learners_and_chance_on_three_seeds():
    grid = example()

    assert {cell.method for cell in grid.cells} == {"dqn", "dgn", "qmix", "ltos", "random"}
    assert {cell.seed for cell in grid.cells} == {0, 1, 2}
    assert not any(cell.unavailable for cell in grid.cells)
    (task,) = {cell.task for cell in grid.cells}
    assert task.startswith("pettingzoo,N=3,max_steps=25,module=mpe2.simple_spread_v3")


@pytest.mark.parametrize("method", ["dqn", "dgn", "qmix", "ltos", "random"])
def test_every_method_of_the_example_grid_runs(method):
    cell = next(cell for cell in example().cells if cell.method == method)

    rows = run_cell(replace(cell, budget=QUICK)).curve

    assert rows[-1]["metrics"]["return"] < 0
    assert rows[-1]["metrics"]["steps"] == 25
