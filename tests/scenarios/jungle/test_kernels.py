"""The graph of the jungle: each agent's nearest others."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.jungle import kernels


def slow_nearest(position: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(position)
    rows, slots = np.eye(n, dtype=np.bool_), np.zeros((n, k), np.int64)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        others.sort(key=lambda j: (float(((position[i] - position[j]) ** 2).sum()), j))
        slots[i] = others[:k]
        rows[i, others[:k]] = True
    return rows, slots


def nearest(position: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(position)
    rows, slots = np.zeros((n, n), np.bool_), np.zeros((n, k), np.int64)
    kernels.nearest(position, rows, slots)
    return rows, slots


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_the_nearest_are_those_of_a_sort(n_agents: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n_agents - 1))
    cells = st.integers(0, 5)  # few cells: many ties
    position = np.array(
        data.draw(st.lists(st.tuples(cells, cells), min_size=n_agents, max_size=n_agents))
    )

    rows, slots = nearest(position, k)

    expected_rows, expected_slots = slow_nearest(position, k)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(slots, expected_slots)


def test_being_near_need_not_be_mutual_and_ties_go_to_the_lower_index() -> None:
    position = np.array([[0, 0], [0, 1], [0, 3], [0, 5]])

    rows, slots = nearest(position, 1)

    assert slots.tolist() == [[1], [0], [1], [2]]  # 2 is 2 away from 1 and from 3
    assert rows[2].tolist() == [False, True, True, False]
    assert not rows[1, 2]
