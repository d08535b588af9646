"""What CityFlow's viewer draws below the vehicles: `roadnetLogFile` (specification, section 12)."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scenarios.traffic import geometry
from scenarios.traffic.crosses import sort_like_libstdcxx
from scenarios.traffic.engine.decimals import decimals
from scenarios.traffic.geometry import Point
from scenarios.traffic.roadnet_file import Intersection, Road

_LEAST_REACH = 5.0  # of the outline along a road, beyond the intersection's width [m]
_N_TENS = 20  # of the library that writes this file


def roadnet_log(places: Sequence[Intersection], roads: Sequence[Road]) -> str:
    """Return the text of the file.

    Args:
        places: the intersections.
        roads: the roads.
    """
    index = {road.id: r for r, road in enumerate(roads)}
    nodes = [
        _node(place, [(roads[r], roads[r].start == i) for r in place.roads(index)])
        for i, place in enumerate(places)
    ]
    return _json({"static": {"nodes": nodes, "edges": [_edge(road, places) for road in roads]}})


def _node(place: Intersection, arms: Sequence[tuple[Road, bool]]) -> dict[str, Any]:
    """Describe an intersection; ``arms`` are its roads, and whether they start there."""
    point = place.entry.entry("point")
    middle = point.number("x"), point.number("y")
    node = {"id": place.id, "point": middle, "virtual": place.virtual}
    if not place.virtual:
        node["width"] = place.width
    corners = [corner for arm in arms for corner in _corners(*arm, place.width)]
    return node | {"outline": [x for corner in _hull([middle, *corners]) for x in corner]}


def _edge(road: Road, places: Sequence[Intersection]) -> dict[str, Any]:
    return {
        "id": road.id, "from": places[road.start].id, "to": places[road.end].id,
        "points": road.points, "nLane": len(road.widths), "laneWidths": road.widths,
    }  # fmt: skip


def _corners(road: Road, starts: bool, inside: float) -> Iterator[Point]:
    """Return four corners of the part of a road that belongs to an intersection.

    The two at its edge come first, on the line of the road before its other side.
    """
    end, back = (road.points[0], 1.0) if starts else (road.points[-1], -1.0)
    u = geometry.direction(road.points[0], road.points[-1])  # also of a bent road
    width = 0.0
    for lane in road.widths:
        width += lane
    reach = max(_LEAST_REACH, min(inside, width) / 2)
    near = end[0] + u[0] * inside * back, end[1] + u[1] * inside * back
    sides = near, (near[0] + u[1] * width, near[1] - u[0] * width)
    yield from sides
    for side in sides:
        yield side[0] + u[0] * reach * back, side[1] + u[1] * reach * back


def _hull(points: Sequence[Point]) -> list[Point]:
    """Return the convex hull of points as Graham's scan finds it, from the lowest one on.

    The points that lie in the same direction from the first are in the order in which CityFlow's
    sort leaves them, so that now and then a corner is missing.
    """
    low = min(range(len(points)), key=lambda i: points[i][1])
    first, rest = points[low], [*points[:low], *points[low + 1 :]]
    angles = np.array([math.atan2(y - first[1], x - first[0]) for x, y in rest], dtype=np.float64)
    hull = [first]
    for i in sort_like_libstdcxx(angles).tolist():
        while len(hull) > 1 and _turn(hull[-2], hull[-1], rest[i]) <= 0:
            hull.pop()
        hull.append(rest[i])
    return hull


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _json(value: Any) -> str:
    """Write JSON with CityFlow's decimals and no blanks."""
    if isinstance(value, dict):
        items = (f"{_json(key)}:{_json(item)}" for key, item in value.items())
        return f"{{{','.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, float):
        return "-0.0" if str(value) == "-0.0" else decimals([value], _N_TENS)[0]
    return json.dumps(value, ensure_ascii=False)
