"""The one rule of rounding for what people read and what verdicts rest on.

The order in which a processor adds up decides on the last bits of a sum, and so would it on a page,
on the hash of a figure's data, or on who is ahead. Whatever is compared, is therefore compared with
ten significant digits (``stable``); what is printed is rounded from these, half up (``half_up``);
what is drawn has seven (``drawn``). Results and exports keep all that was computed.
"""

import math
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np
from jaxtyping import Float

DIGITS = 10
_ANY = Context(prec=400)  # whatever a float may be; 28 digits, the default, end at 1e25
_DRAWN = 7  # a drawing of a few hundred points shows no more than four


def stable(value: float, scale: float = 0.0) -> float:
    """Return a value with ten significant digits; zero never has a sign.

    Args:
        value: Any number.
        scale: Size of what it was computed from: a difference of large numbers is known to their
            last digit, not to ten of its own.
    """
    if abs(value) >= abs(scale) or not math.isfinite(scale):
        return float(f"{value:.{DIGITS}g}") + 0.0
    return round(float(value), DIGITS - 1 - exponent(scale)) + 0.0


def stable_mean(values: Float[np.ndarray, "values"]) -> float:
    """Return the mean of at least one value with ten digits, whatever the values' order."""
    return stable(math.fsum(values) / len(values), scale=size_of(values))


def size_of(values: Float[np.ndarray, "*shape"]) -> float:
    """Return the largest magnitude among at least one value: the scale of their sums."""
    return float(np.abs(values).max())


def drawn(value: float, scale: float = 0.0) -> float:
    """Return a value as figures have it in their data, and hash it.

    Args:
        value: Any number.
        scale: As for ``stable``.
    """
    size = max(abs(value), abs(scale))
    if not size:
        return 0.0
    power = exponent(size)
    return round(round(float(value), DIGITS - 1 - power), _DRAWN - 1 - power) + 0.0


def half_up(value: float, decimals: int) -> Decimal:
    """Round the ten digits of a finite value decimally; halves away from zero, zero without sign.

    Args:
        value: What to round.
        decimals: How many decimals it keeps; tens with -1, hundreds with -2.
    """
    exact = Decimal(repr(stable(value)))
    return _ANY.add(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _ANY), 0)


def exponent(value: float) -> int:
    """Return the power of ten that a number other than zero begins with: 2 for 123."""
    return int(f"{value:.{DIGITS - 1}e}".partition("e")[2])
