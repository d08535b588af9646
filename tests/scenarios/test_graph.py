"""Neighbor graphs: edges, slots, reachability."""

import numpy as np

from scenarios import graph


def test_slots_list_the_nearest_first_ties_by_index() -> None:
    rows = graph.from_edges(4, [(0, 1), (0, 2), (0, 3), (2, 3)])
    distance = np.array([[0, 5, 1, 5], [5, 0, 9, 9], [1, 9, 0, 2], [5, 9, 2, 0]], np.float64)

    slots = graph.slots(rows, distance)

    assert slots.tolist() == [[2, 1, 3], [0, -1, -1], [0, 3, -1], [2, 0, -1]]
    assert graph.slots(np.eye(3, dtype=np.bool_), np.zeros((3, 3))).shape == (3, 0)


def test_what_cannot_be_reached_is_named() -> None:
    rows = graph.from_edges(5, [(0, 1), (1, 2), (3, 4)])

    assert graph.unreachable(rows).tolist() == [3, 4]
    assert graph.unreachable(graph.from_edges(3, [(2, 1), (1, 0)])).tolist() == []
