"""Aggregates agree with rliable, on a scale that no competitor changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.stats.aggregate import (
    improvement,
    improvement_interval,
    iqm,
    iqm_interval,
    normalized,
)

runs, scenarios = st.integers(1, 12), st.shared(st.integers(1, 6))
score = st.floats(-10, 10) | st.sampled_from([0.0, 0.5, 1.0])  # the latter make ties
matrices = st.tuples(runs, scenarios).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=score)
)


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip(
        "rliable.metrics", reason="rliable (dependency group dev) is not installed"
    )


@given(matrices)
def test_iqm_agrees_with_rliable(oracle, scores):
    assert iqm(scores) == pytest.approx(oracle.aggregate_iqm(scores), rel=1e-12, abs=1e-12)


@given(matrices, matrices)
def test_improvement_agrees_with_rliable(oracle, scores, others):
    expected = oracle.probability_of_improvement(scores, others)

    assert improvement(scores, others) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_iqm_by_hand():
    # a quarter of eight is two: the mean of 3, 4, 5, 6
    assert iqm(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 800.0]])) == 4.5


def test_improvement_by_hand():
    # first scenario: 3 of 4 pairs won, second: one pair equal, three lost
    scores, others = np.array([[2.0, 0.0], [4.0, 1.0]]), np.array([[1.0, 1.0], [3.0, 2.0]])

    assert improvement(scores, others) == pytest.approx((3 / 4 + 0.5 / 4) / 2)


def test_floor_is_zero_and_bound_is_one_whichever_is_larger():
    assert normalized(np.array([96.3, 88.1, 92.2]), 96.3, 88.1) == pytest.approx([0, 1, 0.5])
    assert normalized(np.array([0.49, 0.97]), 0.49, 0.97) == pytest.approx([0, 1])


def test_the_same_stream_gives_the_same_interval():
    scores = np.random.default_rng(1).normal(size=(5, 3))

    first, again = (iqm_interval(scores, np.random.default_rng(7), 500) for _ in range(2))

    assert first == again
    assert first[0] < iqm(scores) < first[1]


def test_runs_are_resampled_within_their_scenario():
    # no run differs from the others of its scenario: nothing is left to chance
    scores = np.tile([0.0, 0.5, 1.0], (6, 1))

    assert iqm_interval(scores, np.random.default_rng(0), 200) == (0.5, 0.5)
    assert improvement_interval(scores, scores, np.random.default_rng(0), 200) == (0.5, 0.5)


def test_one_run_has_no_interval():
    scores = np.array([[0.1, 0.9]])

    assert iqm_interval(scores, np.random.default_rng(0)) is None
    assert improvement_interval(scores, scores, np.random.default_rng(0)) is None


def test_a_score_that_is_not_finite_is_refused():
    good, bad = np.zeros((2, 2)), np.array([[0.0, np.nan], [0.0, 0.0]])

    for refused in (lambda: iqm(bad), lambda: improvement(good, bad)):
        with pytest.raises(ValueError, match="not finite"):
            refused()
    for refused in (iqm_interval, lambda s, rng: improvement_interval(good, s, rng)):
        with pytest.raises(ValueError, match="not finite"):
            refused(bad, np.random.default_rng(0))
