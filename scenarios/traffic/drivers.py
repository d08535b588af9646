"""What drives the vehicles: an interface by index, and behind it the engine of this project.

Or a module with CityFlow's Python interface that somebody has installed.
"""

import importlib
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from scenarios.base import Unavailable
from scenarios.traffic.engine import Simulation
from scenarios.traffic.engine.names import Names
from scenarios.traffic.networks import Network, Source
from scenarios.traffic.replay import Replay
from scenarios.traffic.trips import Trips

EngineName: TypeAlias = Literal["embedded", "cityflow"]
_VEHICLE = re.compile(r"flow_(\d+)_\d+", re.ASCII)
FLOW, ENTERED, LEFT, FINISHED, NONE = 0, 1, 2, 3, -1


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


def open_driver(engine: EngineName, network: Network, source: Source) -> Driver:
    """Return the simulator of that name.

    Raises:
        Unavailable: It is not on this machine.
    """
    return Embedded(network) if engine == "embedded" else CityFlow(network, source)


class Embedded:
    """The engine of this project."""

    def __init__(self, network: Network) -> None:
        self._simulation = Simulation(network.roads, network.flows)
        self._replay: Replay | None = None
        roads = network.roads
        self._signal = ~roads.intersection_virtual[roads.road_end[roads.lane_road]]
        self.show = self._simulation.set_phases
        self.run: Callable[[int], None] = self._simulation.step
        self.counts = self._simulation.lane_counts
        self.waiting = self._simulation.lane_waiting
        self.waiting_sums = self._simulation.lane_waiting_sums
        self.average_travel_time = self._simulation.average_travel_time

    def restart(self) -> None:
        """Empty the network and go back to time 0; every run is the same."""
        self._simulation.restart(seed=True, flows=True)
        if self._replay is not None:
            self._replay.clear()

    def save(self, replay: Replay) -> None:
        """Write each second to a replay, which starts over with every run."""
        names = Names(self._simulation)

        def run(seconds: int) -> None:
            for _ in range(seconds):
                self._simulation.step(1)
                slots = self._simulation.slots(waiting=False).tolist()
                replay.add(self._simulation, names.of(slots))

        self._replay, self.run = replay, run

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


class CityFlow:
    """Any module with CityFlow's Python interface that is installed under its name.

    Raises:
        Unavailable: There is none.
    """

    def __init__(self, network: Network, source: Source) -> None:
        try:
            module = importlib.import_module("cityflow")
        except ImportError as error:
            raise Unavailable(
                f"engine 'cityflow' needs a module of that name ({error}); README.md says how to "
                "install it; engine = 'embedded' is always there and moves vehicles alike"
            ) from error
        self._new: Callable[[], Any] = lambda: _opened(module.Engine, source)
        roads = network.roads
        self._lane_ids = roads.lane_ids
        self._drivable = {name: k for k, name in enumerate(roads.drivable_ids)}
        self._signal_ids = [roads.intersection_ids[i] for i in roads.signalized]
        ends = ~roads.intersection_virtual[roads.road_end[roads.lane_road]]
        self._ends_at_signal = dict(zip(roads.lane_ids, ends.tolist(), strict=True))
        self.restart()

    def restart(self) -> None:
        """Empty the network and go back to time 0; every run is the same."""
        self._engine = self._new()  # its reset would not bring back flows without a route
        self._now = 0
        self._sums = np.zeros(len(self._lane_ids), dtype=np.int64)
        self._trips: dict[str, list[int]] = {}  # by vehicle, the columns of Trips
        self._there: set[str] = set()
        self._approaching: dict[str, str] = {}  # lane of each vehicle on one that ends at a signal

    def show(self, phases: Int64[np.ndarray, "agents"]) -> None:
        """Set the phase of every intersection with signals."""
        for name, phase in zip(self._signal_ids, phases.tolist(), strict=True):
            self._engine.set_tl_phase(name, phase)

    def run(self, seconds: int) -> None:
        """Simulate some seconds, looking at every vehicle after each."""
        for _ in range(seconds):
            self._engine.next_step()
            self._sums += self.waiting()
            self._come_and_go(set(self._engine.get_vehicles(True)))
            self._move(self._engine.get_lane_vehicles())
            self._now += 1

    def _come_and_go(self, there: set[str]) -> None:
        for name in there - self._there:
            match = _VEHICLE.fullmatch(name)
            self._trips[name] = [int(match[1]) if match else NONE, NONE, NONE, NONE]
        for name in self._there - there:
            self._trips[name][FINISHED] = self._now
        self._there = there

    def _move(self, lanes: dict[str, list[str]]) -> None:
        approaching: dict[str, str] = {}
        for lane, names in lanes.items():
            for name in names:
                if self._trips[name][ENTERED] == NONE:
                    self._trips[name][ENTERED] = self._now
            if self._ends_at_signal[lane]:
                approaching |= dict.fromkeys(names, lane)
        for name, lane in self._approaching.items():
            if approaching.get(name) != lane:
                self._trips[name][LEFT] = self._now
        self._approaching = approaching

    def counts(self) -> Int64[np.ndarray, "lanes"]:
        """Return the number of vehicles on each lane."""
        return self._by_lane(self._engine.get_lane_vehicle_count())

    def waiting(self) -> Int64[np.ndarray, "lanes"]:
        """Return the number of vehicles slower than 0.1 m/s on each lane."""
        return self._by_lane(self._engine.get_lane_waiting_vehicle_count())

    def waiting_sums(self) -> Int64[np.ndarray, "lanes"]:
        """Return `waiting` summed over all seconds since the start."""
        return self._sums.copy()

    def _by_lane(self, figures: Any) -> Int64[np.ndarray, "lanes"]:
        return np.array([figures[name] for name in self._lane_ids], dtype=np.int64)

    def trips(self) -> Trips:
        """Return what the vehicles made so far went through."""
        rows = np.array(list(self._trips.values()), dtype=np.int64).reshape(-1, 4)
        at_signal = np.array([name in self._approaching for name in self._trips], dtype=np.bool_)
        return Trips(rows[:, FLOW], rows[:, ENTERED], rows[:, LEFT], rows[:, FINISHED], at_signal)

    def average_travel_time(self) -> float:
        """Return the simulator's own figure: from creation until the end of the route [s]."""
        return float(self._engine.get_average_travel_time())

    def vehicles(self) -> Vehicles:
        """Return where the vehicles on the roads are."""
        distance, speed = self._engine.get_vehicle_distance(), self._engine.get_vehicle_speed()
        on = [self._drivable[self._engine.get_vehicle_info(name)["drivable"]] for name in distance]
        return Vehicles(
            np.array(on, dtype=np.int64),
            np.array(list(distance.values()), dtype=np.float64),
            np.array([speed[name] for name in distance], dtype=np.float64),
        )


def _opened(engine: Callable[[str, int], Any], source: Source) -> Any:
    """Return a new engine of CityFlow's; it has read its files when it is there."""
    with tempfile.TemporaryDirectory(prefix="ltos-bench-") as name:
        folder = Path(name)
        roadnet, flow = source.write(folder)
        config = {
            "interval": 1.0, "seed": 0, "dir": "", "roadnetFile": str(roadnet),
            "flowFile": str(flow), "rlTrafficLight": True, "laneChange": False,
            "saveReplay": False, "roadnetLogFile": "", "replayLogFile": "",
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return engine(str(folder / "config.json"), 1)
