"""A moment of a simulation, kept."""

from typing import Any, NamedTuple

from scenarios.traffic.engine.state import State
from scenarios.traffic.flow import VehicleModel


class Saved(NamedTuple):
    """The vehicle models and routes known at a moment, and the state of that moment."""

    models: list[VehicleModel]
    routes: Any
    state: State


def copied(state: State) -> State:
    """Return a state with arrays of its own."""
    return State(*(rows.copy() for rows in state))
