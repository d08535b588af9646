"""Compiled reference policies of :mod:`scenarios.jungle`, which know the whole map.

Arrays are those of :mod:`scenarios.jungle.kernels`; all are only read.
"""

import numpy as np
from jaxtyping import Float64, Int16, Int64

from scenarios.compiled import kernel
from scenarios.jungle.kernels import COLUMN_STEP, EMPTY, FIRST_ATTACK, FOOD, ROW_STEP


@kernel
def greedy(
    position: Int64[np.ndarray, "agents 2"],
    food: Int64[np.ndarray, "foods 2"],
    occupant: Int16[np.ndarray, "map map"],
    tie: Float64[np.ndarray, "agents"],
) -> Int64[np.ndarray, "agents"]:
    """Eat where food is adjacent; else step towards the nearest food that has an empty side.

    Distances are Manhattan, ties between foods go to the lower index. Of the empty cells around
    the agent it enters the one closest to that food, even if this leads away from it; ``tie``, in
    [0, 1), chooses among equals. Returns one action per agent.
    """
    actions = np.zeros(position.shape[0], np.int64)
    for i in range(position.shape[0]):
        row, column = position[i, 0], position[i, 1]
        actions[i] = beside(row, column, FOOD, occupant)
        if actions[i] > 0:
            actions[i] += FIRST_ATTACK - 1
            continue
        target, shortest = -1, np.iinfo(np.int64).max
        for j in range(food.shape[0]):
            d = abs(food[j, 0] - row) + abs(food[j, 1] - column)
            if d < shortest and beside(food[j, 0], food[j, 1], EMPTY, occupant) > 0:
                target, shortest = j, d
        if target >= 0:
            actions[i] = step_towards(food[target], row, column, occupant, tie[i])
    return actions


@kernel
def beside(row: int, column: int, what: int, occupant: Int16[np.ndarray, "map map"]) -> int:
    """Return the first move that leads from a cell to ``what``; 0 if none does."""
    for action in range(1, FIRST_ATTACK):
        if occupant[row + ROW_STEP[action], column + COLUMN_STEP[action]] == what:
            return action
    return 0


@kernel
def step_towards(
    target: Int64[np.ndarray, "2"],
    row: int,
    column: int,
    occupant: Int16[np.ndarray, "map map"],
    tie: float,
) -> int:
    """Return the move into the empty cell closest to ``target``; 0 if all sides are taken."""
    away = np.full(FIRST_ATTACK, np.iinfo(np.int64).max)
    for action in range(1, FIRST_ATTACK):
        r, c = row + ROW_STEP[action], column + COLUMN_STEP[action]
        if occupant[r, c] == EMPTY:
            away[action] = abs(target[0] - r) + abs(target[1] - c)
    if away.min() == away[0]:
        return 0
    equals = np.flatnonzero(away == away.min())
    return equals[int(tie * equals.size)]


@kernel
def shortest_path(
    position: Int64[np.ndarray, "agents 2"],
    food: Int64[np.ndarray, "foods 2"],
    occupant: Int16[np.ndarray, "map map"],
) -> Int64[np.ndarray, "agents"]:
    """Eat where food is adjacent; else walk the shortest path to any food through empty cells.

    Ties go to the first of up, down, left, right; an agent that is cut off stays. Returns one
    action per agent.
    """
    away = walking_distance(food, occupant)
    actions = np.zeros(position.shape[0], np.int64)
    for i in range(position.shape[0]):
        shortest = np.iinfo(np.int64).max
        for action in range(1, FIRST_ATTACK):
            row = position[i, 0] + ROW_STEP[action]
            column = position[i, 1] + COLUMN_STEP[action]
            if away[row, column] >= 0 and away[row, column] < shortest:
                shortest = away[row, column]
                actions[i] = action
        if shortest == 0:  # that cell is food
            actions[i] += FIRST_ATTACK - 1
    return actions


@kernel
def walking_distance(
    food: Int64[np.ndarray, "foods 2"],
    occupant: Int16[np.ndarray, "map map"],
) -> Int64[np.ndarray, "map map"]:
    """Return the steps from each empty cell to the nearest food; -1 where there is no path."""
    away = np.full(occupant.shape, -1, np.int64)
    queue = np.empty((occupant.size, 2), np.int64)
    tail = food.shape[0]
    for j in range(tail):
        queue[j] = food[j]
        away[food[j, 0], food[j, 1]] = 0
    head = 0
    while head < tail:
        for action in range(1, FIRST_ATTACK):
            row = queue[head, 0] + ROW_STEP[action]
            column = queue[head, 1] + COLUMN_STEP[action]
            if occupant[row, column] == EMPTY and away[row, column] < 0:
                away[row, column] = away[queue[head, 0], queue[head, 1]] + 1
                queue[tail, 0], queue[tail, 1] = row, column
                tail += 1
        head += 1
    return away
