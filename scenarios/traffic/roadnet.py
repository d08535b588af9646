"""Road networks: CityFlow's roadnet.json, checked and laid out as flat arrays.

Specification, sections 1.3 and 2. A *drivable* is a lane or a lane link; drivables are numbered
lanes first, by road, then lane links by intersection, road link and lane link.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int32

from scenarios.traffic.crosses import cross_lists, find_crosses
from scenarios.traffic.entries import Entry, read_json
from scenarios.traffic.roadnet_file import (
    Intersection,
    Link,
    Road,
    parse_parts,
)

RIGHT_TURN = 1  # of `link_kind`
_LINK_SPEED = 10000.0  # [m/s], that is: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Roadnet:
    """A checked road network. Lists given by a ``ptr`` are rows ptr[k] to ptr[k + 1] - 1.

    Attributes:
        file: where it was read from.
        intersection_ids: in file order.
        intersection_virtual: no signals, no lane links.
        intersection_roads: roads at each intersection, in file order (decides ties of routes).
        road_ids: in file order.
        road_start: intersection where the road starts.
        road_end: intersection where it ends.
        road_lane_ptr: lanes of each road.
        road_length: mean length of its lanes [m].
        lane_ids: ``<road>_<k>``, lane 0 innermost.
        lane_road: road of each lane.
        lane_index: position in its road.
        lane_out_ptr: links leaving each lane, rows of `lane_out`.
        lane_out: link numbers (0 is the first lane link, not a drivable number).
        link_ptr: links of each intersection.
        link_ids: ``<start lane>_TO_<end lane>``.
        link_kind: 3 straight, 2 left, 1 right, 0 other; the higher goes first.
        link_start: lane it leaves.
        link_end: lane it enters.
        drivable_length: length [m].
        drivable_max_speed: speed limit [m/s].
        phase_ptr: phases of each intersection.
        phase_time: duration under the built-in plan [s].
        phase_green_ptr: rows of `phase_green`, one per link of the phase's intersection.
        phase_green: whether the link is open.
        cross_ptr: crosses of each link in the order in which it meets them.
        cross_distance: where on the link the cross lies [m].
        cross_side: 0 if the link comes first at its intersection, else 1.
        cross_other: the same cross in the other link's list.
        cross_link: link that owns the list entry.
    """

    file: str
    intersection_ids: tuple[str, ...]
    intersection_virtual: Bool[np.ndarray, "intersections"]
    intersection_roads: tuple[tuple[int, ...], ...]
    road_ids: tuple[str, ...]
    road_start: Int32[np.ndarray, "roads"]
    road_end: Int32[np.ndarray, "roads"]
    road_lane_ptr: Int32[np.ndarray, "roads+1"]
    road_length: Float64[np.ndarray, "roads"]
    lane_ids: tuple[str, ...]
    lane_road: Int32[np.ndarray, "lanes"]
    lane_index: Int32[np.ndarray, "lanes"]
    lane_out_ptr: Int32[np.ndarray, "lanes+1"]
    lane_out: Int32[np.ndarray, "links"]
    link_ptr: Int32[np.ndarray, "intersections+1"]
    link_ids: tuple[str, ...]
    link_kind: Int8[np.ndarray, "links"]
    link_start: Int32[np.ndarray, "links"]
    link_end: Int32[np.ndarray, "links"]
    drivable_length: Float64[np.ndarray, "drivables"]
    drivable_max_speed: Float64[np.ndarray, "drivables"]
    phase_ptr: Int32[np.ndarray, "intersections+1"]
    phase_time: Float64[np.ndarray, "phases"]
    phase_green_ptr: Int32[np.ndarray, "phases+1"]
    phase_green: Bool[np.ndarray, "greens"]
    cross_ptr: Int32[np.ndarray, "links+1"]
    cross_distance: Float64[np.ndarray, "crosses"]
    cross_side: Int8[np.ndarray, "crosses"]
    cross_other: Int32[np.ndarray, "crosses"]
    cross_link: Int32[np.ndarray, "crosses"]

    @property
    def n_lanes(self) -> int:
        """Number of lanes; drivables from here on are lane links."""
        return len(self.lane_ids)

    @property
    def n_links(self) -> int:
        """Number of lane links."""
        return len(self.link_ids)

    @property
    def drivable_ids(self) -> tuple[str, ...]:
        """Names of the lanes, then of the lane links."""
        return self.lane_ids + self.link_ids

    @property
    def signalized(self) -> list[int]:
        """Intersections with signals, in file order."""
        return [i for i, virtual in enumerate(self.intersection_virtual) if not virtual]


def load_roadnet(path: str | Path, *, strict: bool = True) -> Roadnet:
    """Read and check a roadnet file.

    Args:
        path: the JSON file.
        strict: see `Entry`.

    Raises:
        NetworkError: the file is unreadable or breaks a rule of the format.
    """
    return parse_roadnet(read_json(path), str(path), strict=strict)


def parse_roadnet(data: object, file: str = "roadnet", *, strict: bool = True) -> Roadnet:
    """Check a parsed roadnet and lay it out as arrays.

    Args:
        data: what the JSON file holds.
        file: name used in errors.
        strict: see `Entry`.

    Raises:
        NetworkError: the data break a rule of the format.
    """
    root = Entry.of(file, "roadnet", data, strict=strict)
    places, roads, links = parse_parts(root)
    road_index = {road.id: r for r, road in enumerate(roads)}
    return Roadnet(
        file=file,
        intersection_roads=tuple(place.roads(road_index) for place in places),
        **_intersection_fields(places, links),
        **_road_fields(roads),
        **_link_fields(roads, links),
        **_cross_fields(len(places), links),
    )


def _ptr(counts: Sequence[int]) -> Int32[np.ndarray, "n+1"]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _links_per_place(n_places: int, links: Sequence[Link]) -> Int32[np.ndarray, "n+1"]:
    counts = [0] * n_places
    for link in links:
        counts[link.intersection] += 1
    return _ptr(counts)


def _intersection_fields(places: Sequence[Intersection], links: Sequence[Link]) -> dict[str, Any]:
    ptr = _links_per_place(len(places), links)
    rows = [
        [link.road_link in phase.road_links for link in links[ptr[i] : ptr[i + 1]]]
        for i, place in enumerate(places)
        for phase in place.phases
    ]
    return {
        "intersection_ids": tuple(place.id for place in places),
        "intersection_virtual": np.array([place.virtual for place in places], dtype=np.bool_),
        "link_ptr": ptr,
        "phase_ptr": _ptr([len(place.phases) for place in places]),
        "phase_time": np.array([p.time for place in places for p in place.phases], np.float64),
        "phase_green_ptr": _ptr([len(row) for row in rows]),
        "phase_green": np.array([green for row in rows for green in row], dtype=np.bool_),
    }


def _road_fields(roads: Sequence[Road]) -> dict[str, Any]:
    means = []
    for road in roads:
        total = 0.0
        for length in road.lengths:
            total += length
        means.append(total / len(road.lengths))
    lanes = [(r, k) for r, road in enumerate(roads) for k in range(len(road.widths))]
    return {
        "road_ids": tuple(road.id for road in roads),
        "road_start": np.array([road.start for road in roads], dtype=np.int32),
        "road_end": np.array([road.end for road in roads], dtype=np.int32),
        "road_lane_ptr": _ptr([len(road.widths) for road in roads]),
        "road_length": np.array(means, dtype=np.float64),
        "lane_ids": tuple(f"{roads[r].id}_{k}" for r, k in lanes),
        "lane_road": np.array([r for r, _ in lanes], dtype=np.int32),
        "lane_index": np.array([k for _, k in lanes], dtype=np.int32),
    }


def _link_fields(roads: Sequence[Road], links: Sequence[Link]) -> dict[str, Any]:
    first_lane = _ptr([len(road.widths) for road in roads])
    starts = np.array([first_lane[k.start[0]] + k.start[1] for k in links], dtype=np.int32)
    ends = np.array([first_lane[k.end[0]] + k.end[1] for k in links], dtype=np.int32)
    lane_length = [length for road in roads for length in road.lengths]
    link_length = [link.length for link in links]
    speeds = [speed for road in roads for speed in road.max_speeds]
    names = [f"{road.id}_{k}" for road in roads for k in range(len(road.widths))]
    n_out = np.bincount(starts, minlength=int(first_lane[-1]))
    return {
        "link_ids": tuple(f"{names[a]}_TO_{names[b]}" for a, b in zip(starts, ends, strict=True)),
        "link_kind": np.array([k.kind for k in links], dtype=np.int8),
        "link_start": starts,
        "link_end": ends,
        "lane_out": np.argsort(starts, kind="stable").astype(np.int32),
        "lane_out_ptr": _ptr(n_out.tolist()),
        "drivable_length": np.array(lane_length + link_length, dtype=np.float64),
        "drivable_max_speed": np.array(speeds + [_LINK_SPEED] * len(links), dtype=np.float64),
    }


def _cross_fields(n_places: int, links: Sequence[Link]) -> dict[str, Any]:
    ptr = _links_per_place(n_places, links)
    counts: list[int] = []
    columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    n_entries = 0
    for first, last in pairwise(ptr.tolist()):
        own = links[first:last]
        points = np.array([p for k in own for p in k.points], dtype=np.float64).reshape(-1, 2)
        pairs = find_crosses(points, _ptr([len(k.points) for k in own]))
        local, distance, side, other = cross_lists(*pairs, len(own))
        counts += np.diff(local).tolist()
        columns.append((distance, side, other + n_entries))
        n_entries += len(distance)
    distance, side, other = (np.concatenate(column) for column in zip(*columns, strict=True))
    return {
        "cross_ptr": _ptr(counts),
        "cross_distance": distance,
        "cross_side": side.astype(np.int8),
        "cross_other": other.astype(np.int32),
        "cross_link": np.repeat(np.arange(len(links)), counts).astype(np.int32),
    }
