"""Intervals promise what Student's t gives, and nothing where one run says nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from harness.stats.intervals import mean_interval, spread, summarize

samples = hnp.arrays(np.float64, st.integers(2, 12), elements=st.floats(-1e3, 1e3))


def test_interval_is_the_textbook_one():
    # mean 2, sd 1, n 3: half width 4.302653 / sqrt(3)
    assert mean_interval(np.array([1.0, 2.0, 3.0])) == pytest.approx((-0.484138, 4.484138))


@given(samples, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_interval_agrees_with_scipy(sample, level):
    scale = sample.std(ddof=1) / np.sqrt(len(sample))
    if scale < 1e-9:
        return  # scipy gives nan where all runs agree

    expected = stats.t.interval(level, len(sample) - 1, loc=sample.mean(), scale=scale)

    assert mean_interval(sample, level) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_equal_runs_have_an_interval_of_no_width():
    assert mean_interval(np.full(5, 0.25)) == (0.25, 0.25)


def test_one_run_has_no_interval():
    summary = summarize(np.array([0.97]))

    assert summary.interval is None
    assert (summary.n, summary.mean, summary.least, summary.most) == (1, 0.97, 0.97, 0.97)


def test_no_run_has_no_summary():
    with pytest.raises(ValueError, match="no values"):
        summarize(np.array([]))


@given(samples)
def test_mean_lies_between_least_and_most_and_inside_its_interval(sample):
    summary = summarize(sample)

    slack = 1e-9 * (1 + np.abs(sample).max())
    assert summary.least - slack <= summary.mean <= summary.most + slack
    assert summary.interval is not None
    assert summary.interval[0] <= summary.mean <= summary.interval[1]


def test_interval_of_five_normal_runs_covers_as_often_as_it_says():
    rng, hits = np.random.default_rng(0), 0

    for _ in range(2000):
        low, high = mean_interval(rng.normal(size=5))
        hits += low <= 0 <= high

    # five standard errors of a binomial share of .95 in 2000: false alarm below 1e-6
    assert abs(hits / 2000 - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(wrong):
    values = np.array([0.5, wrong, 0.7])

    with pytest.raises(ValueError, match="1 of 3 values are not finite"):
        mean_interval(values)
    with pytest.raises(ValueError, match="not finite"):
        summarize(values)


def test_equal_runs_have_a_spread_of_exactly_zero():
    # numpy's mean of ten times .97 is .9700000000000001
    assert np.full(10, 0.97).std(ddof=1) > 0
    assert spread(np.full(10, 0.97)) == 0.0
