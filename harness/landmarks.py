"""Floor and bound of a place, and distances measured on the way between them."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.cell import Cell
from scenarios import SCENARIOS
from scenarios.base import Unavailable


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Fixed values that a metric is measured by; either may be unknown.

    Attributes:
        floor: Per headline metric, a poor value: 0 on the normalized scale.
        bound: Per headline metric, the best or a good value: 1 on that scale.
    """

    floor: Mapping[str, float]
    bound: Mapping[str, float]

    def share_of_way(self, metric: str, share: float) -> float:
        """Return a share of the way from floor to bound; 0 where one of them is not known."""
        floor, bound = self.floor.get(metric), self.bound.get(metric)
        return 0.0 if bound is None or floor is None else share * abs(bound - floor)


def landmarks(cell: Cell) -> Landmarks:
    """Return the landmarks of a cell's place, also where it cannot be built here."""
    try:
        scenario = SCENARIOS[cell.scenario](**dict(cell.options))
    except Unavailable as absent:
        return Landmarks(absent.floor, absent.bound)
    return Landmarks(scenario.floor, scenario.bound)
