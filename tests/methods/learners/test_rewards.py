"""Reward views by hand, and the Q-learners that use them against those that do not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.learners.rewards import hop_distances, inequity, mean, smoothed, spatial
from support.games import MatrixGame, TwoStepGame
from support.toys import Line

PATH = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], np.bool_)  # 0 - 1 - 2
REWARD = np.array([1, 10, 100], np.float32)
RESTS = hnp.arrays(np.float32, 5, elements=st.floats(-100, 100, width=32))
GRAPHS = hnp.arrays(np.bool_, (5, 5)).map(lambda drawn: drawn | np.eye(5, dtype=np.bool_))


def views(reward, alpha, *, normalize):
    return spatial(reward, hop_distances(PATH), alpha, normalize=normalize)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(0.0, [1, 10, 100]), (0.5, [31, 60.5, 105.25]), (1.0, [111, 111, 111])],
)
def test_a_spatial_reward_on_a_path_is_what_paper_and_pencil_say(alpha, expected):
    np.testing.assert_array_equal(views(REWARD, alpha, normalize=False), expected)


def test_a_normalized_spatial_reward_leaves_equal_rewards_as_they_are():
    same = np.full(3, 7, np.float32)

    np.testing.assert_allclose(views(same, 0.5, normalize=True), same, rtol=1e-6)
    np.testing.assert_allclose(
        views(REWARD, 0.5, normalize=True), [31 / 1.75, 60.5 / 2, 105.25 / 1.75], rtol=1e-6
    )


def test_whom_nobody_can_reach_counts_nothing_even_undiscounted():
    one_way = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], np.bool_)  # 0 -> 1, 2 alone

    viewed = spatial(REWARD, hop_distances(one_way), 1.0, normalize=False)

    np.testing.assert_array_equal(viewed, [11, 10, 100])


@given(GRAPHS)
def test_hop_distances_are_the_lengths_of_shortest_walks(graph):
    expected = np.where(np.eye(5, dtype=np.bool_), 0.0, np.where(graph, 1.0, np.inf))
    for k in range(5):  # Floyd and Warshall
        expected = np.minimum(expected, expected[:, [k]] + expected[[k], :])

    np.testing.assert_array_equal(hop_distances(graph), expected)


@given(RESTS)
def test_the_mean_view_conserves_what_was_earned(reward):
    viewed = mean(reward)

    assert np.ptp(viewed) == 0
    assert viewed.sum() == pytest.approx(reward.sum(), abs=1e-3)


@given(RESTS, st.floats(-10, 10, width=32), GRAPHS)
def test_equals_feel_no_inequity(reward, level, graph):
    trace = np.full(5, level, np.float32)

    np.testing.assert_array_equal(inequity(reward, trace, graph, 5.0, 0.05), reward)


def test_inequity_costs_by_the_mean_lead_of_neighbors_and_over_them():
    felt = inequity(np.zeros(3, np.float32), REWARD, PATH, 5.0, 0.5)

    behind = [5 * 9, 5 * 90 / 2, 0]
    before = [0, 0.5 * 9 / 2, 0.5 * 90]
    np.testing.assert_allclose(felt, -np.add(behind, before), rtol=1e-6)


@given(RESTS, RESTS)
def test_who_has_no_neighbor_feels_no_inequity(reward, trace):
    alone = np.eye(5, dtype=np.bool_)

    np.testing.assert_array_equal(inequity(reward, trace, alone, 5.0, 0.05), reward)


def test_traces_fade_by_their_decay():
    trace = np.zeros(3, np.float32)

    for _ in range(3):
        trace = smoothed(trace, REWARD, 0.5)

    np.testing.assert_array_equal(trace, 1.75 * REWARD)


SMALL = {"hidden": (8,), "warm_up": 8, "sample_size": 8, "batch_size": 8, "update_every": 1}


def trained(name, scenario, episodes=10, **fields):
    """A method after some episodes, and all it was given to learn from."""
    config = build_config(name, "line", "default", tuple((SMALL | fields).items()))
    method = METHODS[name](scenario.spec, config, method_rngs(0))
    world, act = np.random.default_rng(1), np.random.default_rng(2)
    for _ in range(episodes):
        ts = scenario.reset(world)
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            method.observe(ts, actions, next_ts)
            ts = next_ts
    return method


def learned(method):
    return torch.cat([p.detach().flatten() for p in method._network.parameters()])


@pytest.mark.parametrize("name", ["dqn", "dgn"])
def test_the_team_reward_of_one_agent_is_its_own(name):
    team, own = (trained(prefix + name, Line(n_agents=1)) for prefix in ("team_", ""))

    assert torch.equal(learned(team), learned(own))


@pytest.mark.parametrize("name", ["dqn", "dgn"])
def test_without_aversion_inequity_changes_nothing(name):
    none = {"disadvantage": 0.0, "advantage": 0.0}

    averse, plain = trained(f"inequity_{name}", Line(), **none), trained(name, Line())

    assert torch.equal(learned(averse), learned(plain))


@pytest.mark.parametrize("name", ["team_dqn", "team_dgn"])
def test_a_team_learns_from_the_mean_reward(name):
    method = trained(name, Line(n_agents=4))
    own = trained(name.removeprefix("team_"), Line(n_agents=4), episodes=1)

    stored = method._replay._data["reward"][:5]

    np.testing.assert_array_equal(stored, stored[:, :1].repeat(4, axis=1))
    np.testing.assert_allclose(stored[:, 0], own._replay._data["reward"][:5].mean(axis=1))


@pytest.mark.parametrize("name", ["inequity_dqn", "inequity_dgn"])
def test_smoothed_rewards_start_anew_with_every_episode(name):
    """In the two-step game the second step pays both alike: nobody may ever feel anything."""
    method = trained(name, TwoStepGame(), disadvantage=5.0, advantage=1.0)
    apart = trained(name, Unequal(), disadvantage=1.0, advantage=0.0, trace_decay=1.0)

    assert set(method._replay._data["reward"][:20].flatten()) <= {0.0, 1.0, 7.0, 8.0}
    np.testing.assert_array_equal(apart._replay._data["reward"][:10], [[1.0, -1.0]] * 10)


class Unequal(MatrixGame):
    """One step that pays agent 0 only."""

    def __init__(self):
        super().__init__([[0, 0], [0, 0]])

    def play(self, actions):
        return np.array([1, 0], np.float32), True


def test_rewards_of_others_are_discounted_by_distance():
    path = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=np.bool_)
    reward = np.array([1, 10, 100], np.float32)
    distance = hop_distances(path)

    assert spatial(reward, distance, 0.5, normalize=False).tolist() == [31, 60.5, 105.25]
    assert spatial(reward, distance, 1.0, normalize=False).tolist() == [111, 111, 111]
