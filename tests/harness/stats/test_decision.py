"""Claims hold, fail or stay open; numbers of papers match, are close, better or worse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.stats.decision import (
    Decision,
    Relation,
    Verdict,
    decide,
    seeds_to_decide,
    verdict,
)

MARGIN = 0.02
NOISE = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])


def decided(relation, advantage):
    return decide(relation, advantage, MARGIN, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("mean", "better", "not_better", "like"),
    [
        (0.5, "holds", "does not hold", "does not hold"),
        (0.01, "holds", "does not hold", "holds"),  # small, but there
        (0.0, "does not hold", "holds", "holds"),
        (-0.01, "does not hold", "holds", "holds"),
        (-0.5, "does not hold", "holds", "does not hold"),
        (0.021, "holds", "does not hold", "undecided"),
    ],
)
def test_clear_differences_decide_every_relation(mean, better, not_better, like):
    advantage = mean + NOISE

    assert decided(Relation.BETTER, advantage) == better
    assert decided(Relation.NOT_BETTER, advantage) == not_better
    assert decided(Relation.LIKE, advantage) == like


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("advantage", [np.full(4, 0.5), np.array([0.5]), np.array([])])
def test_fewer_than_five_pairs_leave_every_claim_open(relation, advantage):
    assert decided(relation, advantage) == Decision.UNDECIDED


def test_equal_runs_of_five_seeds_decide():
    assert decided(Relation.BETTER, np.full(5, 0.48)) == Decision.HOLDS
    assert decided(Relation.BETTER, np.zeros(5)) == Decision.FAILS
    assert decided(Relation.LIKE, np.zeros(5)) == Decision.HOLDS


def test_noise_leaves_a_claim_open_and_says_how_many_seeds_it_takes():
    advantage = np.array([-1.0, -0.3, 0.2, 0.9, 1.2])

    assert decided(Relation.BETTER, advantage) == Decision.UNDECIDED
    # mean .2, sd .9: a paired t test of d = .22 takes about 7.85 / d^2 pairs
    assert seeds_to_decide(Relation.BETTER, advantage, MARGIN) == pytest.approx(160, abs=8)


@given(
    st.sampled_from(list(Relation)),
    hnp.arrays(np.float64, st.integers(2, 8), elements=st.floats(-1, 1)),
)
def test_seeds_to_decide_are_more_than_there_are(relation, advantage):
    needed = seeds_to_decide(relation, advantage, MARGIN)

    assert needed is None or len(advantage) < needed <= 1000


def test_one_pair_does_not_say_how_many_seeds_it_takes():
    assert seeds_to_decide(Relation.BETTER, np.array([0.3]), MARGIN) is None


def judged(values, published=0.8, tolerance=0.0, higher=True):
    return verdict(
        np.array(values), published, tolerance=tolerance, margin=0.05, higher_is_better=higher
    )


def test_a_number_inside_a_narrow_interval_is_a_match():
    assert judged([0.78, 0.80, 0.82]) == Verdict.MATCH
    assert judged([0.8, 0.8, 0.8]) == Verdict.MATCH


def test_a_number_just_outside_is_close():
    assert judged([0.77, 0.77, 0.77]) == Verdict.CLOSE
    assert judged([0.84, 0.84, 0.84]) == Verdict.CLOSE


def test_a_number_far_outside_is_better_or_worse_as_the_metric_is_read():
    assert judged([0.90, 0.91, 0.92]) == Verdict.BETTER
    assert judged([0.90, 0.91, 0.92], higher=False) == Verdict.WORSE
    assert judged([0.3, 0.3]) == Verdict.WORSE
    assert judged([0.3, 0.3], higher=False) == Verdict.BETTER


def test_an_interval_that_holds_everything_matches_nothing():
    assert judged([0.0, 0.1, 1.4]) == Verdict.TOO_WIDE
    assert Verdict.TOO_WIDE.startswith("not comparable: ")


def test_one_run_is_not_comparable():
    assert judged([0.8]) == Verdict.ONE_RUN
    assert Verdict.ONE_RUN.startswith("not comparable: ")


def test_a_rounded_number_matches_whatever_rounds_to_it():
    assert judged([0.49, 0.49], published=0.5, tolerance=0.05) == Verdict.MATCH
    assert judged([0.49, 0.49], published=0.5) == Verdict.CLOSE
