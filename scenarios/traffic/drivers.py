"""What drives the vehicles: an interface by index, and the engine of this project behind it."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from scenarios.traffic.engine import Simulation
from scenarios.traffic.networks import Network
from scenarios.traffic.trips import Trips


class Vehicles(NamedTuple):
    """A row per vehicle on the roads.

    Attributes:
        drivable: Lane or link it is on, numbered as in ``Roadnet``.
        distance: How far it is along it [m].
        speed: [m/s].
    """

    drivable: Int64[np.ndarray, "vehicles"]
    distance: Float64[np.ndarray, "vehicles"]
    speed: Float64[np.ndarray, "vehicles"]


@runtime_checkable
class Driver(Protocol):
    """A running simulation in steps of one second."""

    def restart(self) -> None:
        """Empty the network and go back to time 0; every run is the same."""

    def show(self, phases: Int64[np.ndarray, "agents"]) -> None:
        """Set the phase of every intersection with signals."""

    def run(self, seconds: int) -> None:
        """Simulate some seconds."""

    def counts(self) -> Int64[np.ndarray, "lanes"]:
        """Return the number of vehicles on each lane."""

    def waiting(self) -> Int64[np.ndarray, "lanes"]:
        """Return the number of vehicles slower than 0.1 m/s on each lane."""

    def waiting_sums(self) -> Int64[np.ndarray, "lanes"]:
        """Return `waiting` summed over all seconds since the start."""

    def trips(self) -> Trips:
        """Return what the vehicles made so far went through."""

    def average_travel_time(self) -> float:
        """Return the simulator's own figure: from creation until the end of the route [s]."""

    def vehicles(self) -> Vehicles:
        """Return where the vehicles on the roads are."""


class Embedded:
    """The engine of this project."""

    def __init__(self, network: Network) -> None:
        self._simulation = Simulation(network.roads, network.flows)
        roads = network.roads
        self._signal = ~roads.intersection_virtual[roads.road_end[roads.lane_road]]
        self.show = self._simulation.set_phases
        self.run = self._simulation.step
        self.counts = self._simulation.lane_counts
        self.waiting = self._simulation.lane_waiting
        self.waiting_sums = self._simulation.lane_waiting_sums
        self.average_travel_time = self._simulation.average_travel_time

    def restart(self) -> None:
        """Empty the network and go back to time 0; every run is the same."""
        self._simulation.restart(seed=True, flows=True)

    def trips(self) -> Trips:
        """Return what the vehicles made so far went through."""
        records, state = self._simulation.trips(), self._simulation.state
        slots = self._simulation.slots(waiting=False)
        drivable = state.vehicles["drivable"][slots]
        on_lane = drivable < len(self._signal)
        at_signal = np.zeros(len(records), dtype=np.bool_)
        trip = state.journeys["trip"][slots[on_lane]]
        at_signal[trip] = self._signal[drivable[on_lane]]
        flow, entered, left, finished = (
            records[name].astype(np.int64)
            for name in ("flow", "admitted", "left_approach", "finished")
        )
        return Trips(flow, entered, left, finished, at_signal)

    def vehicles(self) -> Vehicles:
        """Return where the vehicles on the roads are."""
        v = self._simulation.state.vehicles[self._simulation.slots(waiting=False)]
        return Vehicles(v["drivable"].astype(np.int64), v["dis"].copy(), v["speed"].copy())
