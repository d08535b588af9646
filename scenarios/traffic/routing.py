"""Shortest paths between the roads of a route (specification, section 6)."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scenarios.traffic.roadnet import Roadnet


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
