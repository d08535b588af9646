"""Brings a tracker in line with the results, as often as one likes.

Only the process that the user started does so; workers never do. What a tracker has is a
projection of the results and can be made anew at any time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from filelock import FileLock

from harness.grid import Grid
from harness.projection import seed_entry, variant_entry, variant_fingerprint
from harness.result import RunResult
from harness.tracking import Experiment, Stored
from harness.tracking_setup import INSTALL, installed, tracking_uri

Fate: TypeAlias = Literal["added", "replaced", "kept"]


class TrackingError(Exception):
    """The tracker is not there or is broken; nothing is lost, the results lie elsewhere."""


class Tracker:
    """What MLflow has of a grid.

    Args:
        grid: Whose results.
        results: Folder of the results of all grids.

    Attributes:
        uri: Where it is.

    Raises:
        TrackingError: MLflow is not installed, cannot be reached or is broken.
    """

    def __init__(self, grid: Grid, results: Path) -> None:
        self.uri, self._grid = tracking_uri(results), grid.name
        self._lock = FileLock(results / "mlflow.lock")  # two at once would make everything twice
        if not installed():
            raise TrackingError(f"MLflow is not installed: {INSTALL}")
        with self._writing():
            results.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._experiment = Experiment(grid, results)

    def update(self, results: Sequence[RunResult]) -> list[Fate]:
        """Bring the runs of a variant in line with its results; a second time adds nothing.

        A run whose fingerprint is another one is thrown away, as is one that was left half
        written.

        Args:
            results: The valid results of one place and variant.

        Returns:
            What became of each.

        Raises:
            TrackingError: The tracker cannot be reached or is broken.
        """
        with self._writing(), self._lock:
            there = self._experiment.runs(results[0].cell.place, results[0].cell.variant)
            above = next((run for run in there if run.cell_id is None), None)
            if above is not None and above.fingerprint == variant_fingerprint(results):
                return [self._put(result, there, above.run_id) for result in results]
            entry = variant_entry(self._grid, results)
            run_id = self._experiment.create(entry) if above is None else above.run_id
            fates = [self._put(result, there, run_id) for result in results]
            self._experiment.fill(run_id, entry)
            return fates

    def _put(self, result: RunResult, there: Sequence[Stored], above: str) -> Fate:
        mine = [run for run in there if run.cell_id == result.cell.id]
        good = [run for run in mine if run.fingerprint == result.fingerprint][:1]
        for run in mine:
            if run not in good:
                self._experiment.discard(run.run_id)
        if good:
            return "kept"
        entry = seed_entry(self._grid, result)
        self._experiment.fill(self._experiment.create(entry, above), entry)
        return "replaced" if mine else "added"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn whatever MLflow and what it rests on raise into one kind of error."""
        try:
            yield
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
            raise TrackingError(f"{self.uri}: {reason}") from error
