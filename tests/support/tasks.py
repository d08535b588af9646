"""A task per scenario for the checks and the golden files: its defaults, or else an example.

What is not installed here is skipped, with the reason.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.config.scenario import option_defaults
from harness.config.toml import Named
from scenarios import SCENARIOS
from scenarios.base import RestsOnFiles, Scenario, Unavailable

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "pettingzoo": {"N": 3, "max_steps": 25, "module": "mpe2.simple_spread_v3"},
    "traffic": {"max_steps": 30, "network": "grid_2x3"},  # the papers' grid takes long to play
}

QUICK_GRID = """
description = "two quick cells"
[[sweep]]
scenario = "prisoner"
methods = ["random", "dqn"]
seeds = [0]
budget = { episodes = 10, steps = 20, evaluations = 5, evaluation_episodes = 1 }
"""


def options(name: str) -> Named:
    """The options that differ from a scenario's defaults, as a cell has them."""
    return tuple(sorted(EXAMPLES.get(name, {}).items()))


def build(name: str) -> Scenario:
    """A scenario of the registry, ready to play."""
    try:
        return SCENARIOS[name](**EXAMPLES.get(name, {}))
    except Unavailable as error:
        pytest.skip(str(error))


def files(name: str) -> dict[str, str]:
    """Hashes of the files outside this project's code that a golden file rests on."""
    scenario = SCENARIOS[name]
    if not issubclass(scenario, RestsOnFiles):
        return {}
    try:
        return dict(scenario.file_hashes(option_defaults(name) | EXAMPLES.get(name, {})))
    except Unavailable as error:
        pytest.skip(str(error))


def skip_unless_recorded_here(name: str, recorded: Mapping[str, str]) -> None:
    """Skip a golden file that was recorded with another release of somebody else's code."""
    if recorded != files(name):
        pytest.skip(f"{name}: recorded with another release of {', '.join(recorded)}")
