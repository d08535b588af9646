"""What seeds can show follows from the noncentral t distribution."""

import numpy as np
import pytest
from scipy.stats import nct, t

from harness.stats.intervals import rank_ranges
from harness.stats.paired import detectable, seeds_needed


@pytest.mark.parametrize("n", [5, 10, 30])
def test_the_detectable_difference_is_shown_four_times_in_five(n):
    least = detectable(0.2, n)

    edge = t.ppf(0.975, n - 1)
    assert nct.sf(edge, n - 1, least / 0.2 * np.sqrt(n)) == pytest.approx(0.8, abs=1e-6)


def test_fewer_than_five_pairs_detect_nothing():
    assert detectable(0.2, 4) is None


def test_seeds_needed_are_those_of_a_textbook():
    # paired t test, two-sided 5 %, power .8: 34 pairs for half a standard deviation
    assert seeds_needed(0.5, 1.0) == 34
    assert seeds_needed(-0.5, 1.0) == 34


def test_seeds_needed_at_the_edges():
    assert seeds_needed(0.48, 0.0) == 5
    assert seeds_needed(0.001, 1.0) is None
    assert seeds_needed(0.0, 0.0) is None


def test_ranks_span_what_is_not_set_apart():
    # a before c and d, b before d; a and b, b and c, c and d are not set apart
    ahead = np.zeros((4, 4), bool)
    ahead[0, 2] = ahead[0, 3] = ahead[1, 3] = True

    assert rank_ranges(ahead) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_ranks_without_evidence_are_all_shared():
    assert rank_ranges(np.zeros((3, 3), bool)) == [(1, 3)] * 3
    assert rank_ranges(np.zeros((1, 1), bool)) == [(1, 1)]
