"""The roads of a roadnet file, checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios.traffic import geometry
from scenarios.traffic.entries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """A road and the geometry of its lanes.

    Attributes:
        id: its name.
        start: index of the intersection where it starts.
        end: index of the intersection where it ends.
        widths: width of each lane [m].
        max_speeds: speed limit of each lane [m/s].
        lanes: middle of each lane between its intersections.
        lengths: length of each of them [m].
        reach: lanes drawn from the middle of one intersection to the middle of the other, which
            is what lane links without points are drawn from.
    """

    id: str
    start: int
    end: int
    widths: tuple[float, ...]
    max_speeds: tuple[float, ...]
    lanes: tuple[geometry.Polyline, ...]
    lengths: tuple[float, ...]
    reach: tuple[geometry.Polyline, ...]


def parse_roads(
    root: Entry, place_index: Mapping[str, int], place_widths: Sequence[float]
) -> list[Road]:
    """Check the roads of a roadnet.

    Args:
        root: the roadnet.
        place_index: intersection id to index.
        place_widths: width of each intersection, 0 if virtual [m].

    Raises:
        NetworkError: a road breaks a rule.
    """
    roads: list[Road] = []
    seen: set[str] = set()
    for item in root.entries("roads", least=1):
        name = item.string("id")
        entry = Entry(root.file, f"road {name!r}", item.value)
        if name in seen:
            entry.fail("'id' is used twice")
        seen.add(name)
        roads.append(_parse_road(entry, name, place_index, place_widths))
    return roads


def _parse_road(
    entry: Entry, name: str, place_index: Mapping[str, int], place_widths: Sequence[float]
) -> Road:
    start = _place(entry, "startIntersection", place_index)
    end = _place(entry, "endIntersection", place_index)
    points = entry.points("points", least=2)
    lanes = list(entry.entries("lanes", least=1))
    widths = tuple(lane.number("width", least=0.0) for lane in lanes)
    max_speeds = tuple(lane.number("maxSpeed", least=0.0) for lane in lanes)
    inside = geometry.shortened(points, place_widths[start], place_widths[end])
    polylines = tuple(geometry.lane_polylines(inside, widths))
    lengths = tuple(map(geometry.polyline_length, polylines))
    if not all(math.isfinite(length) for length in lengths):
        entry.fail("'points' give a lane without a direction (two points are equal)")
    return Road(
        id=name,
        start=start,
        end=end,
        widths=widths,
        max_speeds=max_speeds,
        lanes=polylines,
        lengths=lengths,
        reach=tuple(geometry.lane_polylines(points, widths)),
    )


def _place(entry: Entry, key: str, place_index: Mapping[str, int]) -> int:
    name = entry.string(key)
    if name not in place_index:
        entry.fail(f"'{key}' names the unknown intersection {name!r}")
    return place_index[name]
