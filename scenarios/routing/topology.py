"""Router networks from a file: who is linked to whom, and how far apart they are.

A topology is a JSON object with ``nodes``, each with a ``name`` and a pair of latitude and
longitude in degrees under one or more names of coordinate sets, and ``edges``, pairs of node
indices. ``ibm.json`` is the papers' network.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from scenarios import graph as graphs
from scenarios.routing.kernels import Network

EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)
MOST_BYTES = 1 << 24  # of a file
MOST_PAIRS = 10**8  # of a first link and a way from there; memory grows with them

_Latitude: TypeAlias = Annotated[float, Field(strict=True, ge=-90, le=90)]
_Longitude: TypeAlias = Annotated[float, Field(strict=True, ge=-360, le=360)]
_PLACE = TypeAdapter(tuple[_Latitude, _Longitude])


class _Node(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]

    name: str | int


class _File(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]

    nodes: list[_Node]
    edges: list[tuple[int, int]]


_FILE = TypeAdapter(_File)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Topology:
    """A connected network of routers.

    Attributes:
        names: Name of each router.
        graph: Who is linked, with the diagonal.
        neighbors: The same as slots, nearest first, ties by index, -1 where absent.
        place: Latitude and longitude of each router, in the chosen coordinates [degrees].
        length_km: Great circle between linked routers; infinite between others [km].
    """

    names: tuple[str, ...]
    graph: Bool[np.ndarray, "agents agents"]
    neighbors: Int64[np.ndarray, "agents slots"]
    place: Float64[np.ndarray, "agents 2"]
    length_km: Float64[np.ndarray, "agents agents"]


def load_topology(name: str, coordinates: str) -> Topology:
    """Read and check a topology.

    Args:
        name: ``"ibm"`` or the path of a JSON file.
        coordinates: Name of the coordinate set.

    Raises:
        ValueError: No such file, a node without these coordinates, an edge that is not between
            two different nodes or is listed twice, or a network that is not connected.
    """
    path = resources.files("scenarios.routing") / "ibm.json" if name == "ibm" else Path(name)
    if not path.is_file():
        raise ValueError(f'topology is {name!r}; it must be "ibm" or the path of a JSON file')
    if isinstance(path, Path) and path.stat().st_size > MOST_BYTES:
        raise ValueError(f"topology {name!r} has more than {MOST_BYTES} bytes")
    try:
        content = _FILE.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = ": ".join([*filter(None, [".".join(map(str, first["loc"]))]), first["msg"]])
        raise ValueError(f"topology {name!r} must be JSON with nodes and edges: {said}") from None
    nodes = content["nodes"]
    degrees = Counter(i for edge in content["edges"] for i in edge)
    if len(nodes) ** 2 * max(degrees.values(), default=0) > MOST_PAIRS:
        raise ValueError(
            f"topology {name!r} has {len(nodes)} nodes and one with {max(degrees.values())} links; "
            f"nodes times nodes times most links can be at most {MOST_PAIRS:.0e}"
        )
    place = [_coordinates(node, coordinates, name) for node in nodes]
    edges = _edges(content["edges"], len(nodes), name)
    graph = graphs.from_edges(len(nodes), edges)
    lost = graphs.unreachable(graph)
    if len(nodes) < 2 or lost.size:
        cut = ", ".join(str(nodes[i]["name"]) for i in lost)
        raise ValueError(
            f"topology {name!r} must connect at least 2 nodes; it has {len(nodes)}"
            + (f", and no path leads from {nodes[0]['name']} to {cut}" if cut else "")
        )
    length_km = np.full(graph.shape, np.inf)
    for i, j in edges:
        length_km[i, j] = length_km[j, i] = great_circle_km(place[i], place[j])
    return Topology(
        names=tuple(str(node["name"]) for node in nodes),
        graph=graph,
        neighbors=graphs.slots(graph, length_km),
        place=np.array(place),
        length_km=length_km,
    )


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance between two places given in degrees (haversine) [km]."""
    (lat_a, lon_a), (lat_b, lon_b) = (tuple(map(math.radians, place)) for place in (a, b))
    h = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def cost_by_slot(
    topology: Topology, cost: Float64[np.ndarray, "agents agents"]
) -> Float64[np.ndarray, "agents agents slots"]:
    """Return the cheapest way from i to each destination if its first link is that of a slot.

    Args:
        topology: The network.
        cost: Cost of a link, infinite where there is none.

    Returns:
        Costs by router, destination and slot; infinite where the slot is empty.
    """
    n = len(cost)
    best = np.where(np.eye(n, dtype=np.bool_), 0.0, cost)
    for via in range(n):  # Floyd and Warshall
        best = np.minimum(best, best[:, via, None] + best[None, via, :])
    first = np.take_along_axis(cost, topology.neighbors, axis=1)
    first[topology.neighbors < 0] = np.inf
    rest = best[topology.neighbors].transpose(0, 2, 1)  # (router, destination, slot)
    return first[:, None, :] + rest


def transit_steps(topology: Topology, km_per_step: float) -> Float64[np.ndarray, "agents agents"]:
    """Return the duration of each link: rounded up, at least 1, infinite without one [steps]."""
    return np.maximum(1.0, np.ceil(topology.length_km / km_per_step))


def links(topology: Topology, transit: Float64[np.ndarray, "agents agents"]) -> Network:
    """Lay the links out by slot, as the kernels want them."""
    back, steps = np.zeros((2, *topology.neighbors.shape), np.int64)
    for i, slot in np.argwhere(topology.neighbors >= 0):
        j = topology.neighbors[i, slot]
        back[i, slot] = np.flatnonzero(topology.neighbors[j] == i)[0]
        steps[i, slot] = transit[i, j]
    return Network(neighbors=topology.neighbors, back=back, transit=steps)


def empty_obs(
    neighbors: Int64[np.ndarray, "agents slots"], n_seen: int
) -> Int16[np.ndarray, "agents features"]:
    """Return an observation of an empty network: own index and neighbors, both one-hot."""
    n, n_slots = neighbors.shape
    obs = np.zeros((n, n + n_seen + n_slots * n), np.int16)
    obs[:, :n] = np.eye(n)
    for i, slot in np.argwhere(neighbors >= 0):
        obs[i, n + n_seen + slot * n + neighbors[i, slot]] = 1
    return obs


def _coordinates(node: _Node, coordinates: str, name: str) -> tuple[float, float]:
    place = node.get(coordinates)
    try:
        return _PLACE.validate_python(place)
    except ValidationError:
        raise ValueError(
            f"topology {name!r}: node {node['name']} has {place!r} as coordinates {coordinates!r}; "
            "every node needs a latitude and a longitude [degrees]"
        ) from None


def _edges(listed: Sequence[Sequence[int]], n_nodes: int, name: str) -> list[tuple[int, int]]:
    edges: dict[tuple[int, int], None] = {}
    for i, j in listed:
        if i == j or not (0 <= i < n_nodes and 0 <= j < n_nodes):
            raise ValueError(
                f"topology {name!r}: edge [{i}, {j}] must join two different nodes of 0 to "
                f"{n_nodes - 1}"
            )
        edge = (min(i, j), max(i, j))
        if edge in edges:
            raise ValueError(f"topology {name!r}: edge [{i}, {j}] is listed twice")
        edges[edge] = None
    return list(edges)
