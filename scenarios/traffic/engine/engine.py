"""CityFlow's Python interface (specification, sections 1.1, 9 and 10) over a `Simulation`."""

import hashlib
import logging
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from scenarios.traffic.engine.cityflow_snapshot import read_snapshot
from scenarios.traffic.engine.names import Names
from scenarios.traffic.engine.simulation import Saved, Simulation
from scenarios.traffic.engine.state import NONE, RUNNING, State
from scenarios.traffic.entries import Entry, NetworkError, read_json
from scenarios.traffic.flow import Flow, VehicleModel, load_flows
from scenarios.traffic.replay import Replay, open_replay
from scenarios.traffic.roadnet import Roadnet, load_roadnet

_LOG = logging.getLogger(__name__)
PUSHED = {
    "speed": 0.0,
    "length": 5.0,
    "width": 2.0,
    "maxPosAcc": 4.5,
    "maxNegAcc": 4.5,
    "usualPosAcc": 2.5,
    "usualNegAcc": 2.5,
    "minGap": 2.0,
    "maxSpeed": 16.66667,
    "headwayTime": 1.0,
}
_FORMAT = 2  # of snapshot files

LONGEST_STEP_S = 3600.0  # births of one step are made at once
_MODEL_FIELDS = tuple(field.name for field in fields(VehicleModel))


class Engine:
    """A traffic simulation with CityFlow's interface, exact to the bit.

    Where CityFlow crashes, hangs or only prints a message, this class raises.

    Args:
        config_file: CityFlow's config.json.
        thread_num: accepted for compatibility; results never depend on it and one is used.
        strict: whether what CityFlow lets pass, though nobody can have meant it (a time written as
            text, a negative gap, an id used twice, a road clipped to nothing, no 'saveReplay'), is
            an error instead of a warning.

    Attributes:
        simulation: the same simulation by index, as arrays, many steps a call.

    Raises:
        NetworkError: the config, roadnet or flow file is unreadable or breaks a rule.
    """

    _folder = ""
    _replay: Replay | None = None

    def __init__(
        self, config_file: str | Path, thread_num: int = 1, *, strict: bool = False
    ) -> None:
        if thread_num < 1:
            raise ValueError(f"thread_num must be at least 1, is {thread_num}")
        config = Entry.of(str(config_file), "config", read_json(config_file), strict=strict)
        if config.value.get("laneChange") is True:
            config.fail("'laneChange' true is not supported: vehicles keep their lane")
        folder = config.string("dir")  # the paths start with it, as text
        interval = config.number("interval", above=0.0, most=LONGEST_STEP_S)
        seed = config.integer("seed")
        files = folder + config.string("roadnetFile"), folder + config.string("flowFile")
        rl_traffic_light = config.flag("rlTrafficLight")
        net = load_roadnet(files[0], strict=strict)
        roads = {road: r for r, road in enumerate(net.road_ids)}
        flows = load_flows(files[1], roads, strict=strict)
        self._prepare(
            Simulation(net, flows, interval=interval, seed=seed, rl_traffic_light=rl_traffic_light)
        )
        self._folder = folder
        self._replay = open_replay(config, net, folder)

    @classmethod
    def of(
        cls,
        net: Roadnet,
        flows: Sequence[Flow],
        *,
        interval: float = 1.0,
        seed: int = 0,
        rl_traffic_light: bool = True,
    ) -> "Engine":
        """Return an engine on a parsed network; arguments as of `Simulation`."""
        engine = cls.__new__(cls)
        engine._prepare(
            Simulation(net, flows, interval=interval, seed=seed, rl_traffic_light=rl_traffic_light)
        )
        return engine

    def _prepare(self, simulation: Simulation) -> None:
        self.simulation = simulation
        net = simulation.net
        self._roads = {road: r for r, road in enumerate(net.road_ids)}
        self._intersections = {name: i for i, name in enumerate(net.intersection_ids)}
        self._drivables = net.drivable_ids
        first = {name: lane for lane, name in reversed([*enumerate(net.lane_ids)])}  # of equals
        self._lane_names = sorted(first, key=str.encode)
        self._lane_order = np.array([first[name] for name in self._lane_names])
        ends = zip(net.lane_road.tolist(), net.road_end[net.lane_road].tolist(), strict=True)
        self._lane_ends = [(net.road_ids[road], net.intersection_ids[end]) for road, end in ends]
        self._names = Names(simulation)
        self._n_pushed = 0

    # ---- time ----------------------------------------------------------------------------

    def next_step(self) -> None:
        """Simulate one step."""
        self.simulation.step(1)
        if self._replay is not None:
            self._record()

    def step(self, n: int = 1) -> None:
        """Simulate n steps in one call."""
        if self._replay is None:
            self.simulation.step(n)
        else:
            for _ in range(n):
                self.next_step()

    def _record(self) -> None:
        if self._replay is not None and self._replay.saves:
            self._replay.add(self.simulation, self.get_vehicles())

    def get_current_time(self) -> float:
        """Return the simulated time [s]."""
        return self.simulation.time

    def reset(self, seed: bool = False) -> None:
        """Empty the network and go back to time 0, phase 0.

        Args:
            seed: whether to restart the random numbers from the config's seed; otherwise they
                go on, so that the next episode differs.
        """
        self.simulation.restart(seed=seed)

    def set_random_seed(self, seed: int) -> None:
        """Restart the random numbers from another seed."""
        self.simulation.seed(seed)

    # ---- lanes ---------------------------------------------------------------------------

    def get_lane_vehicle_count(self) -> dict[str, int]:
        """Return the number of vehicles on each lane, lanes sorted by id."""
        counts = self.simulation.state.count[self._lane_order]
        return dict(zip(self._lane_names, counts.tolist(), strict=True))

    def get_lane_waiting_vehicle_count(self) -> dict[str, int]:
        """Return the number of vehicles slower than 0.1 m/s on each lane, sorted by id."""
        counts = self.simulation.state.waiting[self._lane_order]
        return dict(zip(self._lane_names, counts.tolist(), strict=True))

    def get_lane_vehicles(self) -> dict[str, list[str]]:
        """Return the vehicles on each lane, front first, lanes sorted by id."""
        slots, ptr = self.simulation.lane_lists()
        names = self._names.of(slots.tolist())
        found: dict[str, list[str]] = {lane: [] for lane in self._lane_names}
        taken = np.flatnonzero(ptr[self._lane_order] < ptr[self._lane_order + 1])
        lanes = self._lane_order[taken]
        for k, a, b in zip(
            taken.tolist(), ptr[lanes].tolist(), ptr[lanes + 1].tolist(), strict=True
        ):
            found[self._lane_names[k]] = names[a:b]
        return found

    # ---- vehicles ------------------------------------------------------------------------

    def get_vehicle_count(self) -> int:
        """Return the number of vehicles on lanes and lane links."""
        return self.simulation.state.clock["n_running"].item(0)

    def get_vehicles(self, include_waiting: bool = False) -> list[str]:
        """Return the vehicles by ascending priority, which is random.

        Args:
            include_waiting: whether to list those that wait to enter too.
        """
        return self._names.of(self.simulation.slots(waiting=include_waiting).tolist())

    def get_vehicle_speed(self) -> dict[str, float]:
        """Return the speed of each running vehicle [m/s], sorted by id."""
        return self._by_name("speed")

    def get_vehicle_distance(self) -> dict[str, float]:
        """Return how far each running vehicle is along its lane or link [m], sorted by id."""
        return self._by_name("dis")

    def get_vehicle_info(self, vehicle_id: str) -> dict[str, str]:
        """Return where a vehicle is, as text.

        Raises:
            RuntimeError: there is no such vehicle.
        """
        slot = self._names.slot(vehicle_id)
        columns = self._names.columns
        if columns["state"].item(slot) != RUNNING:
            return {"running": "0"}
        drivable = columns["drivable"].item(slot)
        info = {
            "running": "1",
            "distance": f"{columns['dis'].item(slot):f}",
            "speed": f"{columns['speed'].item(slot):f}",
            "drivable": self._drivables[drivable],
            "route": self._way(slot),
        }
        if drivable < len(self._lane_ends):
            info["road"], info["intersection"] = self._lane_ends[drivable]
        return info

    def _way(self, slot: int) -> str:
        """Write the roads from a vehicle's on, each with a blank after it."""
        columns, ways = self._names.columns, self._names.ways
        first = columns["route_first"].item(slot) + columns["road_index"].item(slot)
        last = columns["route_last"].item(slot)
        if (first, last) not in ways:
            roads = self.simulation.route(first, last)
            ways[first, last] = "".join(f"{self.simulation.net.road_ids[road]} " for road in roads)
        return ways[first, last]

    def get_leader(self, vehicle_id: str) -> str:
        """Return whom a vehicle followed at the end of the last step, or "".

        Raises:
            RuntimeError: there is no such vehicle.
        """
        names = self._names
        slot = names.slot(vehicle_id)  # brings the columns up to date
        leader = names.columns["leader"].item(slot)
        return names.by_slot[leader] if leader != NONE else ""

    def get_average_travel_time(self) -> float:
        """Return the mean time since creation of all vehicles, until they finished [s]."""
        return self.simulation.average_travel_time()

    def _by_name(self, field: str) -> dict[str, float]:
        names, slots = self._names.running()
        values = self.simulation.state.vehicles[field][slots]
        return dict(zip(names, values.tolist(), strict=True))

    # ---- control -------------------------------------------------------------------------

    def set_tl_phase(self, intersection_id: str, phase_id: int) -> None:
        """Set the phase of an intersection; a virtual one ignores it.

        Raises:
            ValueError: there is no such intersection or phase.
            RuntimeError: the signals follow the built-in plan (rlTrafficLight false).
        """
        if intersection_id not in self._intersections:
            raise ValueError(f"there is no intersection {intersection_id!r}")
        self.simulation.set_phase(self._intersections[intersection_id], phase_id)

    def set_vehicle_speed(self, vehicle_id: str, speed: float) -> None:
        """Replace a vehicle's car-following target in the next step; other limits still hold.

        Raises:
            RuntimeError: there is no such vehicle.
            ValueError: the speed is not finite.
        """
        slot = self._names.slot(vehicle_id)
        if not math.isfinite(speed):
            raise ValueError(f"speed must be finite, is {speed!r}")
        self.simulation.wishes[slot] = speed

    def set_vehicle_route(self, vehicle_id: str, route: Sequence[str]) -> bool:
        """Send a vehicle from its road along other roads.

        Args:
            vehicle_id: a vehicle on a lane.
            route: roads to pass after the current one; gaps are filled by shortest paths.

        Returns:
            Whether it goes there; otherwise the old route stays.
        """
        try:
            slot = self._names.slot(vehicle_id)
        except RuntimeError:
            return False
        if any(road not in self._roads for road in route):
            return False
        return self.simulation.reroute(slot, [self._roads[road] for road in route])

    def push_vehicle(self, info: Mapping[str, float], roads: Sequence[str]) -> None:
        """Make a vehicle that enters with the next step.

        Args:
            info: any of speed, length, width, maxPosAcc, maxNegAcc, usualPosAcc, usualNegAcc,
                minGap, maxSpeed, headwayTime; the rest is CityFlow's default.
            roads: roads to pass; gaps are filled by shortest paths.

        Raises:
            ValueError: an unknown key or road, a number out of range, or no road.
        """
        for key in info:
            if key not in PUSHED:
                raise ValueError(f"a vehicle has no {key!r}")
        if not roads:
            raise ValueError("a vehicle needs at least one road")
        for road in roads:
            if road not in self._roads:
                raise ValueError(f"there is no road {road!r}")
        entry = Entry("push_vehicle", f"vehicle {self._n_pushed}", PUSHED | dict(info))
        model, speed = VehicleModel.read(entry), entry.number("speed", least=0.0)
        self.simulation.push(model, [self._roads[road] for road in roads], self._n_pushed, speed)
        self._n_pushed += 1

    # ---- snapshots and replay ------------------------------------------------------------

    def snapshot(self) -> "Archive":
        """Return a copy of the simulation to `load` later."""
        return Archive(self)

    def load(self, archive: "Archive") -> None:
        """Go on from a snapshot of this network.

        Raises:
            ValueError: the snapshot is of another network.
        """
        archive.restore(self)

    def load_from_file(self, path: str | Path) -> None:
        """Go on from a snapshot file of this network, one of `Archive.dump` or of CityFlow.

        Raises:
            NetworkError: the file is unreadable, is not a snapshot, or is one of CityFlow's of
                another network or demand.
            ValueError: the snapshot is of another network.
        """
        if zipfile.is_zipfile(path):
            Archive.read(path).restore(self)
        else:
            self.simulation.resume(read_snapshot(path, self.simulation))

    def set_replay_file(self, replay_file: str) -> None:
        """Go on with the replay in another file, which is empty at first.

        Args:
            replay_file: its path; the config's 'dir' is put before it, as text.

        Raises:
            RuntimeError: the config's saveReplay is false.
            NetworkError: the file cannot be written.
        """
        self._wanted_replay().open(self._folder + replay_file)

    def set_save_replay(self, open: bool) -> None:  # noqa: A002 - CityFlow's name
        """Stop to write the replay, or go on with it in the same file.

        Raises:
            RuntimeError: the config's saveReplay is false.
        """
        self._wanted_replay().saves = open

    def _wanted_replay(self) -> Replay:
        if self._replay is None:
            raise RuntimeError("there is no replay: saveReplay is false")
        return self._replay


class Archive:
    """A copy of everything a step changes.

    As in CityFlow two things are not part of it: which flows proved to have no route, and the
    number of vehicles pushed by hand. The file format is our own (NumPy's .npz, no pickles):
    CityFlow's JSON does not bring numbers back bit for bit.

    Args:
        engine: the engine to copy.
    """

    def __init__(self, engine: "Engine") -> None:
        self._network = _identity(engine.simulation.net)
        self._saved = engine.simulation.copy()

    def restore(self, engine: "Engine") -> None:
        """Put the copy back into an engine.

        Raises:
            ValueError: the engine runs another network.
        """
        if _identity(engine.simulation.net) != self._network:
            raise ValueError("the snapshot is of another network")
        engine.simulation.resume(self._saved)

    def dump(self, path: str | Path) -> None:
        """Write the snapshot to a file."""
        models = [astuple(model) for model in self._saved.models]
        with Path(path).open("wb") as file:
            np.savez(
                file,
                format=np.array(_FORMAT),
                network=np.array(self._network),
                vehicle_models=np.array(models, dtype=np.float64).reshape(-1, len(_MODEL_FIELDS)),
                stored_routes=self._saved.routes,
                **self._saved.state._asdict(),
            )

    @classmethod
    def read(cls, path: str | Path) -> "Archive":
        """Return a snapshot written by `dump`.

        Raises:
            NetworkError: the file is unreadable or is not a snapshot.
        """
        archive = cls.__new__(cls)
        try:
            with np.load(path, allow_pickle=False) as file:
                if int(file["format"]) != _FORMAT:
                    raise NetworkError(f"{path}: snapshot: format {file['format']} is unknown")
                archive._network = str(file["network"])
                archive._saved = Saved(
                    models=[
                        VehicleModel(**dict(zip(_MODEL_FIELDS, row, strict=True)))
                        for row in file["vehicle_models"].tolist()
                    ],
                    routes=file["stored_routes"],
                    state=State(**{name: file[name] for name in State._fields}),
                )
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise NetworkError(f"{path}: snapshot: cannot be read: {error}") from error
        return archive


def _identity(net: Roadnet) -> str:
    """Return a digest of what the numbers in a snapshot refer to."""
    return hashlib.sha256("\n".join(net.drivable_ids).encode()).hexdigest()
