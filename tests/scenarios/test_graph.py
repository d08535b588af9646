"""Neighbor graphs: nearest others, edges, slots, reachability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import graph


def slow_nearest(position: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(position)
    rows, slots = np.eye(n, dtype=np.bool_), np.zeros((n, k), np.int64)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        others.sort(key=lambda j: (float(((position[i] - position[j]) ** 2).sum()), j))
        slots[i] = others[:k]
        rows[i, others[:k]] = True
    return rows, slots


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_the_nearest_are_those_of_a_sort(n_agents: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n_agents - 1))
    cells = st.integers(0, 5)  # few cells: many ties
    position = np.array(
        data.draw(st.lists(st.tuples(cells, cells), min_size=n_agents, max_size=n_agents))
    )

    rows, slots = graph.nearest(position, k)

    expected_rows, expected_slots = slow_nearest(position, k)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(slots, expected_slots)


def test_being_near_need_not_be_mutual_and_ties_go_to_the_lower_index() -> None:
    position = np.array([[0, 0], [0, 1], [0, 3], [0, 5]])

    rows, slots = graph.nearest(position, 1)

    assert slots.tolist() == [[1], [0], [1], [2]]  # 2 is 2 away from 1 and from 3
    assert rows[2].tolist() == [False, True, True, False]
    assert not rows[1, 2]


@pytest.mark.parametrize("n_neighbors", [-1, 0, 3, 7])
def test_there_are_as_many_neighbors_as_others_at_most(n_neighbors: int) -> None:
    with pytest.raises(ValueError, match=rf"n_neighbors is {n_neighbors}; .* \[1, 2\]"):
        graph.nearest(np.zeros((3, 2), np.int64), n_neighbors)


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
