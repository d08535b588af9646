import itertools
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

import harness.training.worker
from harness.config.cell import Budget, Cell
from harness.config.grid import Grid
from harness.errors import StorageError
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.results.index import curve_table, load_runs
from harness.results.result import RunResult, load_result
from harness.training.loop import Training
from harness.training.worker import run_cell, work
from methods import METHODS
from support.recorded import cell

SHORT = Budget(episodes=40, steps=80, evaluations=8, evaluation_episodes=2)
LEARNERS = [name for name, method in METHODS.items() if method.learns]


def short(method: str = "dqn", **changes) -> Cell:
    return cell(method, budget=SHORT, **changes)


def never() -> bool:
    return False


def at_evaluation(n: int) -> Callable[[], bool]:
    """Ask to stop at the n-th evaluation from now; before the first it is asked once, too."""
    calls = iter(range(1000))
    return lambda: next(calls) == n


def identical(first: RunResult, second: RunResult) -> bool:
    keys = ("cell", "fingerprint", "config", "curve", "episodes", "traces", "method")
    return all(getattr(first, key) == getattr(second, key) for key in keys)


def load(folder: Path, of: Cell) -> RunResult:
    return load_result(CellFiles.of(folder, of).result)


@pytest.fixture
def whole(tmp_path) -> RunResult:
    """The result of an uninterrupted run of the usual short cell."""
    work(short(), tmp_path / "whole", 1e9, never)
    return load(tmp_path / "whole", short())


def test_a_cell_leaves_its_result_its_policy_and_nothing_else_but_the_lock(tmp_path):
    outcome = work(short(), tmp_path, 0.0, never)

    files = CellFiles.of(tmp_path, short())
    assert outcome.state == "done"
    assert outcome.wall_s > 0
    assert sorted(files.result.parent.iterdir()) == [files.result, files.lock, files.policy]


def test_the_result_is_what_the_training_loop_returned(tmp_path):
    training, rows = Training(short()), []
    while not training.done:
        rows.append(training.advance())

    work(short(), tmp_path, 1e9, never)

    result = load(tmp_path, short())
    assert [row["metrics"] for row in result.curve] == [row["metrics"] for row in rows]
    assert [row["train"] for row in result.curve] == [row["train"] for row in rows]
    assert np.shape(result.episodes["return"]) == (8, 2)
    assert result.fingerprint == short().fingerprint


@pytest.mark.parametrize("method", ["dqn", "ltos", "random"])
def test_a_cell_computed_in_this_process_has_the_result_of_a_worker(tmp_path, method):
    of = short(method)
    work(of, tmp_path, 1e9, never)
    n_threads = torch.get_num_threads()

    result = run_cell(of)

    result.save(tmp_path / "read")  # as JSON, which knows no tuples
    assert identical(load(tmp_path / "read", of), load(tmp_path, of))
    assert result.provenance["cpu_s"] > 0
    assert torch.get_num_threads() == n_threads


def test_a_result_says_where_it_comes_from_and_what_it_cost(whole):
    provenance = whole.provenance

    assert {"commit", "dirty", "packages", "cpu", "platform", "threads"} <= provenance.keys()
    assert provenance["packages"]["torch"]
    assert 0 < provenance["train_s"] <= provenance["wall_s"]
    assert provenance["cpu_s"] > 0
    assert provenance["steps_per_s"] > 0
    assert provenance["peak_memory_mb"] > 50
    assert provenance["resumed"] == 0
    assert provenance["finished"].endswith("Z")
    assert whole.method["parameters"] > 0
    assert whole.method["hops"] == 0


@pytest.mark.parametrize("method", LEARNERS)
def test_a_stopped_cell_goes_on_bit_for_bit(tmp_path, method):
    of = short(method)
    work(of, tmp_path / "whole", 1e9, never)

    first = work(of, tmp_path / "parts", 1e9, at_evaluation(3))
    second = work(of, tmp_path / "parts", 1e9, at_evaluation(2))
    third = work(of, tmp_path / "parts", 1e9, never)

    parts = load(tmp_path / "parts", of)
    assert [first.state, second.state, third.state] == ["stopped", "stopped", "done"]
    assert identical(parts, load(tmp_path / "whole", of))
    assert parts.provenance["resumed"] == 2


def test_a_killed_cell_goes_on_from_its_last_checkpoint(tmp_path, whole, monkeypatch):
    def killed(training):
        if training.evaluation == 5:
            raise KeyboardInterrupt  # leaves everything as it lies, like a kill
        return advance(training)

    advance = Training.advance
    monkeypatch.setattr(Training, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        work(short(), tmp_path / "parts", 0.0, never)
    monkeypatch.setattr(Training, "advance", advance)

    work(short(), tmp_path / "parts", 0.0, never)

    assert identical(load(tmp_path / "parts", short()), whole)
    assert load(tmp_path / "parts", short()).provenance["resumed"] == 1


def test_costs_add_up_over_the_parts_of_a_run(tmp_path):
    first = time.perf_counter()
    work(short(), tmp_path, 1e9, at_evaluation(4))
    between = time.perf_counter()
    time.sleep(0.2)
    again = time.perf_counter()
    work(short(), tmp_path, 1e9, never)
    end = time.perf_counter()

    wall_s = load(tmp_path, short()).provenance["wall_s"]

    assert (between - first) / 2 < wall_s < (between - first) + (end - again)


@pytest.mark.parametrize(("every", "n_saved"), [(0.0, 7), (1e9, 0)])
def test_checkpoints_come_as_often_as_asked(tmp_path, monkeypatch, every, n_saved):
    saved = []
    monkeypatch.setattr(
        harness.training.worker, "save_checkpoint", lambda path, state: saved.append(path)
    )

    work(short(), tmp_path, every, never)

    files = CellFiles.of(tmp_path, short())
    assert saved == [files.checkpoint] * n_saved + [files.policy]


@pytest.mark.parametrize("method", ["random", "reference"])
def test_a_method_that_does_not_learn_is_evaluated_once(tmp_path, method):
    of = short(method, fields=(("policy", "defect"),) if method == "reference" else ())

    work(of, tmp_path, 0.0, never)

    assert len(load(tmp_path, of).curve) == 1


def test_a_cell_that_was_not_begun_is_left_alone_when_asked_to_stop(tmp_path):
    outcome = work(short(), tmp_path, 0.0, lambda: True)

    assert outcome.state == "stopped"
    assert not list(tmp_path.iterdir())


def test_a_cell_that_somebody_else_runs_is_left_alone(tmp_path):
    lock = CellFiles.of(tmp_path, short()).lock
    lock.parent.mkdir(parents=True)

    with FileLock(lock):
        outcome = work(short(), tmp_path, 0.0, never)

    assert outcome.state == "busy"
    assert list(lock.parent.iterdir()) == [lock]


def test_a_result_that_is_there_is_not_computed_again(tmp_path):
    work(short(), tmp_path, 1e9, never)
    before = CellFiles.of(tmp_path, short()).result.stat().st_mtime_ns

    outcome = work(short(), tmp_path, 1e9, never)

    assert outcome.state == "found"
    assert CellFiles.of(tmp_path, short()).result.stat().st_mtime_ns == before


def test_a_result_is_computed_again_on_request_unless_somebody_did_meanwhile(tmp_path):
    work(short(), tmp_path, 1e9, never)
    seen = CellFiles.of(tmp_path, short()).result.stat().st_mtime_ns

    assert work(short(), tmp_path, 1e9, never, replaces=seen).state == "done"
    assert work(short(), tmp_path, 1e9, never, replaces=seen).state == "found"


def test_a_stale_result_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    work(short(), tmp_path, 1e9, never)
    old = load(tmp_path, short())
    monkeypatch.setattr(METHODS["dqn"], "version", "next")
    seen = CellFiles.of(tmp_path, short()).result.stat().st_mtime_ns

    assert work(short(), tmp_path, 1e9, at_evaluation(3), replaces=seen).state == "stopped"
    assert load(tmp_path, short()) == old

    assert work(short(), tmp_path, 1e9, never, replaces=seen).state == "done"
    assert load(tmp_path, short()).fingerprint == short().fingerprint != old.fingerprint


def test_a_damaged_result_is_moved_aside_and_computed_again(tmp_path, whole):
    path = CellFiles.of(tmp_path, short()).result
    path.parent.mkdir(parents=True)
    path.write_text("{ half a")

    outcome = work(short(), tmp_path, 1e9, never)

    assert outcome.state == "done"
    assert "seed=0.json.damaged" in outcome.notes[0]
    assert path.with_name("seed=0.json.damaged").read_text() == "{ half a"
    assert identical(load(tmp_path, short()), whole)


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    spoiled = {
        "truncated": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "empty": b"",
        "foreign": b"not a checkpoint at all, but longer than a hash is",
    }[how]
    path.write_bytes(spoiled)


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty", "foreign"])
@pytest.mark.parametrize("which", ["checkpoint", "stream"])
def test_a_damaged_checkpoint_or_stream_is_reported_and_the_cell_starts_over(
    tmp_path, whole, which, how
):
    work(short(), tmp_path / "parts", 1e9, at_evaluation(4))
    spoil(getattr(CellFiles.of(tmp_path / "parts", short()), which), how)

    outcome = work(short(), tmp_path / "parts", 1e9, never)

    assert outcome.state == "done"
    assert "moved to seed=0.pt.damaged, the cell starts over" in outcome.notes[0]
    assert CellFiles.of(tmp_path / "parts", short()).checkpoint.with_suffix(".pt.damaged").exists()
    assert identical(load(tmp_path / "parts", short()), whole)


def test_a_checkpoint_of_another_version_is_put_aside(tmp_path, monkeypatch):
    work(short(), tmp_path, 1e9, at_evaluation(4))
    monkeypatch.setattr(METHODS["dqn"], "version", "next")

    outcome = work(short(), tmp_path, 1e9, never)

    assert "another version of the code" in outcome.notes[0]
    assert load(tmp_path, short()).provenance["resumed"] == 0


def break_training(monkeypatch, at: int, error: BaseException) -> None:
    advance = Training.advance

    def broken(training):
        if training.evaluation == at:
            raise error
        return advance(training)

    monkeypatch.setattr(Training, "advance", broken)


def test_a_cell_that_raises_keeps_its_curve_and_starts_anew_next_time(tmp_path, monkeypatch, whole):
    with monkeypatch.context() as patch:
        break_training(patch, 5, FloatingPointError("td_loss is nan"))
        with pytest.raises(FloatingPointError):
            work(short(), tmp_path / "parts", 0.0, never)

    files = CellFiles.of(tmp_path / "parts", short())
    assert len(files.stream.read_text().splitlines()) == 5
    assert not files.checkpoint.exists()

    work(short(), tmp_path / "parts", 0.0, never)
    assert identical(load(tmp_path / "parts", short()), whole)
    assert load(tmp_path / "parts", short()).provenance["resumed"] == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_cell_with_its_step_and_keeps_the_curve(
    tmp_path, monkeypatch, loss
):
    observe, steps = METHODS["dqn"].observe, itertools.count(1)

    def diverges(self, *transition):
        seen = observe(self, *transition)
        return {"td_loss": loss} if next(steps) == 60 else seen

    monkeypatch.setattr(METHODS["dqn"], "observe", diverges)

    with pytest.raises(FloatingPointError, match=f"td_loss is {loss} at environment step 60"):
        work(short(), tmp_path, 0.0, never)

    files = CellFiles.of(tmp_path, short())
    rows = [json.loads(line) for line in files.stream.read_text().splitlines()]
    assert rows
    assert all(row["step"] < 60 for row in rows)
    assert not files.result.exists()
    grid = Grid(name=tmp_path.name, description="", tuning=False, cells=(short(),))
    assert curve_table(load_runs(grid, tmp_path.parent)).empty


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried")]
)
def test_a_cell_short_of_memory_keeps_its_checkpoint(tmp_path, monkeypatch, error):
    break_training(monkeypatch, 5, error)

    with pytest.raises(type(error)):
        work(short(), tmp_path, 0.0, never)

    assert CellFiles.of(tmp_path, short()).checkpoint.exists()


def test_running_a_cell_again_removes_the_record_of_its_failure(tmp_path):
    path = CellFiles.of(tmp_path, short()).failure
    path.parent.mkdir(parents=True)
    Failure(id="", fingerprint="", kind="error", message="", traceback="", time="").save(path)

    work(short(), tmp_path, 0.0, never)

    assert not path.exists()


def test_a_full_disk_is_told_apart_and_loses_nothing(tmp_path, monkeypatch, whole):
    def full(handle):
        raise OSError(28, "No space left on device")

    work(short(), tmp_path / "parts", 1e9, at_evaluation(3))
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StorageError, match=r"cannot be written \(No space left.*make room"):
            work(short(), tmp_path / "parts", 0.0, never)

    work(short(), tmp_path / "parts", 1e9, never)

    assert identical(load(tmp_path / "parts", short()), whole)
    assert load(tmp_path / "parts", short()).provenance["resumed"] == 1


def test_an_unwritable_folder_is_told_apart(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="cannot be written"):
        work(short(), tmp_path / "file", 0.0, never)


def test_collapsed_sharing_is_remarked_on(tmp_path, monkeypatch):
    advance = Training.advance

    def collapsed(training):
        row = advance(training)
        row["metrics"]["selfishness_mean"] = 0.05
        return row

    monkeypatch.setattr(Training, "advance", collapsed)

    outcome = work(short(), tmp_path, 0.0, never)

    assert outcome.notes == ("sharing collapsed: mean self weight 0.050 at the last evaluation",)


def test_the_stream_of_a_stopped_cell_holds_its_curve(tmp_path):
    work(short(), tmp_path, 1e9, at_evaluation(3))

    lines = CellFiles.of(tmp_path, short()).stream.read_text().splitlines()

    assert [json.loads(line)["evaluation"] for line in lines] == [1, 2, 3]
