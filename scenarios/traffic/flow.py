"""Traffic demand: CityFlow's flow.json, checked, and the routes through the roads that it names.

Specification, sections 1.4 and 6.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scenarios.traffic.entries import Entry, NetworkError, read_json
from scenarios.traffic.roadnet import Roadnet

_INT32 = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleModel:
    """What a vehicle is and can do.

    Attributes:
        length: [m].
        width: [m], without influence as long as nobody changes lanes.
        max_pos_acc: largest acceleration [m/s^2].
        max_neg_acc: largest deceleration [m/s^2].
        usual_pos_acc: comfortable acceleration [m/s^2].
        usual_neg_acc: comfortable deceleration [m/s^2].
        min_gap: gap kept when stopped [m].
        max_speed: [m/s].
        headway_time: gap kept when moving [s].
    """

    length: float
    width: float
    max_pos_acc: float
    max_neg_acc: float
    usual_pos_acc: float
    usual_neg_acc: float
    min_gap: float
    max_speed: float
    headway_time: float

    @classmethod
    def read(cls, entry: Entry) -> "VehicleModel":
        """Check the nine numbers of a JSON object.

        Raises:
            NetworkError: a number is missing, not finite or out of range.
        """
        return cls(
            length=entry.number("length", above=0.0),
            width=entry.number("width", least=0.0),
            max_pos_acc=entry.number("maxPosAcc", above=0.0),
            max_neg_acc=entry.number("maxNegAcc", above=0.0),
            usual_pos_acc=entry.number("usualPosAcc", above=0.0),
            usual_neg_acc=entry.number("usualNegAcc", above=0.0),
            min_gap=_min_gap(entry),
            max_speed=entry.number("maxSpeed", above=0.0),
            headway_time=entry.number("headwayTime", least=0.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A stream of equal vehicles.

    Attributes:
        model: the vehicle.
        anchors: roads to pass, in order; gaps are filled by shortest paths.
        interval: time between vehicles [s].
        start_time: no vehicle before [s].
        end_time: no vehicle after [s]; -1 for a flow without end.
    """

    model: VehicleModel
    anchors: tuple[int, ...]
    interval: float
    start_time: int
    end_time: int


def _min_gap(entry: Entry) -> float:
    gap = entry.number("minGap")
    if gap < 0:
        entry.doubt(f"'minGap' must be at least 0, is {gap!r}", "vehicles overlap when they stop")
    return gap


def load_flows(
    path: str | Path, road_index: Mapping[str, int], *, strict: bool = True
) -> list[Flow]:
    """Read and check a flow file.

    Args:
        path: the JSON file.
        road_index: road id to index, of the network the flows drive on.
        strict: see `Entry`.

    Raises:
        NetworkError: the file is unreadable or breaks a rule of the format.
    """
    return parse_flows(read_json(path), road_index, str(path), strict=strict)


def parse_flows(
    data: object, road_index: Mapping[str, int], file: str = "flow", *, strict: bool = True
) -> list[Flow]:
    """Check parsed flows.

    Args:
        data: what the JSON file holds.
        road_index: road id to index.
        file: name used in errors.
        strict: see `Entry`.

    Raises:
        NetworkError: the data break a rule of the format.
    """
    if not isinstance(data, list):
        raise NetworkError(f"{file}: flows: the file must hold a list")
    return [
        _parse_flow(Entry.of(file, f"flow 'flow_{i}'", item, strict=strict), road_index)
        for i, item in enumerate(data)
    ]


def _parse_flow(entry: Entry, road_index: Mapping[str, int]) -> Flow:
    anchors = []
    for name in entry.strings("route", least=1):
        if name not in road_index:
            entry.fail(f"'route' names the unknown road {name!r}")
        anchors.append(road_index[name])
    start, end = _whole_second(entry, "startTime", 0), _whole_second(entry, "endTime", -1)
    interval = entry.number("interval", above=0.0)
    if interval < 1 and start != end:
        entry.fail(f"'interval' must be at least 1 unless startTime is endTime, is {interval!r}")
    return Flow(
        model=VehicleModel.read(entry.entry("vehicle")),
        anchors=tuple(anchors),
        interval=interval,
        start_time=start,
        end_time=end,
    )


def _whole_second(entry: Entry, key: str, default: int) -> int:
    """Return an integer field; absent or of another type it is the default, as in CityFlow."""
    value = entry.value.get(key)
    if value is not None and type(value) not in (int, float):
        entry.doubt(f"'{key}' must be an integer, is {value!r}", f"it counts as {default}")
    if type(value) is not int:
        return default
    second = entry.integer(key)
    if not -_INT32 <= second < _INT32:
        entry.fail(f"'{key}' must fit into 32 bits, is {second}")
    return second


@dataclass(slots=True)
class _Reached:
    """A road on the heap. Only the distance is compared, so ties fall as in a C++ heap."""

    distance: float
    road: int

    def __lt__(self, other: "_Reached") -> bool:
        return self.distance < other.distance


class Router:
    """Expand lists of anchor roads into routes; pure, and remembers the paths it has found.

    Args:
        net: the road network.
    """

    def __init__(self, net: Roadnet) -> None:
        self._length = net.road_length.tolist()
        self._successors = _successors(net)
        self._paths: dict[tuple[int, int], tuple[int, ...] | None] = {}

    def expand(self, anchors: Sequence[int]) -> tuple[int, ...] | None:
        """Return all roads of a route through the anchors, or None if there is none.

        A route of a single road is none: CityFlow drops it.

        Args:
            anchors: road indices; equal neighbors count once.
        """
        route = [anchors[0]]
        for a, b in pairwise(anchors):
            if a == b:
                continue
            path = self._path(a, b)
            if path is None:
                return None
            route += path
        return tuple(route) if len(route) > 1 else None

    def _path(self, a: int, b: int) -> tuple[int, ...] | None:
        if (a, b) not in self._paths:
            self._paths[a, b] = self._search(a, b)
        return self._paths[a, b]

    def _search(self, a: int, b: int) -> tuple[int, ...] | None:
        """Dijkstra from road a to road b; the path excludes a and includes b."""
        best = {a: 0.0}
        came_from: dict[int, int] = {}
        visited: set[int] = set()
        heap = [_Reached(0.0, a)]
        while heap:
            if heap[0].road == b:
                return _walk_back(came_from, a, b)
            road = heapq.heappop(heap).road
            if road in visited:
                continue
            visited.add(road)
            for after in self._successors[road]:
                reached = best[road] + self._length[after]
                if after not in best or reached < best[after]:
                    came_from[after], best[after] = road, reached
                    heapq.heappush(heap, _Reached(reached, after))
        return None


def _walk_back(came_from: dict[int, int], a: int, b: int) -> tuple[int, ...]:
    path = [b]
    while came_from[path[-1]] != a:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))


def _successors(net: Roadnet) -> list[list[int]]:
    """Return for each road the connected roads, as listed at the intersection where it ends."""
    lane_road = net.lane_road.tolist()
    linked: list[set[int]] = [set() for _ in net.road_ids]
    for start, end in zip(net.link_start.tolist(), net.link_end.tolist(), strict=True):
        linked[lane_road[start]].add(lane_road[end])
    return [
        [after for after in net.intersection_roads[end] if after in linked[road]]
        for road, end in enumerate(net.road_end.tolist())
    ]
