"""Decimal numbers as CityFlow writes them into its replay files.

The digits are those of Grisu2 (Loitsch, "Printing Floating-Point Numbers Quickly and Accurately
with Integers", 2010): they read back as the same number, are mostly as few as it takes, and mostly
the nearest of these. The last digit is moved towards the number only as far as a small table of
powers of ten reaches; beyond it Grisu2 keeps the digit it has. CityFlow uses two libraries whose
tables differ in length, so that the same number ends otherwise in its two files.
"""

from typing import Any

import numpy as np

from scenarios.compiled import kernel

WIDEST = 26  # characters of a number: sign, 17 digits, point, exponent; or zeros up to 1e21
_FIRST, _STEP = -348, 8  # decimal exponents of the stored powers
_LOG2 = 0.30102999566398114  # of 2, to base 10
_HIDDEN, _FRACTION = np.uint64(1 << 52), np.uint64((1 << 52) - 1)
_HALF, _LOW = np.uint64(1 << 31), np.uint64((1 << 32) - 1)
_ZERO, _ONE, _TWO, _TEN = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(10)
_SHIFT = np.uint64(32)
_TENS = np.array([10**k for k in range(20)], dtype=np.uint64)
_MINUS, _POINT, _NOUGHT, _E = (np.uint8(ord(letter)) for letter in "-.0e")


def _powers() -> tuple[Any, Any]:
    """Return powers of ten as significands of 64 bits and binary exponents."""
    significands, exponents = [], []
    for k in range(_FIRST, 341, _STEP):
        top, bottom = 10 ** max(k, 0), 10 ** max(-k, 0)
        shift = 64 - top.bit_length() + bottom.bit_length()
        f = 0
        while not 1 << 63 <= f < 1 << 64:
            shift -= (f >= 1 << 64) - (0 < f < 1 << 63)
            f = (2 * (top << max(shift, 0)) // (bottom << max(-shift, 0)) + 1) // 2
        significands.append(f)
        exponents.append(-shift)
    return np.array(significands, dtype=np.uint64), np.array(exponents, dtype=np.int64)


_SIGNIFICANDS, _EXPONENTS = _powers()


@kernel
def _times(a: Any, b: Any) -> Any:
    """Return the upper half of a product of 64-bit numbers, rounded."""
    a1, a0, b1, b0 = a >> _SHIFT, a & _LOW, b >> _SHIFT, b & _LOW
    middle = (a0 * b0 >> _SHIFT) + (a1 * b0 & _LOW) + (a0 * b1 & _LOW) + _HALF
    return a1 * b1 + (a1 * b0 >> _SHIFT) + (a0 * b1 >> _SHIFT) + (middle >> _SHIFT)


@kernel
def _move_last(digits: Any, n: int, room: Any, rest: Any, unit: Any, target: Any) -> None:
    """Lower the last digit while that brings the number nearer to its target."""
    while (
        rest < target
        and room - rest >= unit
        and (rest + unit < target or target - rest > rest + unit - target)
    ):
        digits[n - 1] -= 1
        rest += unit


@kernel
def _digits(value: float, n_tens: int, digits: Any) -> tuple[int, int]:
    """Write the digits of a positive number; return how many, and the exponent of the last.

    ``n_tens`` powers of ten help to move the last digit.
    """
    bits = np.float64(value).view(np.uint64)
    f, e = bits & _FRACTION, int(bits >> np.uint64(52)) - 1075
    if e > -1075:
        f |= _HIDDEN
    else:
        e += 1
    above, below, e_above, e_below = f * _TWO + _ONE, f * _TWO - _ONE, e - 1, e - 1
    if f == _HIDDEN:
        below, e_below = f * np.uint64(4) - _ONE, e - 2
    while above >> np.uint64(63) == _ZERO:
        above <<= _ONE
        e_above -= 1
    below <<= np.uint64(e_below - e_above)
    while f >> np.uint64(63) == _ZERO:
        f <<= _ONE
    nearest = (-61 - e_above) * _LOG2 - _FIRST - 1
    k = (int(np.ceil(nearest)) >> 3) + 1
    power = _SIGNIFICANDS[k]
    above, below = _times(above, power) - _ONE, _times(below, power) + _ONE
    places = np.uint64(-(e_above + _EXPONENTS[k] + 64))  # binary, behind the point
    return _generate(above - _times(f, power), above, above - below, places, -_FIRST - k * _STEP,
                     n_tens, digits)  # fmt: skip


@kernel
def _generate(
    target: Any, high: Any, room: Any, places: Any, exponent: int, n_tens: int, digits: Any
) -> tuple[int, int]:
    """Write the digits of ``high`` until what is left fits into the room below it."""
    one = _ONE << places
    whole, part = high >> places, high & (one - _ONE)
    n, left = 0, 1
    while left < 10 and whole >= _TENS[left]:
        left += 1
    while left > 0:
        left -= 1
        digit = whole // _TENS[left]
        whole -= digit * _TENS[left]
        if digit != _ZERO or n > 0:
            digits[n] = digit
            n += 1
        rest = (whole << places) + part
        if rest <= room:
            _move_last(digits, n, room, rest, _TENS[left] << places, target)
            return n, exponent + left
    while True:
        part, room = part * _TEN, room * _TEN
        digit = part >> places
        if digit != _ZERO or n > 0:
            digits[n] = digit
            n += 1
        part &= one - _ONE
        left -= 1
        if part < room:
            scaled = target * _TENS[-left] if -left < n_tens else _ZERO
            _move_last(digits, n, room, part, one, scaled)
            return n, exponent + left


@kernel
def _put(text: Any, at: int, digits: Any, first: int, last: int) -> int:
    """Write digits first to last - 1, zeros where there are none; return the place behind them."""
    for j in range(first, last):
        text[at] = _NOUGHT + (digits[j] if 0 <= j < len(digits) else np.uint8(0))
        at += 1
    return at


@kernel
def _put_exponent(text: Any, at: int, exponent: int) -> int:
    text[at] = _E
    at += 1
    if exponent < 0:
        text[at] = _MINUS
        at += 1
    size = abs(exponent)
    for ten in (100, 10, 1):
        if size >= ten or ten == 1:
            text[at] = _NOUGHT + np.uint8(size // ten % 10)
            at += 1
    return at


@kernel
def _put_number(text: Any, at: int, digits: Any, point: int) -> int:
    """Write the number 0.<digits> times ten to the power ``point``."""
    n = len(digits)
    if not -6 < point <= 21:
        at = _put(text, at, digits, 0, 1)
        if n > 1:
            text[at] = _POINT
            at = _put(text, at + 1, digits, 1, n)
        return _put_exponent(text, at, point - 1)
    at = _put(text, at, digits, 0 if point > 0 else -1, max(point, 0))
    text[at] = _POINT
    return _put(text, at + 1, digits, point, max(n, point + 1))


@kernel
def write_decimals(values: Any, n_tens: int, text: Any, ends: Any) -> None:
    """Write numbers as text, one behind the other; a negative zero is 0.0.

    Args:
        values: ``[n]`` finite float64.
        n_tens: length of the table of powers, at most 20.
        text: ``[WIDEST * n]`` uint8, overwritten.
        ends: ``[n]`` int64, overwritten: where each number ends.
    """
    digits, at = np.zeros(20, dtype=np.uint8), 0
    for i in range(len(values)):
        value = values[i]
        if value < 0:
            text[at] = _MINUS
            at, value = at + 1, -value
        n, exponent = 1, 0
        if value > 0:
            n, exponent = _digits(value, n_tens, digits)
        else:
            digits[0] = 0
        at = _put_number(text, at, digits[:n], n + exponent)
        ends[i] = at


def decimals(values: Any, n_tens: int) -> list[str]:
    """Return finite numbers as text; arguments as of `write_decimals`."""
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("only finite numbers can be written")
    text = np.empty(WIDEST * len(numbers), dtype=np.uint8)
    ends = np.empty(len(numbers), dtype=np.int64)
    write_decimals(numbers, n_tens, text, ends)
    whole, stops = text.tobytes().decode("ascii", "replace"), ends.tolist()
    return [whole[a:b] for a, b in zip([0, *stops], stops, strict=False)]
