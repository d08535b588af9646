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
from harness.projection import Family
from harness.tracking import Experiment, Stored
from harness.tracking_setup import INSTALL, installed, tracking_uri

Fate: TypeAlias = Literal["added", "replaced", "kept"]


class TrackingError(Exception):
    """The tracker is not there or is broken; nothing is lost, the results lie elsewhere."""


class Tracker:
    """What MLflow has of a grid: an experiment of its results, or one of its studies.

    Args:
        grid: Whose results.
        results: Folder of the results of all grids.
        part: What follows the grid's name in that of the experiment: nothing or ``/tune``.

    Attributes:
        uri: Where it is.

    Raises:
        TrackingError: MLflow is not installed, cannot be reached or is broken.
    """

    def __init__(self, grid: Grid, results: Path, part: str = "") -> None:
        self.uri = tracking_uri(results)
        self._lock = FileLock(results / "mlflow.lock")  # two at once would make everything twice
        if not installed():
            raise TrackingError(f"MLflow is not installed: {INSTALL}")
        with self._writing():
            results.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._experiment = Experiment(f"{grid.name}{part}", grid.description, results)

    def update(self, family: Family) -> list[Fate]:
        """Bring an entry and those below it in line; a second time adds nothing.

        A run whose fingerprint is another one is thrown away, as is one that was left half
        written.

        Args:
            family: The valid results of a variant, or a study and its trials.

        Returns:
            What became of each entry below.

        Raises:
            TrackingError: The tracker cannot be reached or is broken.
        """
        with self._writing(), self._lock:
            there = self._experiment.runs(family.place, family.variant)
            above = next((run for run in there if run.cell_id is None), None)
            if above is not None and above.fingerprint == family.fingerprint:
                return self._put(family, there, above.run_id)
            entry = family.above()
            run_id = self._experiment.create(entry) if above is None else above.run_id
            fates = self._put(family, there, run_id)
            self._experiment.fill(run_id, entry)
            return fates

    def _put(self, family: Family, there: Sequence[Stored], above: str) -> list[Fate]:
        fates = list[Fate]()
        for name, member in family.members.items():
            mine = [run for run in there if run.cell_id == name]
            good = [run for run in mine if run.fingerprint == member.fingerprint][:1]
            for run in mine:
                if run not in good:
                    self._experiment.discard(run.run_id)
            if not good:
                entry = member.entry()
                self._experiment.fill(self._experiment.create(entry, above), entry)
            fates.append("kept" if good else "replaced" if mine else "added")
        return fates

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn whatever MLflow and what it rests on raise into one kind of error."""
        try:
            yield
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
            raise TrackingError(f"{self.uri}: {reason}") from error
