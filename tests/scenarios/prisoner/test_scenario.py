"""Prisoner's payoffs and rules, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from scenarios.prisoner import Prisoner

L, R = 0, 1


def play(moves, *, rng=None, scenario=None):
    """Play pairs of moves; return the scenario and the last timestep."""
    scenario = scenario or Prisoner()
    ts = scenario.reset(rng or np.random.default_rng(0))
    for pair in moves:
        ts = scenario.step(np.array(pair))
    return scenario, ts


def positions(ts):
    """Cells of both agents, as agent 0 sees them."""
    return int(ts.obs[0, :9].argmax()), int(ts.obs[0, 9:18].argmax())


def returns(moves, **kwargs):
    """Each agent's undiscounted return."""
    scenario, total = Prisoner(), np.zeros(2)
    scenario.reset(kwargs.get("rng") or np.random.default_rng(0))
    for pair in moves:
        total += scenario.step(np.array(pair)).reward
    return total


def test_both_cooperate_and_get_97_hundredths_each():
    scenario, ts = play([(L, R)] * 3)

    assert ts.terminated
    assert scenario.metrics() == pytest.approx({"return": 0.97, "steps": 3, "collisions": 0})
    np.testing.assert_allclose(returns([(L, R)] * 3), [0.97, 0.97], rtol=1e-6)


def test_both_defect_and_get_49_hundredths_on_average():
    scenario, ts = play([(R, L)])

    assert ts.terminated
    assert scenario.metrics() == pytest.approx({"return": 0.49, "steps": 1, "collisions": 1})
    assert sorted(ts.reward) == pytest.approx([-0.01, 0.99])


def test_the_loser_of_a_collision_stays_where_it_was():
    _, ts = play([(R, L)])

    assert positions(ts) in {(4, 5), (3, 4)}
    assert ts.reward[0] == pytest.approx(0.99 if positions(ts)[0] == 4 else -0.01)


def test_a_collision_is_a_fair_coin():
    """A fair coin leaves 5 sigma once in 1.7 million; the seed is fixed."""
    rng, n = np.random.default_rng(7), 4000

    won = sum(play([(R, L)], rng=rng)[1].reward[0] > 0 for _ in range(n))

    assert abs(won - n / 2) < 5 * math.sqrt(n / 4)


@pytest.mark.parametrize(("pair", "payoff"), [((R, R), (0.99, -0.01)), ((L, L), (-0.01, 0.99))])
def test_who_defects_alone_takes_it_all(pair, payoff):
    scenario, ts = play([pair])

    assert ts.terminated
    np.testing.assert_allclose(ts.reward, payoff, rtol=1e-6)
    assert scenario.metrics()["return"] == pytest.approx(0.49)
    assert scenario.metrics()["collisions"] == 0


def test_both_may_reach_different_goals_at_once():
    _, ts = play([(L, R), (L, R), (L, R)])

    assert positions(ts) == (0, 8)
    np.testing.assert_allclose(ts.reward, [0.99, 0.99], rtol=1e-6)


def test_pacing_up_and_down_costs_a_hundredth_a_step_until_the_limit():
    scenario, ts = play([(L, R), (R, L)] * 3, scenario=Prisoner(max_steps=6))

    assert ts.truncated
    assert not ts.terminated
    assert scenario.metrics()["return"] == pytest.approx(-0.06)


def test_a_goal_at_the_step_limit_terminates():
    _, ts = play([(L, R)] * 3, scenario=Prisoner(max_steps=3))

    assert ts.terminated
    assert not ts.truncated


def test_observations_name_both_positions_and_the_agent_itself():
    ts = Prisoner().reset(np.random.default_rng(0))

    expected = np.zeros((2, 19), np.int8)
    expected[:, [3, 9 + 5]] = 1
    expected[1, 18] = 1
    np.testing.assert_array_equal(ts.obs, expected)


def test_the_papers_layout_is_symmetric():
    """Mirrored moves give mirrored positions, so neither agent has the better start."""
    _, ts = play([(L, R), (R, R)])
    _, mirrored = play([(L, R), (L, L)])

    a, b = positions(ts)
    assert positions(mirrored) == (8 - b, 8 - a)
