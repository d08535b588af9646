"""Pairs of runs show what all possible signs of their differences make unlikely, and no more."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from harness.stats.intervals import mean_interval
from harness.stats.paired import (
    effect_size,
    holm,
    pairing,
    shows_above,
    sign_flip_p,
    t_test_p,
)

# eighths: sums of them are exact, so that ties are ties
gaps = hnp.arrays(np.float64, st.integers(2, 8), elements=st.integers(-40, 40).map(lambda x: x / 8))


def rng():
    return np.random.default_rng(0)


def by_all_signs(differences, alternative):
    """Try every sign pattern, one by one."""
    means = [
        np.mean(np.array(signs) * differences)
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    mean = np.mean(differences)
    above = np.mean([m >= mean for m in means])
    below = np.mean([m <= mean for m in means])
    return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[
        alternative
    ]


@given(gaps, st.sampled_from(["two-sided", "greater", "less"]))
def test_p_counts_the_sign_patterns_that_are_as_extreme(differences, alternative):
    assert sign_flip_p(differences, rng(), alternative) == pytest.approx(
        by_all_signs(differences, alternative)
    )


def test_p_does_not_depend_on_the_order_in_which_differences_are_added_up():
    differences = [0.1, 0.2, -0.3, 0.4, -0.4]  # some sums are zero but for their last bits

    orders = itertools.permutations(differences)
    found = {sign_flip_p(np.array(order), rng()) for order in itertools.islice(orders, 60)}

    assert found == {1.0}


def test_an_interval_that_ends_at_the_threshold_shows_nothing_above_it():
    differences = np.array([0.1 + 0.2 - 0.28] * 5)  # 0.02, and a little more

    assert mean_interval(differences)[0] > 0.02
    assert not shows_above(differences, 0.02, rng())


def test_p_of_differences_of_one_sign_is_the_share_of_two_patterns():
    assert sign_flip_p(np.full(5, 0.48), rng()) == 2 / 2**5
    assert sign_flip_p(np.arange(1.0, 11.0), rng(), "greater") == 1 / 2**10


def test_p_of_many_pairs_comes_from_random_signs_of_the_given_stream():
    differences = np.random.default_rng(1).normal(0.3, 1, size=25)

    first, again = (sign_flip_p(differences, rng()) for _ in range(2))

    assert first == again
    assert first == pytest.approx(t_test_p(differences), abs=0.03)


def test_no_difference_is_no_evidence():
    assert sign_flip_p(np.zeros(6), rng()) == 1.0
    assert effect_size(np.zeros(6)) == 0.0
    assert t_test_p(np.zeros(6)) == 1.0


@given(gaps)
def test_t_test_agrees_with_scipy(differences):
    if np.ptp(differences) == 0:
        return  # scipy warns and gives nan

    assert t_test_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_effect_is_hedges_g():
    # mean 2, sd 1, n 3: 2 * (1 - 3 / 7)
    assert effect_size(np.array([1.0, 2.0, 3.0])) == pytest.approx(8 / 7)
    assert effect_size(np.full(4, -0.5)) == -np.inf


def test_equal_pairs_are_half_a_win():
    found = pairing(np.array([0.0, 0.0, 1.0, -1.0, 2.0]), rng())

    assert (found.n, found.mean, found.wins) == (5, 0.4, 3.0)


def test_one_pair_has_a_difference_and_nothing_else():
    found = pairing(np.array([0.3]), rng())

    assert (found.n, found.mean, found.wins) == (1, 0.3, 1.0)
    assert found.interval is found.effect is found.p is None


def test_two_pairs_have_an_interval_and_a_p_that_decides_nothing():
    found = pairing(np.array([0.3, 0.3]), rng())

    assert found.interval == (0.3, 0.3)
    assert found.p == 0.5


def test_no_pair_and_no_number_are_refused():
    with pytest.raises(ValueError, match="common seed"):
        pairing(np.array([]), rng())
    with pytest.raises(ValueError, match="not finite"):
        pairing(np.array([0.1, np.nan]), rng())


def test_holm_by_hand():
    # smallest times 4, next times 3 ..., never falling
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_four_alike_pairs_show_nothing_and_five_do():
    assert not shows_above(np.full(4, 0.48), 0.0, rng())
    assert shows_above(np.full(5, 0.48), 0.0, rng())
    assert not shows_above(np.full(5, 0.48), 0.5, rng())
    assert not shows_above(-np.full(5, 0.48), 0.0, rng())


def test_the_interval_has_to_lie_above_not_just_the_signs():
    # all five above zero, but one of them so far that the interval reaches below
    spread_out = np.array([0.1, 0.1, 0.1, 0.1, 5.0])

    assert sign_flip_p(spread_out, rng(), "greater") == 1 / 2**5
    assert not shows_above(spread_out, 0.0, rng())


def test_the_signs_have_to_agree_not_just_the_interval():
    # mean .08, half width .056: above zero; but two of 32 sign patterns are as extreme
    one_against = np.array([0.1, 0.1, 0.1, 0.1, -0.001])

    assert mean_interval(one_against)[0] > 0.02
    assert sign_flip_p(one_against, rng(), "greater") == 2 / 2**5
    assert not shows_above(one_against, 0.0, rng())
