"""MLflow: the only module that imports it, and only when a tracker is opened.

An experiment per grid, in it a run per variant, below it a run per seed; and one per grid that is
tuned, in it a run per study, below it a run per trial.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.projection import Entry
from harness.tracking_setup import ARTIFACTS, database, quiet, tracking_uri

_AT_ONCE = {"metrics": 1000, "params": 100}  # in one call: more are refused
_LONGEST = 6000  # characters of a parameter's value
_ALL = 50_000  # runs in one answer: the most that a server gives
_MARK = "fingerprint"  # the tag that comes last: who has it is whole


class Stored(NamedTuple):
    """What identifies a run that MLflow has.

    Attributes:
        run_id: MLflow's name for it.
        cell_id: Of a run of one seed; None of a variant's.
        fingerprint: What it rests on; None where it was left half written.
    """

    run_id: str
    cell_id: str | None
    fingerprint: str | None


class Experiment:
    """An experiment of a grid.

    Whatever MLflow and what it rests on may raise comes through.

    Args:
        name: Of the grid, and what of it where that is not its results.
        description: What the grid is for.
        results: Folder of the results of all grids.
    """

    def __init__(self, name: str, description: str, results: Path) -> None:
        uri, title = tracking_uri(results), f"ltos-bench/{name}"
        artifacts = results.absolute() / ARTIFACTS
        self._client = _connect(uri, database(results), artifacts)
        found = self._client.get_experiment_by_name(title)
        if found is not None:
            self._id = found.experiment_id
            return
        # A server keeps files itself; without one, MLflow would take the working directory.
        place = (artifacts / name).as_uri() if uri.startswith("sqlite:") else None
        tags = {"mlflow.note.content": description}
        self._id = self._client.create_experiment(title, artifact_location=place, tags=tags)

    def runs(self, place: str, variant: str) -> list[Stored]:
        """Return the runs of a variant, its own and those of its seeds, the trash left out."""
        query = f"tags.place = '{place}' and tags.variant = '{variant}'"  # neither has quotes
        found = self._client.search_runs([self._id], query, max_results=_ALL)
        tags = [(run.info.run_id, run.data.tags) for run in found]
        return [Stored(run_id, of.get("cell_id"), of.get(_MARK)) for run_id, of in tags]

    def create(self, entry: Entry, above: str | None = None) -> str:
        """Begin a run, below another if one is named; returns MLflow's name for it."""
        from mlflow.entities import Param

        tags = dict(entry.tags) | ({} if above is None else {"mlflow.parentRunId": above})
        run = self._client.create_run(self._id, entry.start_ms, tags, entry.name)
        params = [Param(name, text[:_LONGEST]) for name, text in entry.params.items()]
        self._log(run.info.run_id, "params", params)
        return str(run.info.run_id)

    def fill(self, run_id: str, entry: Entry) -> None:
        """Write, or write anew, what a run shows; its fingerprint last."""
        from mlflow.entities import Metric

        now = round(1000 * time.time())  # of two values at a step the one written later counts
        metrics = [Metric(point.name, point.value, now, point.step) for point in entry.points]
        self._log(run_id, "metrics", metrics)
        for name, text in entry.files.items():
            self._client.log_text(run_id, text, name)
        self._client.set_terminated(run_id, end_time=entry.end_ms)
        self._client.set_tag(run_id, _MARK, entry.fingerprint)

    def discard(self, run_id: str) -> None:
        """Put a run into MLflow's trash."""
        self._client.delete_run(run_id)

    def _log(self, run_id: str, kind: str, entries: Sequence[Any]) -> None:
        for first in range(0, len(entries), _AT_ONCE[kind]):
            part = entries[first : first + _AT_ONCE[kind]]
            self._client.log_batch(run_id, **{kind: part})


def _connect(uri: str, file: Path, artifacts: Path) -> Any:
    """Connect; a file of ours is made beside its place, for half a one could not be mended."""
    quiet()
    from mlflow.tracking import MlflowClient

    if uri == f"sqlite:///{file}" and not file.exists():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        draft = file.with_name(f"{file.name}.part")
        draft.unlink(missing_ok=True)
        SqlAlchemyStore(f"sqlite:///{draft}", artifacts.as_uri())  # where other runs' files go
        draft.replace(file)
    return MlflowClient(uri)
