"""The entries of a roadnet file, checked: intersections with their phases, roads, lane links."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scenarios.traffic import geometry
from scenarios.traffic.entries import Entry

_KINDS = {"go_straight": 3, "turn_left": 2, "turn_right": 1}


@dataclass(frozen=True, slots=True)
class Phase:
    """A signal phase: its duration under the built-in plan [s] and the road links it opens."""

    time: float
    road_links: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intersection:
    """An intersection; a virtual one is a dead end without signals or lane links.

    Attributes:
        id: its name.
        virtual: whether links, signals and width are ignored.
        width: how far roads stop short of its middle [m].
        phases: signal phases, empty if virtual.
        entry: the JSON object.
    """

    id: str
    virtual: bool
    width: float
    phases: tuple[Phase, ...]
    entry: Entry

    def roads(self, road_index: Mapping[str, int]) -> tuple[int, ...]:
        """Return the roads listed at the intersection, in file order.

        Raises:
            NetworkError: a road is unknown.
        """
        return tuple(_road(self.entry, name, road_index) for name in self.entry.strings("roads"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """A road and the geometry of its lanes.

    Attributes:
        id: its name.
        start: index of the intersection where it starts.
        end: index of the intersection where it ends.
        points: its line, from the middle of one intersection to the middle of the other [m].
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
    points: geometry.Polyline
    widths: tuple[float, ...]
    max_speeds: tuple[float, ...]
    lanes: tuple[geometry.Polyline, ...]
    lengths: tuple[float, ...]
    reach: tuple[geometry.Polyline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A lane link.

    Attributes:
        intersection: index of the intersection it crosses.
        road_link: index of its road link there, which phases refer to.
        kind: 3 straight, 2 left, 1 right, 0 other.
        start: (road, lane in the road) it leaves.
        end: (road, lane in the road) it enters.
        points: its polyline [m].
        length: of the polyline [m].
    """

    intersection: int
    road_link: int
    kind: int
    start: tuple[int, int]
    end: tuple[int, int]
    points: geometry.Polyline
    length: float


class Parts(NamedTuple):
    """What a roadnet consists of, in the order of the file."""

    places: list[Intersection]
    roads: list[Road]
    links: list[Link]


def parse_parts(root: Entry) -> Parts:
    """Check a roadnet.

    Raises:
        NetworkError: the roadnet breaks a rule.
    """
    places = parse_intersections(root)
    roads = parse_roads(root, {p.id: i for i, p in enumerate(places)}, [p.width for p in places])
    links = parse_links(places, roads, {road.id: r for r, road in enumerate(roads)})
    return Parts(places, roads, links)


def parse_intersections(root: Entry) -> list[Intersection]:
    """Check the intersections of a roadnet, without their links and roads.

    Raises:
        NetworkError: an intersection breaks a rule.
    """
    places: list[Intersection] = []
    seen: set[str] = set()
    for item in root.entries("intersections", least=1):
        name = item.string("id")
        entry = item.named(f"intersection {name!r}")
        if name in seen:
            entry.fail("'id' is used twice")
        seen.add(name)
        point = entry.entry("point")
        point.number("x"), point.number("y")
        virtual = entry.flag("virtual")
        width = 0.0 if virtual else entry.number("width", least=0.0)
        phases = () if virtual else tuple(_phases(entry))
        places.append(
            Intersection(id=name, virtual=virtual, width=width, phases=phases, entry=entry)
        )
    return places


def _phases(entry: Entry) -> Iterator[Phase]:
    n_road_links = len(entry.items("roadLinks"))
    for item in entry.entry("trafficLight").entries("lightphases", least=1):
        opened = item.integers("availableRoadLinks")
        for index in opened:
            if not 0 <= index < n_road_links:
                item.fail(f"'availableRoadLinks' {index} is not one of {n_road_links} road links")
        yield Phase(item.number("time", least=0.0), frozenset(opened))


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
        entry = item.named(f"road {name!r}")
        if name in seen:
            entry.doubt("'id' is used twice", "files that name it mean the last one")
        seen.add(name)
        roads.append(_parse_road(entry, name, place_index, place_widths))
    return roads


def _parse_road(
    entry: Entry, name: str, place_index: Mapping[str, int], place_widths: Sequence[float]
) -> Road:
    start = _intersection(entry, "startIntersection", place_index)
    end = _intersection(entry, "endIntersection", place_index)
    points = entry.points("points", least=2)
    lanes = list(entry.entries("lanes", least=1))
    widths = tuple(lane.number("width", least=0.0) for lane in lanes)
    max_speeds = tuple(lane.number("maxSpeed", least=0.0) for lane in lanes)
    inside = geometry.shortened(points, place_widths[start], place_widths[end])
    polylines = tuple(geometry.lane_polylines(inside, widths))
    lengths = tuple(map(geometry.polyline_length, polylines))
    if not all(map(math.isfinite, lengths)):
        entry.doubt(
            "'points' give a lane without a length: two points are equal, or the width of an "
            "intersection clips the road to nothing",
            "what enters it never leaves it",
        )
    return Road(
        id=name,
        start=start,
        end=end,
        points=points,
        widths=widths,
        max_speeds=max_speeds,
        lanes=polylines,
        lengths=lengths,
        reach=tuple(geometry.lane_polylines(points, widths)),
    )


def _intersection(entry: Entry, key: str, place_index: Mapping[str, int]) -> int:
    name = entry.string(key)
    if name not in place_index:
        entry.fail(f"'{key}' names the unknown intersection {name!r}")
    return place_index[name]


def parse_links(
    places: Sequence[Intersection], roads: Sequence[Road], road_index: Mapping[str, int]
) -> list[Link]:
    """Check all lane links of a roadnet, in the order of the file.

    Raises:
        NetworkError: a road link or lane link breaks a rule.
    """
    return [
        link
        for i, place in enumerate(places)
        if not place.virtual
        for r, item in enumerate(place.entry.entries("roadLinks"))
        for link in _road_link(item, (i, r), places, roads, road_index)
    ]


def _road_link(
    entry: Entry,
    position: tuple[int, int],
    places: Sequence[Intersection],
    roads: Sequence[Road],
    road_index: Mapping[str, int],
) -> Iterator[Link]:
    start = _road(entry, entry.string("startRoad"), road_index)
    end = _road(entry, entry.string("endRoad"), road_index)
    if roads[start].end != position[0]:
        entry.fail(f"'startRoad' {roads[start].id!r} does not end at this intersection")
    if roads[end].start != position[0]:
        entry.fail(f"'endRoad' {roads[end].id!r} does not start at this intersection")
    kind = _KINDS.get(entry.string("type"), 0)
    width = places[position[0]].width
    for item in entry.entries("laneLinks"):
        start_lane = _lane(item, "startLaneIndex", roads[start])
        end_lane = _lane(item, "endLaneIndex", roads[end])
        points: geometry.Polyline = item.points("points") if "points" in item.value else ()
        if not points:
            reach = roads[start].reach[start_lane], roads[end].reach[end_lane]
            points = geometry.link_curve(*reach, width, width)
        length = geometry.polyline_length(points)
        if not math.isfinite(length):
            item.doubt("the lane link has no finite length", "what enters it never leaves it")
        yield Link(
            intersection=position[0],
            road_link=position[1],
            kind=kind,
            start=(start, start_lane),
            end=(end, end_lane),
            points=points,
            length=length,
        )


def _lane(entry: Entry, key: str, road: Road) -> int:
    index = entry.integer(key)
    if not 0 <= index < len(road.widths):
        entry.fail(f"'{key}' {index} is not one of the {len(road.widths)} lanes of {road.id!r}")
    return index


def _road(entry: Entry, name: str, road_index: Mapping[str, int]) -> int:
    if name not in road_index:
        entry.fail(f"names the unknown road {name!r}")
    return road_index[name]
