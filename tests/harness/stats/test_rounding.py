"""Last bits are gone before anything is compared or printed, and halves are rounded up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.rounding import drawn, exponent, half_up, stable, stable_mean

numbers = st.floats(-1e12, 1e12, allow_subnormal=False).filter(lambda x: not 0 < abs(x) < 1e-12)


def test_ten_digits_are_kept():
    assert stable(1 / 3) == 0.3333333333
    assert stable(-12345678901234.0) == -12345678900000.0
    assert stable(0.1 + 0.2) == 0.3
    assert math.copysign(1, stable(-0.0)) == 1
    assert stable(math.inf) == math.inf


def test_what_is_left_of_large_numbers_has_no_digits_below_theirs():
    left = 0.1 + 0.2 - 0.3

    assert left != 0
    assert stable(left, scale=0.3) == 0
    assert stable(1e-3, scale=1.0) == 1e-3


@given(numbers)
def test_ten_digits_stay_as_they_are(value):
    assert stable(stable(value)) == stable(value) == pytest.approx(value, rel=1e-9)


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda n: n / 1000), min_size=1), st.randoms())
def test_a_mean_does_not_depend_on_the_order(values, random):
    shuffled = random.sample(values, len(values))

    assert stable_mean(np.array(values)) == stable_mean(np.array(shuffled))


def test_halves_are_rounded_up_decimally_also_where_the_last_bits_say_otherwise():
    assert [str(half_up(x, 2)) for x in (2.675, 0.285, -0.285, 1.005)] == [
        "2.68",
        "0.29",
        "-0.29",
        "1.01",
    ]
    assert str(half_up(0.4905 - 1e-14, 3)) == str(half_up(0.4905 + 1e-14, 3)) == "0.491"
    assert str(half_up(-0.0004, 3)) == "0.000"
    assert float(half_up(1250.0, -2)) == 1300.0


def test_figures_plot_seven_digits():
    assert drawn(1 / 3) == 0.3333333
    assert drawn(0.12345675 - 1e-16) == drawn(0.12345675 + 1e-16)


def test_an_exponent_is_exact_at_powers_of_ten():
    assert [exponent(x) for x in (1000.0, 999.9, 0.1, 0.0999, -20.0)] == [3, 2, -1, -2, 1]


@pytest.mark.parametrize("value", [1e26, -1e100, 1e308, 1e-300])
def test_figures_of_any_size_are_rounded(value):
    assert float(half_up(value, 3)) == pytest.approx(value, rel=1e-9, abs=1e-3)
