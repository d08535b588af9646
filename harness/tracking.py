"""Results in MLflow: an experiment per grid, a run per variant, below it a run per seed.

Only the process that the user started writes here; workers never do. What is written is a
projection of the results and can be made anew at any time. MLflow is imported when a tracker is
opened, and nowhere else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from filelock import FileLock

from harness.grid import Grid
from harness.projection import (
    Entry,
    seed_entry,
    variant_entry,
    variant_fingerprint,
    variant_tags,
)
from harness.result import RunResult
from harness.tracking_setup import INSTALL, TrackingError, database, installed, quiet, tracking_uri

_AT_ONCE = {"metrics": 1000, "params": 100}  # in one call: more are refused
_LONGEST = 6000  # characters of a parameter's value
_ALL = 50_000  # runs in one answer: the most that a server gives
_MARK = "fingerprint"  # the tag that comes last: who has it is whole

Fate: TypeAlias = Literal["added", "replaced", "kept"]


class Tracker:
    """The experiment of a grid.

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
        self._lock = FileLock(results / "mlflow.lock")
        if not installed():
            raise TrackingError(f"MLflow is not installed: {INSTALL}")
        with self._writing():
            results.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._client = _open(self.uri, database(results))
                self._experiment = self._find_experiment(grid, results)

    def update(self, results: Sequence[RunResult]) -> list[Fate]:
        """Bring the runs of a variant in line with its results; a second time adds nothing.

        A run whose fingerprint is another one goes to MLflow's trash, as does one that was left
        half written.

        Args:
            results: The valid results of one place and variant.

        Returns:
            What became of each.

        Raises:
            TrackingError: The tracker cannot be reached or is broken.
        """
        with self._writing(), self._lock:
            tags = variant_tags(self._grid, results[0])
            query = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
            runs = self._client.search_runs([self._experiment], query, max_results=_ALL)
            above = [run for run in runs if "cell_id" not in run.data.tags]
            if above and above[0].data.tags.get(_MARK) == variant_fingerprint(results):
                parent, entry = above[0].info.run_id, None
            else:
                entry = variant_entry(self._grid, results)
                parent = above[0].info.run_id if above else self._create(entry, {})
            fates = [self._put(result, runs, parent) for result in results]
            if entry is not None:
                self._fill(parent, entry)
            return fates

    def _find_experiment(self, grid: Grid, results: Path) -> str:
        name = f"ltos-bench/{grid.name}"
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        # A server keeps files itself; without one, MLflow would take the working directory.
        local = self.uri.startswith("sqlite:")
        folder = (results.absolute() / "mlflow-artifacts" / grid.name).as_uri() if local else None
        tags = {"grid": grid.name, "mlflow.note.content": grid.description}
        return str(self._client.create_experiment(name, artifact_location=folder, tags=tags))

    def _put(self, result: RunResult, runs: Sequence[Any], parent: str) -> Fate:
        there = [run for run in runs if run.data.tags.get("cell_id") == result.cell.id]
        good = [run for run in there if run.data.tags.get(_MARK) == result.fingerprint][:1]
        for run in there:
            if run not in good:
                self._client.delete_run(run.info.run_id)
        if good:
            return "kept"
        entry = seed_entry(self._grid, result)
        self._fill(self._create(entry, {"mlflow.parentRunId": parent}), entry)
        return "replaced" if there else "added"

    def _create(self, entry: Entry, more: dict[str, str]) -> str:
        from mlflow.entities import Param

        tags = {**entry.tags, **more}
        run = self._client.create_run(self._experiment, entry.start_ms, tags, entry.name)
        params = [Param(name, text[:_LONGEST]) for name, text in entry.params.items()]
        self._log(run.info.run_id, "params", params)
        return str(run.info.run_id)

    def _fill(self, run_id: str, entry: Entry) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(p.name, p.value, entry.end_ms, p.step) for p in entry.points]
        self._log(run_id, "metrics", metrics)
        for name, text in entry.files.items():
            self._client.log_text(run_id, text, name)
        self._client.set_terminated(run_id, end_time=entry.end_ms)
        self._client.set_tag(run_id, _MARK, entry.fingerprint)

    def _log(self, run_id: str, kind: Literal["params", "metrics"], what: Sequence[Any]) -> None:
        n = _AT_ONCE[kind]
        for first in range(0, len(what), n):
            self._client.log_batch(run_id, **{kind: what[first : first + n]})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn whatever MLflow and what it rests on raise into one kind of error."""
        try:
            yield
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
            raise TrackingError(f"{self.uri}: {reason}") from error


def _open(uri: str, file: Path) -> Any:
    """Connect; a file of ours is made beside its place, for half a one could not be mended."""
    quiet()
    from mlflow.tracking import MlflowClient

    if uri == f"sqlite:///{file}" and not file.exists():
        draft = file.with_name(f"{file.name}.part")
        draft.unlink(missing_ok=True)
        MlflowClient(f"sqlite:///{draft}")
        draft.replace(file)
    return MlflowClient(uri)
