"""Takes finished cells to the tracker while others still run, in a thread of its own."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

from harness.cell import Cell
from harness.executor import Job, View
from harness.files import Failure
from harness.grid import Grid
from harness.outcome import Outcome
from harness.projection import variant_family
from harness.table import done_by_variant
from harness.tracker import Tracker, TrackingError

PATIENCE_S = 1.0  # before the user is told what is waited for
CATCH_UP = "the results are safe; `export --format mlflow` catches up"


class Follower:
    """A view that shows what another shows, and tells the tracker of finished cells.

    A tracker that fails is given up, and the user told so, once; the run goes on.

    Args:
        view: Shows the user how things go.
        grid: What is run.
        results: Folder of the results of all grids.
        open_tracker: Connects, in the thread.
    """

    def __init__(
        self,
        view: View,
        grid: Grid,
        results: Path,
        open_tracker: Callable[[Grid, Path], Tracker] = Tracker,
    ) -> None:
        self._view, self._grid, self._results = view, grid, results
        self._open = open_tracker
        self._finished: SimpleQueue[Cell | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name="tracking", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until the tracker knows all that has finished."""
        self._finished.put(None)
        try:
            self._thread.join(timeout=PATIENCE_S)
            if self._thread.is_alive():
                self._view.say("tracking the last cells (Ctrl-C leaves it at that)")
                self._thread.join()
        except KeyboardInterrupt:
            self._view.say(f"tracking was left at that; {CATCH_UP}")

    def tick(self, running: Sequence[Job]) -> None:
        """Pass it on."""
        self._view.tick(running)

    def say(self, text: str) -> None:
        """Pass it on."""
        self._view.say(text)

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        """Pass it on, and note a cell that has a result."""
        self._view.settled(job, what)
        if isinstance(what, Outcome) and what.state in ("done", "found"):
            self._finished.put(job.cell)

    def _follow(self) -> None:
        tracker, over = None, False
        try:
            while not over:
                noted = [self._finished.get()]
                while not self._finished.empty():
                    noted.append(self._finished.get())
                over = None in noted
                cells = [cell for cell in noted if cell is not None]
                for results in done_by_variant(self._grid, cells, self._results):
                    tracker = tracker or self._open(self._grid, self._results)
                    tracker.update(variant_family(self._grid.name, results))
        except TrackingError as error:
            self._view.say(f"not tracked: {error}; {CATCH_UP}")
