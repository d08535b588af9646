"""What `plan` calls available really trains, whatever method and scenario are paired."""

import sys
import types

import numpy as np
import pytest

from harness.config.grid import load_grid
from harness.training.loop import Training
from methods import METHODS

MODULE = "an_environment_of_pairs"
PLACES = {
    "prisoner": "options = { max_steps = 6 }",
    "jungle": "options = { n_agents = 4, n_neighbors = 2, map_size = 8, view = 3, max_steps = 6 }",
    "traffic": 'options = { network = "grid_1x1", max_steps = 6 }',  # one agent
    "routing": "options = { km_per_step = 1350.0, max_steps = 5 }",
    "pettingzoo": f'options = {{ module = "{MODULE}", max_steps = 6, graph = "empty" }}',
}
SOON = {  # so that every method learns within an episode
    "hidden": [[8]],
    "high_level_hidden": [[8]],
    "warm_up": 2,
    "update_every": 1,
    "sample_size": 4,
    "batch_size": 2,
    "rollout": 4,
    "high_level_start": 0,
    "high_level_update_every": 1,
    "high_level_sample_size": 4,
    "high_level_batch_size": 2,
}


class Toy:
    """Equal agents that see chance and are paid for their action."""

    def __init__(self, n: int = 3) -> None:
        self.possible_agents = self.agents = [f"p{i}" for i in range(n)]

    def observation_space(self, agent):
        return pytest.importorskip("gymnasium").spaces.Box(-1, 1, (2,), np.float32)

    def action_space(self, agent):
        return pytest.importorskip("gymnasium").spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        self._rng = np.random.default_rng(seed)
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions):
        going = dict.fromkeys(self.agents, False)
        paid = {agent: float(action) for agent, action in actions.items()}
        return self._seen(), paid, going, going, {agent: {} for agent in self.agents}

    def _seen(self):
        return {agent: self._rng.random(2).astype(np.float32) for agent in self.agents}


@pytest.mark.parametrize("scenario", PLACES)
def test_every_pair_that_plan_calls_available_trains(tmp_path, monkeypatch, scenario):
    if scenario == "pettingzoo":
        pytest.importorskip("pettingzoo")
        module = types.ModuleType(MODULE)
        module.parallel_env = Toy
        monkeypatch.setitem(sys.modules, MODULE, module)
        monkeypatch.setattr("scenarios.pettingzoo.scenario.source_hash", lambda package: "0")
    path = tmp_path / "mine.toml"
    path.write_text("".join(sweep(name, scenario, PLACES[scenario]) for name in METHODS))

    cells = load_grid(path).cells

    assert len(cells) == len(METHODS)
    for cell in cells:
        if cell.unavailable:
            assert cell.method in ("coco_q", "joint_dqn"), cell.unavailable
            continue
        training = Training(cell)
        row = training.advance()
        assert training.done
        assert not METHODS[cell.method].learns or row["train"], f"{cell.id} learned nothing"


def sweep(method: str, scenario: str, options: str) -> str:
    names = METHODS[method].Config.__dataclass_fields__
    fields = {name: value for name, value in SOON.items() if name in names}
    if method == "reference":
        fields = {"policy": f'"{REFERENCES[scenario]}"'}
    return (
        f'[[sweep]]\nscenario = "{scenario}"\nmethods = ["{method}"]\nseeds = [0]\n{options}\n'
        "budget = { episodes = 2, evaluations = 1, evaluation_episodes = 1, steps = 0 }\n"
        f"fields = {{ {', '.join(f'{name} = {value}' for name, value in fields.items())} }}\n"
    )


REFERENCES = {
    "prisoner": "defect",
    "jungle": "greedy",
    "traffic": "random",
    "routing": "random",
    "pettingzoo": "random",
}
