"""Who trains the runs: this process, one at a time, or worker processes."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Protocol, TypeAlias, runtime_checkable

import torch

from harness.cell import Cell
from harness.pool import Workers, stop_asked, workers
from harness.tune.scoring import Score, score

Scored: TypeAlias = "Future[Score | None]"


@runtime_checkable
class Crew(Protocol):
    """Who trains runs.

    Attributes:
        size: Runs at a time.
    """

    size: int

    def submit(self, cell: Cell) -> Scored:
        """Have a cell trained and scored; None when it was stopped."""

    def stop(self) -> None:
        """Ask for every run to be given up at its next evaluation."""


class Alone:
    """This process: a run is over when ``submit`` comes back.

    Args:
        stop: Whether the user wants to end, asked after each evaluation.
    """

    size = 1

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        torch.set_num_threads(1)  # as in workers: sums depend on it

    def submit(self, cell: Cell) -> Scored:
        """Train and score a cell now."""
        future: Scored = Future()
        future.set_result(score(cell, self._stop))
        return future

    def stop(self) -> None:
        """Do nothing: who submits is asked already."""


class Team:
    """Worker processes.

    Args:
        team: They.
        size: How many.
    """

    def __init__(self, team: Workers, size: int) -> None:
        self._team, self.size = team, size

    def submit(self, cell: Cell) -> Scored:
        """Have a worker train and score a cell."""
        future: Scored = self._team.pool.schedule(_score_in_worker, args=(cell,))
        return future

    def stop(self) -> None:
        """Ask for every run to be given up at its next evaluation."""
        self._team.stop_at_next_evaluation()


@contextmanager
def crew(size: int, stop: Callable[[], bool]) -> Iterator[Crew]:
    """Gather so many; one is this process itself.

    Args:
        size: Runs at a time.
        stop: Whether the user wants to end.
    """
    if size == 1:
        yield Alone(stop)
        return
    with workers(size) as team:
        yield Team(team, size)


def _score_in_worker(cell: Cell) -> Score | None:
    return score(cell, stop_asked)
