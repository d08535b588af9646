"""Neighbor graphs in the two forms of a timestep: rows of a matrix, and slots.

``graph[i, j]`` is true when j is in N_i, the diagonal included; ``neighbors`` lists N_i without i,
nearest first, ties by index, -1 in the slots left over.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from scenarios.kernels import jungle as kernels


def nearest(
    position: Int64[np.ndarray, "agents 2"], n_neighbors: int
) -> tuple[Bool[np.ndarray, "agents agents"], Int64[np.ndarray, "agents slots"]]:
    """Connect every agent to its nearest others (Euclidean): a directed graph.

    Args:
        position: Row and column of each agent.
        n_neighbors: Out-degree of every agent, itself not counted.

    Returns:
        The graph and its slots.

    Raises:
        ValueError: There are not as many others.
    """
    n_agents = len(position)
    check_degree(n_neighbors, n_agents)
    graph = np.zeros((n_agents, n_agents), np.bool_)
    neighbors = np.zeros((n_agents, n_neighbors), np.int64)
    kernels.nearest(position, graph, neighbors)
    return graph, neighbors


def check_degree(n_neighbors: int, n_agents: int) -> None:
    """Refuse more neighbors than there are others, and fewer than one.

    Raises:
        ValueError: As said.
    """
    if not 1 <= n_neighbors < n_agents:
        raise ValueError(
            f"n_neighbors is {n_neighbors}; with n_agents = {n_agents} it must lie in "
            f"[1, {n_agents - 1}]: an agent is not its own neighbor"
        )


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
