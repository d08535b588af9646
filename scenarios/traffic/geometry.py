"""Polylines of lanes and lane links (specification, sections 2.1 and 2.2).

Every expression keeps the order of CityFlow's arithmetic, because lengths enter the dynamics to
the last bit. Points are (x, y) in meters.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

Point = tuple[float, float]
Polyline = Sequence[Point]

_N_CURVE = 10
_SHORT_ARM = 5.0


def distance(a: Point, b: Point) -> float:
    """Return the distance between two points [m]."""
    x, y = b[0] - a[0], b[1] - a[1]
    return math.sqrt(x * x + y * y)


def polyline_length(points: Polyline) -> float:
    """Return the running sum of segment lengths [m]."""
    total = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        x, y = x1 - x0, y1 - y0
        total += sqrt(x * x + y * y)
    return total


def _unit(a: Point) -> Point:
    length = math.sqrt(a[0] * a[0] + a[1] * a[1])
    if length == 0.0:
        return math.nan, math.nan
    return a[0] / length, a[1] / length


def direction(a: Point, b: Point) -> Point:
    """Return the unit vector from one point to another; NaN where they are equal."""
    return _unit((b[0] - a[0], b[1] - a[1]))


def shortened(points: Polyline, start_width: float, end_width: float) -> list[Point]:
    """Return road points pulled in by the widths of the intersections at its ends.

    Args:
        points: at least two road points.
        start_width: how far to move the first point along the road [m], 0 to leave it.
        end_width: how far to move the last point back [m], 0 to leave it.
    """
    moved = list(points)
    if start_width != 0.0:
        u = direction(moved[0], moved[1])
        moved[0] = (moved[0][0] + u[0] * start_width, moved[0][1] + u[1] * start_width)
    if end_width != 0.0:
        u = direction(moved[-2], moved[-1])
        moved[-1] = (moved[-1][0] - u[0] * end_width, moved[-1][1] - u[1] * end_width)
    return moved


def lane_offsets(widths: Sequence[float]) -> list[float]:
    """Return how far right of the road's line each lane's middle runs [m]."""
    offsets, inner = [], 0.0
    for width in widths:
        offsets.append((inner + (inner + width)) / 2)
        inner += width
    return offsets


def normals(points: Polyline) -> list[Point]:
    """Return for each point of a road the unit direction in which lanes are offset."""
    last = len(points) - 1
    result = []
    for j in range(len(points)):
        if j == 0:
            u = direction(points[0], points[1])
        elif j == last:
            u = direction(points[last - 1], points[last])
        else:
            ahead = direction(points[j], points[j + 1])
            behind = direction(points[j - 1], points[j])
            u = _unit((ahead[0] + behind[0], ahead[1] + behind[1]))
        result.append((u[1], -u[0]))
    return result


def lane_polylines(points: Polyline, widths: Sequence[float]) -> list[list[Point]]:
    """Return one polyline per lane, lane 0 next to the road's line."""
    sideways = normals(points)
    return [
        [(p[0] + n[0] * off, p[1] + n[1] * off) for p, n in zip(points, sideways, strict=True)]
        for off in lane_offsets(widths)
    ]


def _point_at(points: Polyline, along: float) -> Point:
    total = polyline_length(points)
    rest = along if along > 0.0 else 0.0
    rest = rest if rest < total else total
    if rest <= 0.0:
        return points[0]
    for j in range(1, len(points)):
        a, b = points[j - 1], points[j]
        length = distance(a, b)
        if rest > length:
            rest -= length
        else:
            part = rest / length
            return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part
    return points[-1]


def _direction_at(points: Polyline, along: float) -> Point:
    rest = along
    for j in range(1, len(points)):
        length = distance(points[j - 1], points[j])
        if rest < length:
            return direction(points[j - 1], points[j])
        rest -= length
    return direction(points[-2], points[-1])


def _lerp(a: Point, b: Point, t: float) -> Point:
    return (b[0] - a[0]) * t + a[0], (b[1] - a[1]) * t + a[1]


def link_curve(start: Polyline, end: Polyline, start_width: float, end_width: float) -> list[Point]:
    """Return the cubic curve CityFlow draws for a lane link without points.

    Args:
        start: the start lane, reaching to the middle of the intersection (not shortened).
        end: the end lane, from the middle of the intersection (not shortened).
        start_width: width of the intersection at the start lane's end [m].
        end_width: width of the intersection at the end lane's start [m].

    Returns:
        11 points. The second handle keeps CityFlow's sign slip (+5 D2) for short curves.
    """
    reach = polyline_length(start) - start_width
    s, e = _point_at(start, reach), _point_at(end, 0.0 + end_width)
    d1, d2 = _direction_at(start, reach), _direction_at(end, 0.0 + end_width)
    length = distance(s, e)
    g1 = (d1[0] * length * 0.5, d1[1] * length * 0.5)
    g2 = (-d2[0] * length * 0.5, -d2[1] * length * 0.5)
    if g1[0] * g1[0] + g1[1] * g1[1] < 25 and start_width >= _SHORT_ARM:
        g1 = (d1[0] * 5, d1[1] * 5)
    if g2[0] * g2[0] + g2[1] * g2[1] < 25 and end_width >= _SHORT_ARM:
        g2 = (d2[0] * 5, d2[1] * 5)
    m1, m2 = (s[0] + g1[0], s[1] + g1[1]), (e[0] + g2[0], e[1] + g2[1])
    return [_bezier(s, m1, m2, e, i / float(_N_CURVE)) for i in range(_N_CURVE + 1)]


def _bezier(s: Point, m1: Point, m2: Point, e: Point, t: float) -> Point:
    p1, p2, p3 = _lerp(s, m1, t), _lerp(m1, m2, t), _lerp(m2, e, t)
    return _lerp(_lerp(p1, p2, t), _lerp(p2, p3, t), t)
