"""Two players on a grid: the games by which Coco-Q's authors show it.

Rules: Sodomka's GridGames. Both players move at once, and never through each other; a cell that
both want goes to either by a coin flip, a cell whose player stays to nobody else. Every try to
move costs 0.1, whether it succeeds or not. The game ends when anybody stands on an own goal.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations, product

import numpy as np
from jaxtyping import Float

Cell = tuple[int, int]  # row, column
Places = tuple[Cell, Cell]  # of player 0 and player 1

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))  # up, down, left, right, stick
STICK = 4
MOVE_REWARD = -0.1
THROUGH_SEMI_WALL = 0.5  # probability


class GridGame:
    """A game with its transitions and expected rewards as arrays.

    Args:
        text: One line per row of the grid; cells are separated by spaces and their marks by
            commas. ``A`` and ``B`` are where player 0 and player 1 start, ``a100`` is a goal of
            player 0 worth 100 and ``b100`` one of player 1, ``^`` is a semi-wall over the cell,
            ``#`` is no cell and ``.`` is one without marks.

    Attributes:
        start: The state the game starts in.
        transition: Probability of the next state, by state and joint action; what is missing
            to 1 is the probability that the game ends.
        reward: Expected reward, by player, state and joint action.
    """

    start: int
    transition: Float[np.ndarray, "states actions actions states"]
    reward: Float[np.ndarray, "players states actions actions"]

    def __init__(self, text: str) -> None:
        rows = [line.split() for line in text.strip().splitlines()]
        marks = {
            (i, j): cell.split(",")
            for i, row in enumerate(rows)
            for j, cell in enumerate(row)
            if cell != "#"
        }
        self._cells = frozenset(marks)
        self._semi_walls = {cell for cell in marks if "^" in marks[cell]}
        self._goals = tuple(_goals(marks, letter) for letter in "ab")
        begin = tuple(next(cell for cell in marks if letter in marks[cell]) for letter in "AB")
        states = [places for places in permutations(sorted(marks), 2) if not self._over(places)]
        self.start = states.index(begin)
        self._tabulate({places: index for index, places in enumerate(states)})

    def _over(self, places: Places) -> bool:
        return any(cell in goals for cell, goals in zip(places, self._goals, strict=True))

    def _tabulate(self, states: Mapping[Places, int]) -> None:
        n_states, n_actions = len(states), len(MOVES)
        self.transition = np.zeros((n_states, n_actions, n_actions, n_states))
        self.reward = np.zeros((2, n_states, n_actions, n_actions))
        self.reward[0, :, :STICK, :] = self.reward[1, :, :, :STICK] = MOVE_REWARD
        for (places, now), a, b in product(states.items(), range(n_actions), range(n_actions)):
            for probability, landed in self._outcomes(places, a, b):
                if landed in states:
                    self.transition[now, a, b, states[landed]] += probability
                for player, goals in enumerate(self._goals):
                    self.reward[player, now, a, b] += probability * goals.get(landed[player], 0)

    def _outcomes(self, places: Places, a: int, b: int) -> Iterator[tuple[float, Places]]:
        ways = (self._ways(cell, action) for cell, action in zip(places, (a, b), strict=True))
        for (p, mine), (q, yours) in product(*ways):
            for share, landed in _settle(places, (mine, yours)):
                yield p * q * share, landed

    def _ways(self, cell: Cell, action: int) -> list[tuple[float, Cell]]:
        """Return where a player may find itself, were it alone, and how probably."""
        wanted = (cell[0] + MOVES[action][0], cell[1] + MOVES[action][1])
        if wanted not in self._cells:
            return [(1.0, cell)]
        if action == 0 and cell in self._semi_walls:
            return [(THROUGH_SEMI_WALL, wanted), (1 - THROUGH_SEMI_WALL, cell)]
        return [(1.0, wanted)]


def _goals(marks: Mapping[Cell, list[str]], letter: str) -> dict[Cell, float]:
    return {
        cell: float(mark[1:])
        for cell, here in marks.items()
        for mark in here
        if mark.startswith(letter)
    }


def _settle(places: Places, wanted: Places) -> list[tuple[float, Places]]:
    """Return what becomes of two wishes, and how probably."""
    contested, swapped = wanted[0] == wanted[1], wanted == places[::-1]
    if swapped or (contested and wanted[0] in places):  # through each other, or onto a stayer
        return [(1.0, places)]
    if contested:
        return [(0.5, (wanted[0], places[1])), (0.5, (places[0], wanted[1]))]
    return [(1.0, wanted)]
