"""Grids of signalized intersections and their demand, as CityFlow's JSON objects.

`generate_roadnet(6, 6)` is the network of the LToS authors' 6x6 file, `generate_flow(6, 6, rng)`
draws a demand like theirs: 2570 vehicles at the arrival rates of the paper's Table 1, each on a
straight route through the grid, with the ranges of vehicle parameters found in their file.

Intersection (x, y) is ``intersection_<x>_<y>``, x from 1 to columns, y from 1 to rows; around them
lies a ring of virtual ones, where roads begin and end. Road ``road_<x>_<y>_<d>`` leaves (x, y) to
the east (d = 0), north (1), west (2) or south (3).

Each signal has 9 phases. Right turns are open in all of them. Phase 0 opens nothing else; 1 and 2
go straight (east-west, north-south), 3 and 4 turn left, 5 to 8 open all ways of one arm (from
west, east, south, north).
"""

from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

TABLE_1 = (1.0, 1 / 4, 1 / 3, 2.0, 1 / 5, 1 / 2)  # vehicles per second, paper, Table 1
WINDOW_S = 600
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_LANE_WIDTH = 4.0
_STRAIGHT, _LEFT, _RIGHT = "go_straight", "turn_left", "turn_right"
_TURNS = {0: _STRAIGHT, 1: _LEFT, 3: _RIGHT}
_N_POINTS = 11
# Which arms (by their road's direction) may do what in each phase, besides right turns.
_PHASES: tuple[tuple[tuple[int, str], ...], ...] = (
    (),
    ((0, _STRAIGHT), (2, _STRAIGHT)),
    ((1, _STRAIGHT), (3, _STRAIGHT)),
    ((0, _LEFT), (2, _LEFT)),
    ((1, _LEFT), (3, _LEFT)),
    ((0, _STRAIGHT), (0, _LEFT)),
    ((2, _STRAIGHT), (2, _LEFT)),
    ((1, _STRAIGHT), (1, _LEFT)),
    ((3, _STRAIGHT), (3, _LEFT)),
)
_CLEARING_S, _GREEN_S = 5, 30


def generate_roadnet(
    rows: int,
    columns: int,
    *,
    lanes: tuple[int, int, int] = (1, 1, 1),
    spacing: float = 100.0,
    width: float = 11.0,
    max_speed: float = 11.111,
    points: bool = True,
) -> dict[str, Any]:
    """Return a grid of signalized intersections as the content of a roadnet file.

    Args:
        rows: intersections from south to north.
        columns: intersections from west to east.
        lanes: lanes for left turns, straight on and right turns. A movement with none shares the
            lane next to where its own would be.
        spacing: distance between intersections [m].
        width: how far roads stop short of an intersection's middle [m].
        max_speed: speed limit [m/s].
        points: whether to write the curves of lane links, as the authors' file does; otherwise
            the simulator draws its own.

    Raises:
        ValueError: no intersection, no lane, or no room for roads.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"a grid needs rows and columns, has {rows} x {columns}")
    if min(lanes) < 0 or sum(lanes) < 1:
        raise ValueError(f"lanes must be at least one in total and none negative, is {lanes}")
    if not spacing > 2 * width >= 0:
        raise ValueError(f"spacing {spacing} leaves no road between intersections of {width}")
    grid = _Grid(rows, columns, lanes, spacing, width, points)
    lane = {"width": _LANE_WIDTH, "maxSpeed": max_speed}
    roads = [
        {
            "id": _road(x, y, d),
            "points": [grid.point(x, y), grid.point(x + _STEPS[d][0], y + _STEPS[d][1])],
            "lanes": [dict(lane) for _ in range(sum(lanes))],
            "startIntersection": _place(x, y),
            "endIntersection": _place(x + _STEPS[d][0], y + _STEPS[d][1]),
        }
        for x, y in grid.places()
        for d in range(4)
        if grid.has_road(x, y, d)
    ]
    return {"intersections": [grid.intersection(x, y) for x, y in grid.places()], "roads": roads}


def _place(x: int, y: int) -> str:
    return f"intersection_{x}_{y}"


def _road(x: int, y: int, d: int) -> str:
    return f"road_{x}_{y}_{d}"


class _Grid:
    def __init__(
        self,
        rows: int,
        columns: int,
        lanes: tuple[int, int, int],
        spacing: float,
        width: float,
        points: bool,
    ) -> None:
        self._rows, self._columns = rows, columns
        self._spacing, self._width, self._points = spacing, width, points
        self._n_lanes = sum(lanes)
        last = self._n_lanes - 1
        left, straight, right = lanes
        shared = min(left, last)
        self._lanes_of = {
            _LEFT: range(max(left, 1)),
            _STRAIGHT: range(left, left + straight) if straight else range(shared, shared + 1),
            _RIGHT: range(self._n_lanes - max(right, 1), self._n_lanes),
        }

    def places(self) -> Iterator[tuple[int, int]]:
        """Yield all intersections but the corners of the ring, in the order of the file."""
        for x in range(self._columns + 2):
            for y in range(self._rows + 2):
                if self.is_real(x, y) or self._on_ring(x, y):
                    yield x, y

    def is_real(self, x: int, y: int) -> bool:
        return 1 <= x <= self._columns and 1 <= y <= self._rows

    def _on_ring(self, x: int, y: int) -> bool:
        return (x in (0, self._columns + 1)) != (y in (0, self._rows + 1))

    def has_road(self, x: int, y: int, d: int) -> bool:
        """Return whether a road leaves (x, y) in direction d."""
        x2, y2 = x + _STEPS[d][0], y + _STEPS[d][1]
        if self.is_real(x, y):
            return self.is_real(x2, y2) or self._on_ring(x2, y2)
        return self._on_ring(x, y) and self.is_real(x2, y2)

    def point(self, x: int, y: int) -> dict[str, float]:
        return {"x": (x - 1) * self._spacing, "y": (y - 1) * self._spacing}

    def _arriving(self, x: int, y: int) -> Iterator[tuple[int, str]]:
        for d, (dx, dy) in enumerate(_STEPS):
            if self.has_road(x - dx, y - dy, d):
                yield d, _road(x - dx, y - dy, d)

    def intersection(self, x: int, y: int) -> dict[str, Any]:
        arriving = list(self._arriving(x, y))
        leaving = [_road(x, y, d) for d in range(4) if self.has_road(x, y, d)]
        real = self.is_real(x, y)
        moves = [
            (d, out, _TURNS[(out - d) % 4])
            for d, _ in arriving
            for out in range(4)
            if real and (out - d) % 4 != 2
        ]
        links = [self._road_link(x, y, d, out, kind) for d, out, kind in moves]
        return {
            "id": _place(x, y),
            "point": self.point(x, y),
            "width": self._width if real else 0,
            "roads": [road for _, road in arriving] + leaving,
            "roadLinks": links,
            "trafficLight": {
                "roadLinkIndices": list(range(len(links))),
                "lightphases": _phases(moves) if real else [],
            },
            "virtual": not real,
        }

    def _road_link(self, x: int, y: int, d: int, out: int, kind: str) -> dict[str, Any]:
        dx, dy = _STEPS[d]
        return {
            "type": kind,
            "startRoad": _road(x - dx, y - dy, d),
            "endRoad": _road(x, y, out),
            "direction": d,
            "laneLinks": [
                self._lane_link(x, y, d, out, start, end)
                for start in self._lanes_of[kind]
                for end in range(self._n_lanes)
            ],
        }

    def _lane_link(self, x: int, y: int, d: int, out: int, start: int, end: int) -> dict[str, Any]:
        link: dict[str, Any] = {"startLaneIndex": start, "endLaneIndex": end}
        if self._points:
            middle = self.point(x, y)
            link["points"] = [
                {"x": middle["x"] + px, "y": middle["y"] + py}
                for px, py in _curve(self._width, _STEPS[d], _STEPS[out], start, end)
            ]
        return link


def _phases(moves: Sequence[tuple[int, int, str]]) -> list[dict[str, Any]]:
    return [
        {
            "time": _GREEN_S if p else _CLEARING_S,
            "availableRoadLinks": [
                k for k, (d, _, kind) in enumerate(moves) if kind == _RIGHT or (d, kind) in opened
            ],
        }
        for p, opened in enumerate(_PHASES)
    ]


def _curve(
    width: float, a: tuple[int, int], b: tuple[int, int], start: int, end: int
) -> Iterator[tuple[float, float]]:
    """Yield a cubic from a lane's end to a lane's start, its tangents as long as `width`."""
    first, last = _LANE_WIDTH * (start + 0.5), _LANE_WIDTH * (end + 0.5)
    for j in range(_N_POINTS):
        t = j / (_N_POINTS - 1)
        s = 1 - t
        w = (s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t)
        yield tuple(  # type: ignore[misc]
            w[0] * p0 + w[1] * (p0 + width * u / 3) + w[2] * (p3 - width * v / 3) + w[3] * p3
            for p0, p3, u, v in (
                (-width * a[0] + first * a[1], width * b[0] + last * b[1], a[0], b[0]),
                (-width * a[1] - first * a[0], width * b[1] - last * b[0], a[1], b[1]),
            )
        )


def generate_flow(
    rows: int,
    columns: int,
    rng: np.random.Generator,
    *,
    rates: Sequence[float] = TABLE_1,
    window_s: int = WINDOW_S,
    turns: tuple[float, float, float] = (0.0, 1.0, 0.0),
) -> list[dict[str, Any]]:
    """Return single vehicles that arrive evenly at given rates, as the content of a flow file.

    Args:
        rows: of the grid.
        columns: of the grid.
        rng: draws the arm a vehicle comes from, its turns and its parameters.
        rates: vehicles per second in each window.
        window_s: length of a window [s].
        turns: probabilities of turning left, going straight and turning right at a signal.

    Raises:
        ValueError: a negative rate, or probabilities that do not sum to 1.
    """
    if min(rates, default=0.0) < 0:
        raise ValueError(f"rates must not be negative, is {tuple(rates)}")
    if min(turns) < 0 or abs(sum(turns) - 1) > 1e-9:
        raise ValueError(f"turns must be probabilities that sum to 1, is {turns}")
    starts = [
        window * window_s + int(k / rate + 1e-9)
        for window, rate in enumerate(rates)
        if rate > 0
        for k in range(round(rate * window_s))
    ]
    return [
        {
            "vehicle": _draw_vehicle(rng),
            "route": _draw_route(rows, columns, rng, turns),
            "interval": 1.0,
            "startTime": start,
            "endTime": start,
        }
        for start in starts
    ]


def _draw_vehicle(rng: np.random.Generator) -> dict[str, float]:
    return {
        "length": 5.0,
        "width": 2.0,
        "maxPosAcc": rng.uniform(1.5, 2.5),
        "maxNegAcc": rng.uniform(3.0, 6.0),
        "usualPosAcc": rng.uniform(1.5, 2.5),
        "usualNegAcc": rng.uniform(3.0, 6.0),
        "minGap": 2.5,
        "maxSpeed": rng.uniform(8.0, 16.0),
        "headwayTime": 2,
    }


def _draw_route(
    rows: int, columns: int, rng: np.random.Generator, turns: tuple[float, float, float]
) -> list[str]:
    """Walk from a random arm until the grid ends; at least one signal lies on the way."""
    arm = int(rng.integers(2 * rows + 2 * columns))
    if arm < 2 * rows:
        d, (x, y) = (0, (0, arm + 1)) if arm < rows else (2, (columns + 1, arm - rows + 1))
    else:
        arm -= 2 * rows
        d, (x, y) = (1, (arm + 1, 0)) if arm < columns else (3, (arm - columns + 1, rows + 1))
    limits, route = np.cumsum(turns), []
    limits = (limits / limits[-1]).tolist()
    while True:
        route.append(_road(x, y, d))
        x, y = x + _STEPS[d][0], y + _STEPS[d][1]
        if not (1 <= x <= columns and 1 <= y <= rows):
            return route
        d = (d + (1, 0, 3)[bisect(limits, rng.random())]) % 4  # what rng.choice does
