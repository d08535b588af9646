"""CityFlow's replay files: where the vehicles are and what the signals show after every step.

Specification, section 12. Unlike CityFlow's, the file is never open between two steps: what was
simulated is on disk, and nothing is left to close.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import atan2
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int32, Int64

from scenarios.traffic import geometry
from scenarios.traffic.engine.decimals import decimals
from scenarios.traffic.engine.simulation import Simulation
from scenarios.traffic.entries import Entry, NetworkError, read_json
from scenarios.traffic.flow import VehicleModel
from scenarios.traffic.replay_roadnet import roadnet_log
from scenarios.traffic.roadnet import Roadnet
from scenarios.traffic.roadnet_file import Parts, parse_parts

_N_TENS = 10  # of the library that writes this file


class Replay:
    """Writes a simulation's replay, as far as it is wanted.

    Args:
        parts: what the roadnet file holds.
        net: the same, laid out.
        path: the file; what it held is lost.

    Attributes:
        saves: whether steps are written.

    Raises:
        NetworkError: the file cannot be written.
    """

    def __init__(self, parts: Parts, net: Roadnet, path: str) -> None:
        self._lines = Lines([line for road in parts.roads for line in road.lanes]
                            + [link.points for link in parts.links])  # fmt: skip
        self._lights = Lights(net)
        self._shapes: dict[VehicleModel, str] = {}
        self.saves = True
        self.open(path)

    def open(self, path: str) -> None:
        """Go on in another file, empty at first.

        Raises:
            NetworkError: it cannot be written.
        """
        self._path = str(Path(path).absolute())  # scripts may change their folder
        self.clear()

    def clear(self) -> None:
        """Empty the file.

        Raises:
            NetworkError: it cannot be written.
        """
        write_text(self._path, "", "replay file")

    def add(self, simulation: Simulation, names: Sequence[str]) -> None:
        """Write what a step led to.

        Args:
            simulation: the simulation after it.
            names: the running vehicles by ascending priority.

        Raises:
            NetworkError: the file cannot be written, or a vehicle is on a road without a length.
        """
        slots = simulation.slots(waiting=False)
        v, models = simulation.state.vehicles[slots], simulation.models
        x, y, headings = self._lines.at(v["drivable"], v["dis"])
        if not np.isfinite(x + y).all():
            stuck = names[int(np.isfinite(x + y).argmin())]
            raise NetworkError(f"{self._path}: replay file: {stuck} is on a road without a length")
        numbers = decimals(np.stack([x, y], axis=1).ravel(), _N_TENS)
        shapes = [
            self._shape(models[k]) for k in simulation.state.journeys["model"][slots].tolist()
        ]
        rows = zip(numbers[::2], numbers[1::2], headings, names, shapes, strict=True)
        vehicles = "".join(
            [f"{x} {y} {angle} {name} 0 {shape}," for x, y, angle, name, shape in rows]
        )
        lights = self._lights.text(simulation.state.phase, simulation.state.green)
        write_text(self._path, f"{vehicles};{lights}\n", "replay file", mode="a")

    def _shape(self, model: VehicleModel) -> str:
        if model not in self._shapes:
            self._shapes[model] = " ".join(decimals([model.length, model.width], _N_TENS))
        return self._shapes[model]


def open_replay(config: Entry, net: Roadnet, folder: str) -> Replay | None:
    """Return the replay that a config asks for, if it does; the roadnet log is written.

    Args:
        config: the config file.
        net: the road network that it names.
        folder: what the paths start with, as text.

    Raises:
        NetworkError: a path is missing, or a file cannot be written.
    """
    if "saveReplay" not in config.value:
        config.doubt("'saveReplay' is missing", "it counts as false")
        return None
    if not config.flag("saveReplay"):
        return None
    log, path = config.string("roadnetLogFile"), config.string("replayLogFile")
    parts = parse_parts(Entry.of(net.file, "roadnet", read_json(net.file), strict=False))
    write_text(folder + log, roadnet_log(parts.places, parts.roads), "'roadnetLogFile'")
    return Replay(parts, net, folder + path)


def write_text(path: str, text: str, what: str, mode: str = "w") -> None:
    """Write or append to a file.

    Raises:
        NetworkError: that fails; the message says what the file is.
    """
    try:
        with Path(path).open(mode, encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise NetworkError(f"{path}: {what}: cannot be written: {error.strerror}") from error


class Lines:
    """The middles of lanes and lane links as segments one after the other.

    Args:
        lines: by drivable [m].
    """

    def __init__(self, lines: Sequence[geometry.Polyline]) -> None:
        # Behind each line stands a segment that nobody leaves: its last point.
        counts = np.array([len(line) for line in lines])
        self._last = np.cumsum(counts) - 1
        self._first = self._last - counts + 1
        self._total = np.array([geometry.polyline_length(line) for line in lines])
        self._start = np.array([point for line in lines for point in line], dtype=np.float64)
        self._step = np.diff(self._start, axis=0, append=0.0)
        self._step[self._last] = 0.0
        lengths = [[geometry.distance(a, b) for a, b in pairwise(line)] for line in lines]
        self._length = np.array([x for row in lengths for x in (*row, np.inf)])
        units = [geometry.direction(a, b) for line in lines for a, b in pairwise([*line, line[-1]])]
        self._angle = decimals(np.nan_to_num([atan2(y, x) for x, y in units]), _N_TENS)

    def at(
        self, drivable: Int32[np.ndarray, "n"], along: Float64[np.ndarray, "n"]
    ) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"], list[str]]:
        """Return x, y [m] and the direction, as text [rad], of places along lines.

        Args:
            drivable: lane or lane link.
            along: how far on it [m].
        """
        rest = np.where(along > 0.0, along, 0.0)
        rest = np.minimum(rest, self._total[drivable])
        k, rest = self._walk(drivable, rest, strictly=True)
        with np.errstate(invalid="ignore"):
            part = np.where(rest > 0.0, rest / self._length[k], 0.0)
            x, y = (self._start[k] + self._step[k] * part[:, np.newaxis]).T
        heading, _ = self._walk(drivable, along.copy(), strictly=False)
        heading = np.minimum(heading, self._last[drivable] - 1)
        return x, y, [self._angle[i] for i in heading.tolist()]

    def _walk(
        self, drivable: Int32[np.ndarray, "n"], rest: Float64[np.ndarray, "n"], strictly: bool
    ) -> tuple[Int64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
        """Return the segments that places lie on, and how far on them.

        An end belongs to the segment before it or, not strictly, to the one behind.
        """
        k, beyond = self._first[drivable], np.greater if strictly else np.greater_equal
        while len(on := np.flatnonzero(beyond(rest, self._length[k]))):
            rest[on] -= self._length[k[on]]
            k[on] += 1
        return k, rest


class Lights:
    """What the signals show, lane by lane.

    Args:
        net: the road network.
    """

    def __init__(self, net: Roadnet) -> None:
        self._lane_start = net.link_start
        self._n_lanes = net.n_lanes
        ends = net.road_end[net.lane_road]
        self._always = np.diff(net.phase_ptr)[ends] <= 1
        signals = np.flatnonzero(~net.intersection_virtual[net.road_end])
        self._roads = [
            (net.road_ids[r], slice(*net.road_lane_ptr[r : r + 2].tolist())) for r in signals
        ]
        self._shown: tuple[bytes, str] = b"", ""

    def text(self, phase: Int32[np.ndarray, "places"], green: Any) -> str:
        """Return the lights before each intersection with signals.

        Args:
            phase: current phase of every intersection.
            green: ``[links]`` whether each is open.
        """
        key = phase.tobytes()
        if self._shown[0] != key:
            red = np.bincount(self._lane_start[~green], minlength=self._n_lanes) > 0
            letters = np.where(self._always, "i", np.where(red, "r", "g")).tolist()
            roads = [f"{road} {' '.join(letters[lanes])}," for road, lanes in self._roads]
            self._shown = key, "".join(roads)
        return self._shown[1]
