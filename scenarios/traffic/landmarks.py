"""What random signals and open roads come to: floor and bound of the scenario."""

from collections.abc import Mapping
from types import MappingProxyType

from scenarios.base import Scenario
from scenarios.references import play

Landmarks = tuple[Mapping[str, float], Mapping[str, float]]
NO_RED_LIGHT = 0.0  # by the definition of the figure

# As `measure` finds them with the usual options; known also where the files are not.
KNOWN: Mapping[str, Landmarks] = MappingProxyType(
    {
        "grid_6x6": (
            {"duration": 538.3, "red_lights": 7.92},
            {"duration": 58.9, "red_lights": NO_RED_LIGHT},
        ),
        "authors_6x6": (
            {"duration": 538.0, "red_lights": 7.92},
            {"duration": 59.1, "red_lights": NO_RED_LIGHT},
        ),
        "shenzhen": (
            {"duration": 442.9, "red_lights": 6.14},
            {"duration": 121.5, "red_lights": NO_RED_LIGHT},
        ),
    }
)


def measure(scenario: Scenario) -> Landmarks:
    """Return floor and bound: an episode of random actions, and one of free flow."""
    floor, bound = (play(scenario, policy, 1) for policy in ("random", "free_flow"))
    return (
        {name: float(floor[name][0]) for name in ("duration", "red_lights")},
        {"duration": float(bound["duration"][0]), "red_lights": NO_RED_LIGHT},
    )
