"""Neighbor graphs in the two forms of a timestep: rows of a matrix, and slots.

``graph[i, j]`` is true when j is in N_i, the diagonal included; ``neighbors`` lists N_i without i,
nearest first, ties by index, -1 in the slots left over.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64


def from_edges(
    n_agents: int, edges: Sequence[tuple[int, int]]
) -> Bool[np.ndarray, "agents agents"]:
    """Return the graph of undirected edges, with the diagonal."""
    graph = np.eye(n_agents, dtype=np.bool_)
    for i, j in edges:
        graph[i, j] = graph[j, i] = True
    return graph


def slots(
    graph: Bool[np.ndarray, "agents agents"], distance: Float64[np.ndarray, "agents agents"]
) -> Int64[np.ndarray, "agents slots"]:
    """List each row's neighbors, nearest first, in as many slots as the largest out-degree."""
    others = graph & ~np.eye(len(graph), dtype=np.bool_)
    neighbors = np.full((len(graph), int(others.sum(1).max(initial=0))), -1, np.int64)
    for i, row in enumerate(others):
        members = np.flatnonzero(row)
        by_distance = members[np.argsort(distance[i, members], kind="stable")]
        neighbors[i, : len(members)] = by_distance
    return neighbors


def unreachable(graph: Bool[np.ndarray, "agents agents"]) -> Int64[np.ndarray, "nodes"]:
    """Return the nodes to which no path leads from node 0; none in a connected graph."""
    reached = np.zeros(len(graph), np.bool_)
    reached[:1] = True
    for _ in range(len(graph)):
        reached |= graph[reached].any(0)
    return np.flatnonzero(~reached)
