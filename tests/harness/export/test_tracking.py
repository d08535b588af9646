"""MLflow shows what the results say, once, and stays out of the way."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from harness.config.grid import Grid
from harness.export.mlflow import (
    Follower,
    Tracker,
    TrackingError,
    in_use,
    tracking_uri,
    variant_family,
)
from harness.results.failure import Failure
from harness.training.pool import Job
from harness.training.worker import Outcome
from support.recorded import cell, result

ROOT = Path(__file__).parents[3]
pytest.importorskip("mlflow", reason="MLflow is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:")  # SQLAlchemy's of MLflow
HERE = {
    "finished": "2026-01-02T03:04:05Z",
    "wall_s": 12.5,
    "cpu_s": 11.0,
    "commit": "abc",
    "dirty": False,
    "packages": {"torch": "2.13.0"},
}
CELLS = tuple(cell("dqn", seed=seed) for seed in (0, 1, 2))
GRID = Grid(name="mine", description="three seeds", tuning=False, cells=CELLS)


def done(of, final=0.97, **changes):
    return result(of, final, **{"provenance": HERE} | changes)


def family(results):
    return variant_family("mine", results)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A tracker's file without a run in it: MLflow takes seconds to make one."""
    folder = tmp_path_factory.mktemp("tables")
    Tracker(GRID, folder)
    return folder / "mlflow.db"


@pytest.fixture
def results(tmp_path, monkeypatch, tables):
    """A folder of results with an empty tracker in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(tables, folder)
    with sqlite3.connect(folder / "mlflow.db") as file:  # of the folder it was made in
        file.execute("DELETE FROM experiment_tags")
        file.execute("DELETE FROM experiments WHERE name LIKE 'ltos-bench/%'")
    return folder


class Reader:
    """Reads through MLflow's own client what a tracker has."""

    def __init__(self, uri):
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(uri)

    def runs(self, trash=False):
        from mlflow.entities import ViewType

        (experiment,) = (e for e in self.client.search_experiments() if e.name == "ltos-bench/mine")
        view = ViewType.DELETED_ONLY if trash else ViewType.ACTIVE_ONLY
        runs = self.client.search_runs([experiment.experiment_id], run_view_type=view)
        return {run.info.run_name: run for run in runs}

    def curve(self, run, metric):
        history = self.client.get_metric_history(run.info.run_id, metric)
        return [(point.step, point.value) for point in history]

    def file(self, run, name, folder):
        return Path(self.client.download_artifacts(run.info.run_id, name, folder)).read_text()


def read(folder):
    return Reader(tracking_uri(folder))


def test_a_variant_is_a_run_and_each_seed_a_run_below_it(results):
    of = CELLS[0]

    changes = Tracker(GRID, results).update(family([done(of), done(CELLS[1], final=0.5)]))

    reader = read(results)
    runs = reader.runs()
    above, below = runs["prisoner/dqn"], runs["seed=0 prisoner/dqn"]
    assert changes == ["added", "added"]
    assert runs.keys() == {"prisoner/dqn", "seed=0 prisoner/dqn", "seed=1 prisoner/dqn"}
    assert below.data.tags["mlflow.parentRunId"] == above.info.run_id
    assert below.data.tags["cell_id"] == of.id
    assert (above.data.tags["role"], below.data.tags["role"]) == ("variant", "seed")
    assert below.data.tags["commit"] == below.data.tags["mlflow.source.git.commit"] == "abc"
    assert below.data.params["config.learning_rate"] == "0.001"
    assert below.data.params["budget.episodes"] == "2000"
    assert below.data.params["seed"] == "0"
    assert below.info.end_time - below.info.start_time == 12_500
    assert reader.curve(below, "eval/return") == [
        (row["step"], row["metrics"]["return"]) for row in done(of).curve
    ]
    assert above.data.metrics["final/return"] == pytest.approx((0.97 + 0.5) / 2)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_curve_and_table_are_files_in_the_results_and_nothing_is_left_elsewhere(results, tmp_path):
    Tracker(GRID, results).update(family([done(CELLS[0], final=0.5), done(CELLS[1])]))

    reader = read(results)
    runs = reader.runs()
    curve = reader.file(runs["seed=0 prisoner/dqn"], "curve.csv", tmp_path).splitlines()
    table = reader.file(runs["prisoner/dqn"], "table.csv", tmp_path).splitlines()
    assert curve[0] == "evaluation,episode,step,return,steps,collisions"
    assert len(curve) == 1 + len(done(CELLS[0]).curve)
    assert table[:2] == ["seed,metric,final", "0,return,0.5"]
    assert "<svg" in reader.file(runs["prisoner/dqn"], "curve.svg", tmp_path)
    assert len(list((results / "mlflow-artifacts" / "mine").rglob("*.*"))) == 4
    downloads = {"curve.csv", "table.csv", "curve.svg"}
    assert {path.name for path in tmp_path.iterdir()} == {"results", *downloads}


def test_a_second_time_adds_nothing(results):
    Tracker(GRID, results).update(family([done(CELLS[0])]))
    reader = read(results)
    before = reader.runs()

    changes = Tracker(GRID, results).update(family([done(CELLS[0])]))

    after = reader.runs()
    assert changes == ["kept"]
    assert {n: r.to_dictionary() for n, r in after.items()} == {
        n: r.to_dictionary() for n, r in before.items()
    }
    assert len(reader.curve(after["seed=0 prisoner/dqn"], "final/return")) == 1
    assert len(reader.curve(after["prisoner/dqn"], "final/return")) == 1


def test_another_fingerprint_replaces_the_run_and_the_old_one_is_in_the_trash(results):
    tracker = Tracker(GRID, results)
    tracker.update(family([done(CELLS[0], final=0.5), done(CELLS[1])]))

    changes = tracker.update(family([done(CELLS[0], final=0.9, fingerprint="new"), done(CELLS[1])]))

    reader = read(results)
    runs, trash = reader.runs(), reader.runs(trash=True)
    assert changes == ["replaced", "kept"]
    assert runs["seed=0 prisoner/dqn"].data.tags["fingerprint"] == "new"
    assert runs["prisoner/dqn"].data.metrics["final/return"] == pytest.approx((0.9 + 0.97) / 2)
    assert trash["seed=0 prisoner/dqn"].data.metrics["final/return"] == 0.5
    assert trash.keys() == {"seed=0 prisoner/dqn"}


def test_a_seed_that_comes_later_joins_the_others(results):
    Tracker(GRID, results).update(family([done(CELLS[0], final=0.5)]))

    changes = Tracker(GRID, results).update(
        family([done(of, final=0.5 + n) for n, of in enumerate(CELLS)])
    )

    runs = read(results).runs()
    below = [run for name, run in runs.items() if name.startswith("seed=")]
    parents = {run.data.tags["mlflow.parentRunId"] for run in below}
    assert changes == ["kept", "added", "added"]
    assert parents == {runs["prisoner/dqn"].info.run_id}
    assert runs["prisoner/dqn"].data.metrics["final/return"] == pytest.approx(1.5)


def test_a_run_that_was_left_half_written_is_written_again(results, monkeypatch):
    tracker = Tracker(GRID, results)
    monkeypatch.setattr(tracker._client, "log_text", dies)
    with pytest.raises(TrackingError, match="no room"):
        tracker.update(family([done(CELLS[0])]))
    monkeypatch.undo()

    changes = tracker.update(family([done(CELLS[0])]))

    runs = read(results).runs()
    assert changes == ["replaced"]
    assert runs.keys() == {"prisoner/dqn", "seed=0 prisoner/dqn"}
    assert runs["prisoner/dqn"].data.tags.keys() >= {"fingerprint"}


def dies(*_):
    raise OSError("no room")


def test_two_results_of_one_name_in_two_grids_are_two_experiments(results):
    other = replace(GRID, name="yours")

    for grid in (GRID, other):
        assert Tracker(grid, results).update(family([done(CELLS[0])])) == ["added"]

    names = {experiment.name for experiment in read(results).client.search_experiments()}
    assert names >= {"ltos-bench/mine", "ltos-bench/yours"}


def test_a_broken_file_is_named(results):
    (results / "mlflow.db").write_text("no database")

    with pytest.raises(TrackingError, match=r"mlflow\.db.*not a database"):
        Tracker(GRID, results)


def test_a_server_that_is_down_is_named_within_seconds(results, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9"):
        Tracker(GRID, results)


def test_without_mlflow_the_message_says_how_to_get_it(results, monkeypatch):
    monkeypatch.setattr("harness.export.mlflow.installed", lambda: False)

    with pytest.raises(TrackingError, match=r"pip install -e '\.\[mlflow\]'"):
        Tracker(GRID, results)


def test_there_is_a_tracker_where_a_server_is_named_or_a_file_lies(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert not in_use(tmp_path)

    (tmp_path / "mlflow.db").touch()
    assert in_use(tmp_path)
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert in_use(tmp_path / "elsewhere")
    assert tracking_uri(tmp_path) == "http://localhost:5000"


def test_to_ask_for_a_tracker_imports_nothing_that_takes_time():
    code = (
        "import sys, pathlib; from harness.export.mlflow import Follower, in_use, installed; "
        "installed(), in_use(pathlib.Path()); print(*sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert not {"mlflow", "pandas", "sqlalchemy", "matplotlib"} & {*done.stdout.split()}


def test_mlflow_reports_nothing_to_its_makers(results, monkeypatch):
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "false")

    Tracker(GRID, results)

    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == os.environ["DO_NOT_TRACK"] == "true"


class Shown:
    """A view that remembers."""

    def __init__(self):
        self.said, self.settled_jobs, self.ticks = [], [], 0

    def tick(self, running):
        self.ticks += 1

    def settled(self, job, what):
        self.settled_jobs.append(job.cell)

    def say(self, text):
        self.said.append(text)


class Told:
    """A tracker that remembers what it was told, or fails."""

    def __init__(self, error=None):
        self.told, self.error, self.threads = [], error, set()

    def open(self, grid, results):
        self.threads.add(threading.current_thread().name)
        return self

    def update(self, found):
        if self.error is not None:
            raise self.error
        self.told.append([name.rpartition("=")[2] for name in found.members])


def settle(follower, of, state="done"):
    follower.settled(Job(cell=of, expected_s=1.0), Outcome(state=state, metrics={}))


def test_a_finished_cell_goes_to_the_tracker_with_its_variant_in_another_thread(tmp_path):
    shown, tracker = Shown(), Told()
    for of in CELLS[:2]:
        done(of).save(tmp_path / "mine")

    with Follower(shown, GRID, tmp_path, tracker.open) as follower:
        follower.tick([])
        settle(follower, CELLS[1])

    assert tracker.told == [["0", "1"]]
    assert tracker.threads == {"tracking"}
    assert shown.settled_jobs == [CELLS[1]]
    assert shown.ticks == 1
    assert not shown.said


def test_what_has_no_result_is_not_tracked(tmp_path):
    tracker = Told()
    failure = Failure(id="", fingerprint="", kind="", message="", traceback="", time="")

    with Follower(Shown(), GRID, tmp_path, tracker.open) as follower:
        settle(follower, CELLS[0], "stopped")
        settle(follower, CELLS[1], "busy")
        follower.settled(Job(cell=CELLS[2], expected_s=1.0), failure)

    assert not tracker.threads


def test_a_tracker_that_fails_is_told_of_once_and_the_run_goes_on(tmp_path):
    shown, tracker = Shown(), Told(TrackingError("http://nowhere: down"))
    for of in CELLS:
        done(of).save(tmp_path / "mine")

    with Follower(shown, GRID, tmp_path, tracker.open) as follower:
        for of in CELLS:
            settle(follower, of)
            time.sleep(0.05)

    assert shown.settled_jobs == [*CELLS]
    assert shown.said == [
        "not tracked: http://nowhere: down; the results are safe; `export --format mlflow` "
        "catches up"
    ]


def test_the_user_is_told_what_is_waited_for_and_may_leave_it_at_that(tmp_path, monkeypatch):
    slow, shown = threading.Event(), Shown()
    tracker = Told()
    tracker.update = lambda results: slow.wait(30)
    done(CELLS[0]).save(tmp_path / "mine")
    monkeypatch.setattr("harness.export.mlflow.PATIENCE_S", 0.05)

    def interrupted(timeout=None):
        if timeout is None:
            raise KeyboardInterrupt
        Thread.join(follower._thread, timeout)

    with Follower(shown, GRID, tmp_path, tracker.open) as follower:
        follower._thread.join = interrupted
        settle(follower, CELLS[0])
    slow.set()
    del follower._thread.join
    follower._thread.join()

    assert shown.said == [
        "tracking the last cells (Ctrl-C leaves it at that)",
        "tracking was left at that; the results are safe; `export --format mlflow` catches up",
    ]
