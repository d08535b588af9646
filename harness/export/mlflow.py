"""Files that go with a tracked run: its curve; the table and the figure of a variant's seeds."""

import csv
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from io import StringIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from filelock import FileLock

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.export.mlflow_setup import ARTIFACTS, INSTALL, database, installed, quiet, tracking_uri
from harness.plotting.plot import Curve, Plot
from harness.results.files import Failure
from harness.results.index import done_by_variant
from harness.results.result import RunResult
from harness.training.pool import Job, View
from harness.training.worker import Outcome
from methods import METHODS
from scenarios import SCENARIOS

_COUNTS = ("evaluation", "episode", "step")


def seed_files(result: RunResult) -> dict[str, str]:
    """Return a run's curve as CSV: a row per evaluation, a column per metric."""
    metrics = list(result.curve[0]["metrics"])
    rows = (
        [row[k] for k in _COUNTS] + [row["metrics"][m] for m in metrics] for row in result.curve
    )
    return {"curve.csv": _csv([*_COUNTS, *metrics], rows)}


def variant_files(results: Sequence[RunResult]) -> dict[str, str]:
    """Return the final values of a variant's seeds as CSV and, if it learns, its curve as SVG."""
    rows = (
        [result.cell.seed, metric, result.final(metric)]
        for result in results
        for metric in result.curve[-1]["metrics"]
    )
    files = {"table.csv": _csv(["seed", "metric", "final"], rows)}
    if METHODS[results[0].cell.method].learns:
        from harness.plotting.draw import draw  # matplotlib takes its time

        files["curve.svg"] = draw(_plot(results)).decode()
    return files


def _plot(results: Sequence[RunResult]) -> Plot:
    """Plot the first headline metric of a variant's seeds."""
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
    return Plot(title=title, ylabel=ylabel, curves=(curve,), levels=(), by_method=True)


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows([head, *rows])
    return file.getvalue()


_COSTS = ("wall_s", "cpu_s", "steps_per_s", "peak_memory_mb")
_ORIGINS = ("commit", "dirty", "cpu", "platform", "threads")


class Point(NamedTuple):
    """A figure at an environment step; at 0 if it is about the whole: MLflow draws it as a bar."""

    name: str
    value: float
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a tracker shows as one run.

    Attributes:
        name: Its name.
        tags: What it is found by, and where it comes from.
        params: What was set; never changed afterwards.
        points: Figures.
        files: Texts by name.
        fingerprint: Hash of what all this rests on.
        start_ms: When it began [ms since 1970].
        end_ms: When it ended.
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
    """An entry below another, made only where the tracker lacks it."""

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


def variant_family(grid: str, results: Sequence[RunResult]) -> Family:
    """Return the entries of a variant and of its runs."""
    cell = results[0].cell
    return Family(
        task=cell.task,
        variant=cell.variant,
        fingerprint=variant_fingerprint(results),
        above=partial(variant_entry, grid, results),
        members={r.cell.id: Member(r.fingerprint, partial(seed_entry, grid, r)) for r in results},
    )


def seed_entry(grid: str, result: RunResult) -> Entry:
    """Return the entry of one run: its settings, its curve over environment steps, its costs."""
    cell = result.cell
    tables = {"options": cell.all_options, "config": result.config, "method": result.method}
    params = {
        f"{table}.{k}": as_text(v) for table, content in tables.items() for k, v in content.items()
    }
    start_ms, end_ms = _times_ms(result)
    return Entry(
        name=f"seed={cell.seed} {cell.task}/{cell.variant}",  # in a narrow column the seed counts
        tags=_shared_tags(grid, result) | {"role": "seed"} | _identity(result),
        params=_shared_params(result) | {"seed": str(cell.seed)} | params,
        points=[point._replace(name=metric_name(point.name)) for point in _points(result)],
        files=seed_files(result),
        fingerprint=result.fingerprint,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def variant_entry(grid: str, results: Sequence[RunResult]) -> Entry:
    """Return the entry above the runs of a variant: final values, means over its seeds."""
    first, times = results[0], [_times_ms(result) for result in results]
    finals = {name: [r.final(name) for r in results] for name in first.curve[-1]["metrics"]}
    return Entry(
        name=f"{first.cell.task}/{first.cell.variant}",
        tags=_shared_tags(grid, first) | {"role": "variant"},
        params=_shared_params(first),
        points=[
            Point(metric_name(f"final/{name}"), float(np.mean(values)), 0)
            for name, values in finals.items()
        ],
        files=variant_files(results),
        fingerprint=variant_fingerprint(results),
        start_ms=min(start for start, _ in times),
        end_ms=max(end for _, end in times),
    )


def variant_fingerprint(results: Iterable[RunResult]) -> str:
    """Hash which results the entry of a variant rests on."""
    marks = sorted(f"{result.cell.id} {result.fingerprint}" for result in results)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()


def _shared_tags(grid: str, result: RunResult) -> dict[str, str]:
    return {"grid": grid, "task": result.cell.task, "variant": result.cell.variant}


def _identity(result: RunResult) -> dict[str, str]:
    origins = {name: result.provenance.get(name) for name in _ORIGINS}
    origins |= {f"version.{k}": v for k, v in result.provenance.get("packages", {}).items()}
    origins["mlflow.source.git.commit"] = origins["commit"]  # MLflow has a column for it
    known = {name: as_text(value) for name, value in origins.items() if value is not None}
    return {"cell_id": result.cell.id, "label": result.cell.label} | known


def _shared_params(result: RunResult) -> dict[str, str]:
    """Return what the seeds of a variant share for good."""
    cell = result.cell
    names = ("scenario", "task", "method", "variant", "preset")
    budget = {f"budget.{name}": as_text(value) for name, value in asdict(cell.budget).items()}
    return {name: getattr(cell, name) for name in names} | budget


def _points(result: RunResult) -> list[Point]:
    points = [
        Point(f"{kind}/{name}", value, row["step"])
        for row in result.curve
        for kind, figures in (("eval", row["metrics"]), ("train", row["train"]))
        for name, value in figures.items()
    ]
    points += [Point(f"final/{n}", result.final(n), 0) for n in result.curve[-1]["metrics"]]
    costs = {name: result.provenance.get(name) for name in _COSTS}
    return points + [Point(f"resources/{k}", v, 0) for k, v in costs.items() if v is not None]


def _times_ms(result: RunResult) -> tuple[int, int]:
    """Return when a run ended, and when it would have begun without interruptions."""
    end = datetime.fromisoformat(result.provenance["finished"]).timestamp()
    return round(1000 * (end - result.provenance["wall_s"])), round(1000 * end)


def as_text(value: Any) -> str:
    """Write the value of a parameter."""
    return value if isinstance(value, str) else json.dumps(value)


def metric_name(name: str) -> str:
    """Replace what MLflow allows in no metric's name."""
    return re.sub(r"[^\w\-. :/]", "_", name)


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
        task = (artifacts / name).as_uri() if uri.startswith("sqlite:") else None
        tags = {"mlflow.note.content": description}
        self._id = self._client.create_experiment(title, artifact_location=task, tags=tags)

    def runs(self, task: str, variant: str) -> list[Stored]:
        """Return the runs of a variant, its own and those of its seeds, the trash left out."""
        query = f"tags.task = '{task}' and tags.variant = '{variant}'"  # neither has quotes
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
            there = self._experiment.runs(family.task, family.variant)
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
