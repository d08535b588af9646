"""PettingZoo, both ways; skipped where the optional extra is not installed."""

import sys
import types
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from scenarios import SCENARIOS
from scenarios.pettingzoo import PettingZooScenario, parallel_env

pettingzoo = pytest.importorskip("pettingzoo", reason="PettingZoo, an optional extra, is absent")
spaces = pytest.importorskip("gymnasium.spaces")
OURS = [("jungle", {"n_agents": 20}), ("jungle", {"n_agents": 5, "map_size": 8}), ("routing", {})]
FAKE = "a_module_of_this_test"


# ---- our scenarios as theirs ----------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), OURS)
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # raised while pettingzoo.test is imported
def test_every_scenario_passes_pettingzoos_own_tests(name: str, options: dict[str, Any]) -> None:
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(parallel_env(name, **options))
        parallel_seed_test(lambda: parallel_env(name, **options))


@pytest.mark.parametrize(("name", "options"), OURS)
def test_an_adapted_scenario_plays_as_the_scenario(name: str, options: dict[str, Any]) -> None:
    env, scenario = parallel_env(name, **options), SCENARIOS[name](**options)
    obs, infos = env.reset(seed=3)
    ts = scenario.reset(np.random.default_rng(3))
    assert isinstance(env, pettingzoo.ParallelEnv)
    while env.agents:
        for i, agent in enumerate(env.possible_agents):
            assert env.observation_space(agent).contains(obs[agent])
            np.testing.assert_array_equal(obs[agent], ts.obs[i])
            np.testing.assert_array_equal(infos[agent]["graph"], ts.graph[i])
            np.testing.assert_array_equal(infos[agent]["neighbors"], ts.neighbors[i])
            np.testing.assert_array_equal(infos[agent]["action_mask"], ts.action_mask[i])
        np.testing.assert_array_equal(env.state(), ts.obs)
        assert env.state_space.contains(env.state())
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        ts = scenario.step(np.array([actions[agent] for agent in env.agents]))
        obs, rewards, terminations, truncations, infos = env.step(actions)
        assert list(rewards.values()) == ts.reward.tolist()
        assert set(terminations.values()) == {ts.terminated}
        assert set(truncations.values()) == {ts.truncated}
    assert ts.last


def test_a_sample_is_an_allowed_action_and_a_masked_one_is_refused() -> None:
    env = parallel_env("routing")
    _, infos = env.reset(seed=0)
    space, mask = env.action_space("agent_10"), infos["agent_10"]["action_mask"]
    assert mask.tolist() == [1, 0, 0, 0]  # Vancouver has one neighbor

    assert {int(space.sample()) for _ in range(20)} == {0}
    with pytest.raises(ValueError, match="agent 10 plays 2, masked"):
        env.step({agent: 2 * (agent == "agent_10") for agent in env.agents})
    with pytest.raises(ValueError, match="actions lack agent_0"):
        env.step({})


def test_without_a_seed_the_stream_goes_on() -> None:
    env = parallel_env("jungle")
    first, second = env.reset(seed=1)[0], env.reset()[0]

    again, once_more = env.reset(seed=1)[0], env.reset()[0]

    assert any((first[a] != second[a]).any() for a in first)
    for agent in first:
        np.testing.assert_array_equal(first[agent], again[agent])
        np.testing.assert_array_equal(second[agent], once_more[agent])


def test_an_unknown_scenario_or_a_bad_option_is_refused() -> None:
    with pytest.raises(ValueError, match="scenario is 'forest'; there are prisoner, jungle"):
        parallel_env("forest")
    with pytest.raises(ValueError, match="n_foods is 0"):
        parallel_env("jungle", n_foods=0)


# ---- theirs as ours -------------------------------------------------------------------------


class Toy:
    """A parallel environment that does what a test asks for."""

    def __init__(
        self, n: int = 3, life: int = 99, dies: int | None = None, unequal: str = "", **odd: Any
    ) -> None:
        self.possible_agents = [f"p{i}" for i in range(n)]
        self.life, self.dies, self.unequal, self.odd = life, dies, unequal, odd

    def action_space(self, agent: str) -> Any:
        last = self.unequal == "action" and agent == self.possible_agents[-1]
        return self.odd.get("actions") or spaces.Discrete(3 + last)

    def observation_space(self, agent: str) -> Any:
        last = self.unequal == "observation" and agent == self.possible_agents[-1]
        return self.odd.get("observations") or spaces.Box(0, 9, (2, 1 + last), np.float64)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        self.t, self.seed, self.agents = 0, seed, list(self.possible_agents)
        return self.look(), self.infos()

    def look(self) -> Mapping[str, np.ndarray]:
        return {a: np.array([[self.t], [i]], float) for i, a in enumerate(self.possible_agents)}

    def infos(self) -> Mapping[str, Any]:
        mask = np.array([1, 1, self.t % 2], np.int8)
        return {agent: {"action_mask": mask} for agent in self.possible_agents}

    def step(self, actions: Mapping[str, int]) -> tuple[Any, ...]:
        self.t += 1
        ended = dict.fromkeys(self.possible_agents, self.t >= self.life)
        if self.t == self.dies:
            ended[self.possible_agents[1]] = True
        rewards = {agent: float(action) for agent, action in actions.items()}
        return self.look(), rewards, ended, dict.fromkeys(ended, False), self.infos()


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(FAKE)
    module.parallel_env = Toy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, FAKE, module)


def test_a_parallel_environment_becomes_a_scenario() -> None:
    scenario = PettingZooScenario(module=FAKE, max_steps=4)
    ts = scenario.reset(np.random.default_rng(0))

    assert scenario.spec.n_agents == 3
    assert (scenario.spec.n_actions, scenario.spec.n_features) == (3, 2)
    assert scenario.spec.obs_dtype == np.float32
    assert ts.obs.tolist() == [[0, 0], [0, 1], [0, 2]]
    assert ts.action_mask.tolist() == [[True, True, False]] * 3
    assert ts.neighbors.tolist() == [[1, 2], [0, 2], [0, 1]]

    ts = scenario.step(np.array([0, 1, 1]))

    assert ts.reward.tolist() == [0, 1, 1]
    assert ts.action_mask.all()
    assert not ts.last
    with pytest.raises(ValueError, match="agent 1 plays 3, outside"):
        scenario.step(np.array([0, 3, 0]))
    for _ in range(3):
        ts = scenario.step(np.array([0, 0, 0]))
    assert (ts.truncated, ts.terminated, ts.step) == (True, False, 4)
    assert scenario.metrics() == {"return": pytest.approx(2 / 3), "steps": 4}
    with pytest.raises(ValueError, match="reset first"):
        scenario.step(np.array([0, 0, 0]))


def test_an_end_of_its_own_is_an_end() -> None:
    scenario = PettingZooScenario(module=FAKE, max_steps=9, life=2, graph="empty")
    ts = scenario.reset(np.random.default_rng(0))
    assert ts.graph.tolist() == np.eye(3, dtype=np.bool_).tolist()
    assert ts.neighbors.shape == (3, 0)

    ts = [scenario.step(np.array([0, 0, 0])) for _ in range(2)][-1]

    assert (ts.truncated, ts.terminated) == (False, True)


def test_floor_and_bound_come_from_random_episodes_or_from_the_user() -> None:
    probed = PettingZooScenario(module=FAKE, max_steps=4)
    stated = PettingZooScenario(module=FAKE, max_steps=4, floor=-1.0, bound=8.0)

    assert 0 < probed.floor["return"] < probed.bound["return"] < 8
    assert (stated.floor, stated.bound) == ({"return": -1.0}, {"return": 8.0})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "max_steps is None; .* needs a limit"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"max_steps": 5, "graph": "ring"}, "graph is 'ring'; it must be one of complete, empty"),
        ({"max_steps": 5, "module": "no_such"}, "module is 'no_such'.*installed"),
        ({"max_steps": 5, "module": ""}, "module is ''"),
        ({"max_steps": 5, "module": "json"}, "module is 'json'.*no attribute 'parallel_env'"),
        ({"max_steps": 5, "n": [1]}, r"options are \{'n': \[1\]\}"),
        ({"max_steps": 5, "dies": 3}, "p1 is gone after step 3 while others live"),
        ({"max_steps": 5, "unequal": "action"}, r"p0 are .*Discrete\(3\).* p2 are.*equal"),
        ({"max_steps": 5, "unequal": "observation"}, "p0 .* p2 .* must be equal"),
        ({"max_steps": 5, "actions": "box"}, "actions are Box.* must be Discrete"),
        ({"max_steps": 5, "observations": "discrete"}, "observations are .* must be a Box"),
    ],
)
def test_an_environment_of_another_kind_is_refused(options: dict[str, Any], message: str) -> None:
    known = {"box": spaces.Box(0, 1, (2,)), "discrete": spaces.Discrete(4)}
    chosen = {k: known.get(v, v) if isinstance(v, str) else v for k, v in options.items()}

    with pytest.raises(ValueError, match=message):
        PettingZooScenario(**({"module": FAKE} | chosen))


def test_simple_spread_obeys_the_laws_of_a_scenario() -> None:
    pytest.importorskip("mpe2", reason="mpe2, an optional extra, is absent")
    scenario = PettingZooScenario(module="mpe2.simple_spread_v3", max_steps=10, N=4)
    episodes = []
    for _ in range(2):
        rng, ts = np.random.default_rng(2), scenario.reset(np.random.default_rng(1))
        seen = [ts]
        while not ts.last:
            ts = scenario.step(scenario.references()["random"](ts, rng))
            seen.append(ts)
        episodes.append(seen)

    assert scenario.spec.n_agents == 4
    assert len(episodes[0]) == 11
    for a, b in zip(*episodes, strict=True):
        np.testing.assert_array_equal(a.obs, b.obs)
        np.testing.assert_array_equal(a.reward, b.reward)
