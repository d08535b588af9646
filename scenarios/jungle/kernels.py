"""Compiled inner loops of :mod:`scenarios.jungle`.

Cells are (row, column) on a map whose outer ring is wall. ``occupant`` holds what stands on each
cell: ``EMPTY``, ``FOOD``, ``WALL`` or the index of an agent. No kernel draws random numbers. What
a kernel writes is named under "Writes"; every other argument is only read.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int16, Int64

from scenarios.compiled import kernel

EMPTY, FOOD, WALL = -1, -2, -3

# Actions: 0 stays, 1-4 move and 5-8 attack up, down, left, right.
N_ACTIONS = 9
FIRST_ATTACK = 5
ROW_STEP = (0, -1, 1, 0, 0, -1, 1, 0, 0)
COLUMN_STEP = (0, 0, 0, -1, 1, 0, 0, -1, 1)

EAT = 1.0  # "Eating (attacking food) brings a positive reward +1"
ATTACK = 2.0  # "attacking other agents obtains a higher reward +2"
ATTACKED = -4.0  # "The victim, however, suffers a negative reward -4"
EVERY_ATTACK = -0.01  # "attacking a blank grid gets a small negative reward -0.01"; see docs

ATTACKS, EATS, DISTANCE = 0, 1, 2  # columns of ``counts``


@kernel
def step(
    actions: Int64[np.ndarray, "agents"],
    radius: int,
    planes: bool,
    food: Int64[np.ndarray, "foods 2"],
    position: Int64[np.ndarray, "agents 2"],
    occupant: Int16[np.ndarray, "map map"],
    ate: Bool[np.ndarray, "agents"],
    counts: Int64[np.ndarray, "3"],
    reward: Float32[np.ndarray, "agents"],
    obs: Int8[np.ndarray, "agents features"],
    graph: Bool[np.ndarray, "agents agents"],
    neighbors: Int64[np.ndarray, "agents slots"],
) -> float:
    """Play one step: all attacks, then all moves, then what everybody sees.

    Writes: ``position``, ``occupant``, ``ate``, ``counts`` (state); ``reward``, ``obs``,
    ``graph``, ``neighbors`` (handed out; zeroed by the caller).

    Returns:
        The sum of the rewards, or NaN, with nothing written, if an action is out of range.
    """
    for i in range(actions.shape[0]):
        if actions[i] < 0 or actions[i] >= N_ACTIONS:
            return np.nan
    total = attack(actions, position, occupant, ate, counts, reward)
    move(actions, position, occupant)
    counts[DISTANCE] += observe(position, food, radius, planes, obs)
    nearest(position, graph, neighbors)
    return total


@kernel
def attack(
    actions: Int64[np.ndarray, "agents"],
    position: Int64[np.ndarray, "agents 2"],
    occupant: Int16[np.ndarray, "map map"],
    ate: Bool[np.ndarray, "agents"],
    counts: Int64[np.ndarray, "3"],
    reward: Float32[np.ndarray, "agents"],
) -> float:
    """Resolve all attacks at once, on the cells as they are before anybody moves.

    Writes: ``ate``, ``counts``, ``reward``.

    Returns:
        The sum of the rewards.
    """
    sums = np.zeros(actions.shape[0], np.float64)
    for i in range(actions.shape[0]):
        action = actions[i]
        if action < FIRST_ATTACK:
            continue
        sums[i] += EVERY_ATTACK
        hit = occupant[position[i, 0] + ROW_STEP[action], position[i, 1] + COLUMN_STEP[action]]
        if hit == FOOD:
            sums[i] += EAT
            ate[i] = True
            counts[EATS] += 1
        elif hit >= 0:
            sums[i] += ATTACK
            sums[hit] += ATTACKED
            counts[ATTACKS] += 1
    total = 0.0
    for i in range(actions.shape[0]):
        reward[i] = sums[i]
        total += sums[i]
    return total


@kernel
def move(
    actions: Int64[np.ndarray, "agents"],
    position: Int64[np.ndarray, "agents 2"],
    occupant: Int16[np.ndarray, "map map"],
) -> None:
    """Move the agents one after the other, by index; only an empty cell can be entered.

    A cell left by an agent is free for those after it. Writes: ``position``, ``occupant``.
    """
    for i in range(actions.shape[0]):
        action = actions[i]
        if action == 0 or action >= FIRST_ATTACK:
            continue
        row = position[i, 0] + ROW_STEP[action]
        column = position[i, 1] + COLUMN_STEP[action]
        if occupant[row, column] == EMPTY:
            occupant[position[i, 0], position[i, 1]] = EMPTY
            occupant[row, column] = i
            position[i, 0] = row
            position[i, 1] = column


@kernel
def observe(
    position: Int64[np.ndarray, "agents 2"],
    food: Int64[np.ndarray, "foods 2"],
    radius: int,
    planes: bool,
    obs: Int8[np.ndarray, "agents features"],
) -> int:
    """Write what each agent sees: the field around it, then its own row and column.

    The field is a square of side ``2 * radius + 1`` in row-major order; cells further than
    ``radius`` (Euclidean) stay 0. One map in which agents are +1 and foods -1, or with ``planes``
    a 0/1 map of the agents and then one of the foods. Writes: ``obs``, which must hold zeros.

    Returns:
        The Manhattan distance to the nearest food, summed over agents.
    """
    side = 2 * radius + 1
    n_agents, n_foods = position.shape[0], food.shape[0]
    food_at, food_code = (side * side, 1) if planes else (0, -1)
    total = 0
    for i in range(n_agents):
        row, column = position[i, 0], position[i, 1]
        corner = side * (radius - row) + radius - column  # of the field, as seen from cell (0, 0)
        for j in range(n_agents):
            down, right = position[j, 0] - row, position[j, 1] - column
            if down * down + right * right <= radius * radius:
                obs[i, corner + side * position[j, 0] + position[j, 1]] = 1
        closest = np.iinfo(np.int64).max
        for j in range(n_foods):
            down, right = food[j, 0] - row, food[j, 1] - column
            closest = min(closest, abs(down) + abs(right))
            if down * down + right * right <= radius * radius:
                obs[i, food_at + corner + side * food[j, 0] + food[j, 1]] = food_code
        obs[i, -2] = row
        obs[i, -1] = column
        total += closest
    return total


@kernel
def nearest(
    position: Int64[np.ndarray, "agents 2"],
    graph: Bool[np.ndarray, "agents agents"],
    neighbors: Int64[np.ndarray, "agents slots"],
) -> None:
    """Find each agent's nearest others, one per slot: Euclidean, ties to the lower index.

    Writes: ``neighbors``, nearest first; ``graph``, which must hold zeros: the same as rows, with
    the diagonal. It needs fewer slots than agents.
    """
    n_agents, n_slots = neighbors.shape
    squared = np.empty(n_slots, np.int64)  # of the nearest so far, ascending
    for i in range(n_agents):
        squared[:] = np.iinfo(np.int64).max
        for j in range(n_agents):
            down, right = position[j, 0] - position[i, 0], position[j, 1] - position[i, 1]
            d = down * down + right * right
            if d >= squared[-1] or j == i:
                continue
            slot = n_slots - 1
            while slot > 0 and squared[slot - 1] > d:
                squared[slot] = squared[slot - 1]
                neighbors[i, slot] = neighbors[i, slot - 1]
                slot -= 1
            squared[slot] = d
            neighbors[i, slot] = j
        graph[i, i] = True
        for slot in range(n_slots):
            graph[i, neighbors[i, slot]] = True


@kernel
def missed_steps(side: int, n_foods: int, limit: int) -> float:
    """Return the expectation of min(d, limit), d the Manhattan distance to the nearest food.

    An agent and ``n_foods`` foods stand on different cells of an open square of ``side`` times
    ``side``, every placement equally likely. Exact: E min(d, limit) is the sum of P(d > r) over
    r < limit, and with ``near`` other cells within r of the agent, P(d > r) is the chance that
    all foods fall on the ``side * side - 1 - near`` others.
    """
    others = side * side - 1
    total = 0.0
    for cell in range(side * side):
        at = np.zeros(2 * side, np.int64)  # other cells by distance
        for row in range(side):
            for column in range(side):
                at[abs(row - cell // side) + abs(column - cell % side)] += 1
        at[0] = 0
        near = 0
        for r in range(min(limit, 2 * side)):
            near += at[r]
            all_further = 1.0
            for k in range(n_foods):
                all_further *= max(others - near - k, 0) / (others - k)
                if all_further < 1e-20:  # nothing beside a total of 1 or more
                    break
            total += all_further
    return total / (side * side)
