"""What cells will cost, judged by what their like has cost."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from harness.config.cell import Cell
from methods import METHODS

# What a result says of where its time went: training, of that acting, simulating and learning.
SECONDS = ("train_s", "act_s", "simulate_s", "learn_s", "evaluate_s")
_STEPS_PER_EPISODE = 10  # a guess that only orders cells nobody has run yet
_SECONDS_PER_STEP = 1e-3  # likewise
_FIXED_S = 0.1  # of a cell that trains nothing

_Key: TypeAlias = tuple[str, str]


class Costs:
    """Expected seconds of a cell on one core.

    Known results of the same task and variant count first, then those of the variant at other
    tasks of the scenario, then those of the method there. Else it is a guess: what the method
    cost elsewhere, times what others cost here over what they cost there; without any such, a
    crude one from the budget.

    Args:
        known: Cells with what they cost [processor seconds]; None where that is not known.
    """

    def __init__(self, known: Iterable[tuple[Cell, float | None]]) -> None:
        found: list[defaultdict[_Key, list[float]]] = [defaultdict(list) for _ in range(3)]
        for cell, cpu_s in known:
            if cpu_s is not None:
                for rates, key in zip(found, _keys(cell), strict=True):
                    rates[key].append(cpu_s / _size(cell))
        self._levels = [{key: float(np.mean(r)) for key, r in rates.items()} for rates in found]

    def expected_s(self, cell: Cell) -> float:
        """Return what a cell will probably cost [s]."""
        rate = self._known(cell)
        return (self._guess(cell) if rate is None else rate) * _size(cell)

    def known(self, cell: Cell) -> bool:
        """Say whether the expectation rests on runs of the same scenario, not on a guess."""
        return self._known(cell) is not None

    def _known(self, cell: Cell) -> float | None:
        levels = zip(self._levels, _keys(cell), strict=True)
        return next((rates[key] for rates, key in levels if key in rates), None)

    def _guess(self, cell: Cell) -> float:
        """Return the rate of a method that was never run on a scenario [s per step]."""
        rates = self._levels[-1]
        found = [
            rate * rates[cell.scenario, other] / rates[there, other]
            for (there, method), rate in rates.items()
            if method == cell.method
            for scenario, other in rates
            if scenario == cell.scenario and (there, other) in rates
        ]
        return float(np.median(found)) if found else _SECONDS_PER_STEP


def duration(seconds: float) -> str:
    """Write a duration for people: ``48 s``, ``12 min``, ``3 h 05``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d}"


def _keys(cell: Cell) -> tuple[_Key, _Key, _Key]:
    """Return what cells of about the same cost have in common, the closest likeness first."""
    at_task, elsewhere = (cell.task, cell.variant), (cell.scenario, cell.variant)
    return at_task, elsewhere, (cell.scenario, cell.method)


def _size(cell: Cell) -> float:
    """Return the length of a run [steps], roughly."""
    method = METHODS.get(cell.method)
    if method is not None and not method.learns:
        return _FIXED_S / _SECONDS_PER_STEP
    return float(max(cell.budget.steps, cell.budget.episodes * _STEPS_PER_EPISODE))
