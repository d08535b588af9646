"""Distances on a metric, measured on the way from a scenario's floor to its bound."""

from scenarios.base import Scenario


def share_of_way(scenario: Scenario, metric: str, share: float) -> float:
    """Return a share of the way from floor to bound; 0 where a scenario does not state both."""
    bound, floor = scenario.bound.get(metric), scenario.floor.get(metric)
    return 0.0 if bound is None or floor is None else share * abs(bound - floor)
