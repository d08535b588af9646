"""Our scenarios as PettingZoo environments; skipped where the optional extra is not installed."""

import warnings
from typing import Any

import numpy as np
import pytest

from scenarios import SCENARIOS
from scenarios.parallel import parallel_env

pettingzoo = pytest.importorskip("pettingzoo", reason="PettingZoo, an optional extra, is absent")
OURS = [("jungle", {"n_agents": 20}), ("jungle", {"n_agents": 5, "map_size": 8}), ("routing", {})]


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
    with pytest.raises(ValueError, match=r"n_foods\s+Input should be at least 1"):
        parallel_env("jungle", n_foods=0)
    with pytest.raises(ValueError, match=r"view is 10; .* odd"):
        parallel_env("jungle", view=10)
