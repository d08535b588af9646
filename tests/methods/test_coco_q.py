"""Coco values of known games, and Coco-Q's table against a hand computation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.coco_q import CocoQ, coco_values, zero_sum_value
from scenarios.prisoner import COOPERATE, Prisoner
from support.toys import Line

# Arrays of at least 1e-3 or 0: differences of values below that vanish in sums of tens.
payoffs = st.integers(-50, 50).map(lambda n: n / 4)
square = hnp.arrays(np.float64, (3, 3), elements=payoffs)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param([[3, 0], [5, 1]], [[3, 5], [0, 1]], (3.0, 3.0), id="prisoners' dilemma"),
        pytest.param([[2, 0], [0, 1]], [[1, 0], [0, 2]], (1.5, 1.5), id="battle of the sexes"),
        pytest.param([[1, -1], [-1, 1]], [[-1, 1], [1, -1]], (0.0, 0.0), id="matching pennies"),
        # Best joint outcome 10 + 0; the zero-sum rest [[5, -2], [-1, -.5]] has the mixed value
        # (5 * -.5 - 2 * 1) / (5 - .5 + 2 + 1) = .0588...: 5 +- that.
        pytest.param([[10, 0], [0, 1]], [[0, 4], [2, 0]], (5.0588, 4.9412), id="mixed"),
        pytest.param([[4, 1], [2, 0]], [[4, 1], [2, 0]], (4.0, 4.0), id="identical payoffs"),
    ],
)
def test_coco_values_of_known_games(a, b, expected):
    values = coco_values(np.array(a, float), np.array(b, float))

    np.testing.assert_allclose(values, expected, atol=5e-5)


def test_a_game_without_saddle_point_of_three_actions_needs_a_linear_program():
    rock_paper_scissors = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])

    assert zero_sum_value(rock_paper_scissors) == pytest.approx(0, abs=1e-9)
    assert zero_sum_value(rock_paper_scissors + 2.5) == pytest.approx(2.5)


@given(a=square, b=square, c=payoffs)
def test_coco_values_split_the_best_sum_and_follow_a_player_s_bonus(a, b, c):
    values = coco_values(a, b)

    np.testing.assert_allclose(values.sum(), (a + b).max(), atol=1e-8)
    np.testing.assert_allclose(coco_values(a + c, b), values + np.array([c, 0]), atol=1e-8)


@given(a=square)
def test_coco_value_of_a_zero_sum_game_is_its_minimax_value(a):
    values = coco_values(a, -a)

    np.testing.assert_allclose(values, [zero_sum_value(a), -zero_sum_value(a)], atol=1e-8)


@pytest.fixture
def coco_q():
    scenario = Prisoner()
    return scenario, CocoQ(
        scenario.spec, build_config("coco_q", "prisoner", "paper"), method_rngs(0)
    )


def test_an_update_moves_both_values_half_way_to_reward_and_coco_value(coco_q):
    scenario, method = coco_q
    start = scenario.reset(np.random.default_rng(0))
    outward = scenario.step(COOPERATE)

    method.observe(start, COOPERATE, outward)
    method.observe(start, COOPERATE, outward)

    # Nothing is known beyond, so the target is the reward -.01: half of it, then three quarters.
    np.testing.assert_allclose(method._values(start)[:, 0, 1], [-0.0075, -0.0075], rtol=1e-6)


def test_three_players_are_refused():
    spec = Line(n_agents=3).spec

    assert "two agents" in CocoQ.unsuitable(spec, None)
    with pytest.raises(ValueError, match="two agents"):
        CocoQ(spec, build_config("coco_q", "prisoner", "paper"), method_rngs(0))
