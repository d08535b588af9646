"""Results in MLflow: an experiment per grid, a run per variant, and a run below it per seed.

Importing this module is cheap: MLflow itself is imported when a tracker is opened, matplotlib when
a curve is drawn. What MLflow shows can be deleted and made anew from the results at any time.
"""

import csv
import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from filelock import FileLock

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.plotting.plot import Curve, Plot
from harness.results.failure import Failure
from harness.results.index import done_by_variant
from harness.results.result import RunResult
from harness.training.pool import Job, View
from harness.training.worker import Outcome
from methods import METHODS
from scenarios import SCENARIOS

INSTALL = "pip install -e '.[mlflow]'"
CATCH_UP = "the results are safe; `export --format mlflow` catches up"
PATIENCE_S = 1.0  # before the user is told what is waited for

Change: TypeAlias = Literal["added", "replaced", "kept"]

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_GIVE_UP = {  # on a server that is down, unless the user says otherwise; MLflow's own: minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_WHOLE = "fingerprint"  # the tag that is written last: who has it is whole
_MOST_RUNS = 50_000  # in one answer: the most that a server gives
_COUNTS = ("evaluation", "episode", "step")
_COSTS = ("wall_s", "cpu_s", "steps_per_s", "peak_memory_mb")
_ORIGINS = ("commit", "dirty", "cpu", "platform", "threads")


def installed() -> bool:
    """Say whether MLflow is installed, without importing it."""
    return find_spec("mlflow") is not None


def tracking_uri(results: Path) -> str:
    """Return where the tracker is: what the environment names, or a file among the results."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_database(results)}"


def in_use(results: Path) -> bool:
    """Say whether there is a tracker to keep up to date: one is named, or there is a file."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI")) or _database(results).exists()


class Point(NamedTuple):
    """A value of a metric at an environment step; at 0 if it is about the whole run.

    MLflow draws a metric with a single point as a bar. What it allows in no name of a metric is
    replaced when it is written.
    """

    name: str
    value: float
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What MLflow shows as one run.

    Attributes:
        name: Its name.
        tags: What it is found by, and where it comes from.
        params: What was set; never changed afterwards.
        points: Metrics.
        files: Texts by name.
        fingerprint: Hash of what all this rests on.
        start_ms: When it began [ms since 1970].
        end_ms: When it ended [ms since 1970].
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[Point]
    files: Mapping[str, str]
    fingerprint: str
    start_ms: int
    end_ms: int


class Member(NamedTuple):
    """An entry below another, made only where MLflow lacks it."""

    fingerprint: str
    entry: Callable[[], Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """An entry and those below it.

    Attributes:
        task: Part of what it is found by, a tag of all its entries.
        variant: The other part.
        fingerprint: Hash of what the entry above rests on.
        above: Makes that entry.
        members: The entries below, by tag ``cell_id``.
    """

    task: str
    variant: str
    fingerprint: str
    above: Callable[[], Entry]
    members: Mapping[str, Member]


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
        if not installed():
            raise TrackingError(f"MLflow is not installed: {INSTALL}")
        self.uri = tracking_uri(results)
        self._lock = FileLock(results / "mlflow.lock")  # two at once would make everything twice
        name, artifacts = f"{grid.name}{part}", results.absolute() / "mlflow-artifacts"
        title, note = f"ltos-bench/{name}", {"mlflow.note.content": grid.description}
        with self._errors():
            results.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._client = _connect(self.uri, _database(results), artifacts)
                if (found := self._client.get_experiment_by_name(title)) is not None:
                    self._experiment = found.experiment_id
                    return
                # A server keeps files itself; without one MLflow would take the working directory.
                place = (artifacts / name).as_uri() if self.uri.startswith("sqlite:") else None
                self._experiment = self._client.create_experiment(title, place, note)

    def update(self, family: Family) -> list[Change]:
        """Bring an entry and those below it in line; a second time adds nothing.

        A run below with another fingerprint is thrown away, as is one that was left half written.

        Args:
            family: The valid results of a variant, or a study and its trials.

        Returns:
            What was done about each entry below.

        Raises:
            TrackingError: The tracker cannot be reached or is broken.
        """
        query = f"tags.task = '{family.task}' and tags.variant = '{family.variant}'"  # no quotes
        with self._errors(), self._lock:
            there = self._client.search_runs([self._experiment], query, max_results=_MOST_RUNS)
            above = next((run for run in there if "cell_id" not in run.data.tags), None)
            if above is not None and above.data.tags.get(_WHOLE) == family.fingerprint:
                return self._put(family.members, there, above)
            entry = family.above()
            above = above or self._begin(entry, entry.tags)
            changes = self._put(family.members, there, above)
            self._fill(above, entry)
            return changes

    def _put(self, members: Mapping[str, Member], there: Sequence[Any], above: Any) -> list[Change]:
        changes = list[Change]()
        for name, member in members.items():
            mine = [run for run in there if run.data.tags.get("cell_id") == name]
            good = [run for run in mine if run.data.tags.get(_WHOLE) == member.fingerprint][:1]
            for run in mine:
                if run not in good:
                    self._client.delete_run(run.info.run_id)  # into the trash
            if not good:
                entry = member.entry()
                below = {**entry.tags, "mlflow.parentRunId": above.info.run_id}
                self._fill(self._begin(entry, below), entry)
            changes.append("kept" if good else "replaced" if mine else "added")
        return changes

    def _begin(self, entry: Entry, tags: Mapping[str, str]) -> Any:
        return self._client.create_run(self._experiment, entry.start_ms, dict(tags), entry.name)

    def _fill(self, run: Any, entry: Entry) -> None:
        """Write, or write anew, what a run shows; its fingerprint last."""
        from mlflow.entities import Metric, Param

        now = round(1000 * time.time())  # of two values at a step the one written later counts
        metrics = [Metric(metric_name(name), value, now, at) for name, value, at in entry.points]
        had = run.data.params
        params = [Param(name, text) for name, text in entry.params.items() if name not in had]
        client, run_id = self._client, run.info.run_id
        client.log_batch(run_id, metrics, params)
        for name, text in entry.files.items():
            client.log_text(run_id, text, name)
        client.set_terminated(run_id, end_time=entry.end_ms)
        client.set_tag(run_id, _WHOLE, entry.fingerprint)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn whatever MLflow and what it rests on raise into one kind of error."""
        try:
            yield
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
            raise TrackingError(f"{self.uri}: {reason}") from error


class Follower:
    """A view that shows what another shows, and hands finished cells to the tracker.

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
        """Show which cells are being run."""
        self._view.tick(running)

    def say(self, text: str) -> None:
        """Tell the user something."""
        self._view.say(text)

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        """Show what became of a cell; one that has a result goes to the tracker."""
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


def variant_family(grid: str, results: Sequence[RunResult]) -> Family:
    """Return the entries of a variant, final values as means over its seeds, and of its runs."""
    cell = results[0].cell
    marks = sorted(f"{result.cell.id} {result.fingerprint}" for result in results)
    fingerprint = hashlib.sha256("\n".join(marks).encode()).hexdigest()
    return Family(
        task=cell.task,
        variant=cell.variant,
        fingerprint=fingerprint,
        above=partial(_variant_entry, grid, results, fingerprint),
        members={r.cell.id: Member(r.fingerprint, partial(_seed_entry, grid, r)) for r in results},
    )


def as_text(value: Any) -> str:
    """Write the value of a parameter."""
    return value if isinstance(value, str) else json.dumps(value)


def metric_name(name: str) -> str:
    """Replace what MLflow allows in no metric's name."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _variant_entry(grid: str, results: Sequence[RunResult], fingerprint: str) -> Entry:
    cell = results[0].cell
    rows = [[r.cell.seed, name, r.final(name)] for r in results for name in r.curve[-1]["metrics"]]
    files = {"table.csv": _csv(["seed", "metric", "final"], rows)}
    if METHODS[cell.method].learns:
        files["curve.svg"] = _drawn_curve(results)
    return Entry(
        name=f"{cell.task}/{cell.variant}",
        tags=_tags(grid, cell, "variant"),
        params=_params(cell),
        points=_finals(results),
        files=files,
        fingerprint=fingerprint,
        start_ms=min(_started_ms(result) for result in results),
        end_ms=max(_ended_ms(result) for result in results),
    )


def _seed_entry(grid: str, result: RunResult) -> Entry:
    """Return the entry of one run: its settings, its curve over environment steps, its costs."""
    cell, curve, made = result.cell, result.curve, result.provenance
    origins = {name: made.get(name) for name in _ORIGINS}
    origins |= {f"version.{name}": version for name, version in made.get("packages", {}).items()}
    origins["mlflow.source.git.commit"] = origins["commit"]  # MLflow has a column for it
    settings = {"options": cell.all_options, "config": result.config, "method": result.method}
    metrics = list(curve[0]["metrics"])
    rows = ([row[n] for n in _COUNTS] + [row["metrics"][m] for m in metrics] for row in curve)
    return Entry(
        name=f"seed={cell.seed} {cell.task}/{cell.variant}",  # in a narrow column the seed counts
        tags=_tags(grid, cell, "seed")
        | {"cell_id": cell.id, "label": cell.label}
        | {name: as_text(value) for name, value in origins.items() if value is not None},
        params=_params(cell)
        | {"seed": str(cell.seed)}
        | {f"{of}.{k}": as_text(v) for of, values in settings.items() for k, v in values.items()},
        points=[
            Point(f"{kind}/{name}", value, row["step"])
            for row in curve
            for kind, values in (("eval", row["metrics"]), ("train", row["train"]))
            for name, value in values.items()
        ]
        + _finals([result])
        + [Point(f"resources/{k}", made[k], 0) for k in _COSTS if made.get(k) is not None],
        files={"curve.csv": _csv([*_COUNTS, *metrics], rows)},
        fingerprint=result.fingerprint,
        start_ms=_started_ms(result),
        end_ms=_ended_ms(result),
    )


def _tags(grid: str, cell: Cell, role: str) -> dict[str, str]:
    return {"grid": grid, "task": cell.task, "variant": cell.variant, "role": role}


def _params(cell: Cell) -> dict[str, str]:
    """Return what the seeds of a variant share for good."""
    names = ("scenario", "task", "method", "variant", "preset")
    budget = {f"budget.{name}": as_text(value) for name, value in asdict(cell.budget).items()}
    return {name: getattr(cell, name) for name in names} | budget


def _finals(results: Sequence[RunResult]) -> list[Point]:
    return [
        Point(f"final/{name}", float(np.mean([result.final(name) for result in results])), 0)
        for name in results[0].curve[-1]["metrics"]
    ]


def _ended_ms(result: RunResult) -> int:
    return round(1000 * datetime.fromisoformat(result.provenance["finished"]).timestamp())


def _started_ms(result: RunResult) -> int:
    """Return when a run would have begun without interruptions."""
    return _ended_ms(result) - round(1000 * result.provenance["wall_s"])


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    from harness.export.tables import as_text_cell  # pandas takes its time

    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows([map(as_text_cell, head), *rows])
    return file.getvalue()


def _drawn_curve(results: Sequence[RunResult]) -> str:
    """Draw the first headline metric of a variant's seeds as SVG: mean and range."""
    from harness.plotting.draw import draw  # matplotlib takes its time

    cell = results[0].cell
    metric, info = next(iter(SCENARIOS[cell.scenario].metric_info.items()))
    rows = list(zip(*(result.curve for result in results), strict=True))
    values = [[row["metrics"][metric] for row in at] for at in rows]
    curve = Curve(
        name=f"{METHODS[cell.method].title}, {len(results)} seeds",
        method=cell.method,
        x=tuple(float(np.mean([row["episode"] for row in at])) for at in rows),
        mean=tuple(float(np.mean(at)) for at in values),
        least=tuple(map(min, values)),
        most=tuple(map(max, values)),
    )
    title, ylabel = f"{cell.task}, {cell.variant}", f"{metric} [{info.unit}]"
    plot = Plot(title=title, ylabel=ylabel, curves=(curve,), levels=(), by_method=True)
    return draw(plot).decode()


def _database(results: Path) -> Path:
    """Return the tracker's file where no server is named."""
    return results.absolute() / "mlflow.db"


def _connect(uri: str, file: Path, artifacts: Path) -> Any:
    """Make MLflow silent and quick to give up, import it and connect.

    A file of ours is made beside its place, for half a one could not be mended.
    """
    os.environ.update(_SETTINGS)
    for name, value in _GIVE_UP.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.tracking import MlflowClient

    if uri == f"sqlite:///{file}" and not file.exists():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        draft = file.with_name(f"{file.name}.part")
        draft.unlink(missing_ok=True)
        SqlAlchemyStore(f"sqlite:///{draft}", artifacts.as_uri())  # where other runs' files go
        draft.replace(file)
    return MlflowClient(uri)
