"""Runs one cell: from its checkpoint, if there is one, to its result and its policy."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from harness.config.cell import Cell, check_runnable
from harness.config.toml import key_text
from harness.results.checkpoint import (
    DamagedCheckpoint,
    Stream,
    check_fits,
    load_checkpoint,
    save_checkpoint,
)
from harness.results.failure import failure_kind
from harness.results.files import CellFiles, cell_lock, move_aside, now, remove, tidy
from harness.results.index import State, find
from harness.results.provenance import code_and_machine
from harness.results.result import WINDOW, RunResult, check_rows
from harness.training.loop import Training

COLLAPSE = 0.1  # mean self weight below which sharing has collapsed: agents live off each other
_NOT_KEPT = "replay"  # its memory: gigabytes, and only of use to further training


def run_cell(cell: Cell) -> RunResult:
    """Compute a cell in this process, in one go, on one thread, without leaving files.

    Raises:
        ConfigurationError: It is no cell, or cannot be run.
        FloatingPointError: A training figure is not finite.
        Exception: Whatever the method or the scenario raises.
    """
    check_runnable(cell, "run_cell")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in workers: sums depend on the order in which they are made
    try:
        training, usage, rows = Training(cell), Usage().start(), list[dict[str, Any]]()
        while not training.done:
            rows.append(training.advance())
        return make_result(training, rows, usage.read())
    finally:
        torch.set_num_threads(n_threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a cell.

    Attributes:
        state: ``done`` now; ``found`` done by somebody else; ``busy`` elsewhere; ``stopped`` on
            request, with a checkpoint.
        metrics: Means of the last evaluation.
        wall_s: Seconds the run took, all its parts together.
        notes: What the user should know.
    """

    state: Literal["done", "found", "busy", "stopped"]
    metrics: Mapping[str, float]
    wall_s: float = 0.0
    notes: tuple[str, ...] = ()


def work(
    cell: Cell,
    folder: Path,
    checkpoint_every: float,
    stop: Callable[[], bool],
    *,
    replaces: int | None = None,
    for_policy: bool = False,
) -> Outcome:
    """Compute a cell's result and keep its policy, unless somebody has it or is at it.

    Args:
        cell: What to run.
        folder: The grid's folder of results.
        checkpoint_every: Least time between two checkpoints [s]; 0 writes one per evaluation.
        stop: Asked after each evaluation; True means: checkpoint and come back.
        replaces: Modification time [ns] of a result that is to be computed again although it is
            there; the new one takes its place when it is whole.
        for_policy: Run the cell for its policy; a result that is there stays.

    Raises:
        StorageError: The folder cannot be written.
        Exception: Whatever the method or the scenario raises.
    """
    if stop():
        return Outcome(state="stopped", metrics={})
    files = CellFiles.of(folder, cell)
    with cell_lock(files.lock) as mine:
        if not mine:
            return Outcome(state="busy", metrics={})
        moved = tidy(files)
        found, notes = _found(cell, folder, replaces)
        if found is not None and not for_policy:
            return found
        remove(files.failure)
        outcome = _run(cell, folder, checkpoint_every, stop, for_policy=for_policy)
        return replace(outcome, notes=(*moved, *notes, *outcome.notes))


def keep_policy(folder: Path, training: Training) -> None:
    """Write what a run learned, if it learns at all, into a grid's folder of results.

    Raises:
        StorageError: The folder cannot be written.
    """
    if not training.method.learns:
        return
    path, state = CellFiles.of(folder, training.cell).policy, training.method.state_dict()
    kept = {"fingerprint": training.cell.fingerprint, "policy": learned(state)}
    save_checkpoint(path, kept)


def learned(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file of a policy keeps of a method's state."""
    return {name: value for name, value in state.items() if name != _NOT_KEPT}


@dataclass(slots=True)
class Usage:
    """What a cell has cost so far, over all its resumes.

    Attributes:
        wall_s: Wall-clock seconds of finished parts.
        cpu_s: Processor seconds of finished parts.
        peak_bytes: Largest memory seen at an evaluation.
        resumed: Number of times the cell went on from a checkpoint.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    resumed: int = 0

    def start(self) -> "Usage":
        """Start the clocks."""
        self.wall_s -= time.perf_counter()
        self.cpu_s -= time.process_time()
        return self

    def read(self) -> dict[str, Any]:
        """Return the cost up to now."""
        self.peak_bytes = max(self.peak_bytes, psutil.Process().memory_info().rss)
        return {
            "wall_s": self.wall_s + time.perf_counter(),
            "cpu_s": self.cpu_s + time.process_time(),
            "peak_bytes": self.peak_bytes,
            "resumed": self.resumed,
        }


def make_result(
    training: Training, rows: list[dict[str, Any]], cost: Mapping[str, Any]
) -> RunResult:
    """Put the record of a finished run together.

    Args:
        training: The finished run.
        rows: All its evaluations, as ``Training.advance`` returned them.
        cost: What ``Usage.read`` says.
    """
    cell, method, last = training.cell, training.method, rows[-WINDOW:]
    train_s = training.seconds["train_s"]
    kept = ("evaluation", "episode", "step", "metrics", "train")
    return RunResult(
        cell=cell,
        fingerprint=cell.fingerprint,
        config=asdict(cell.config),
        curve=tuple({key: row[key] for key in kept} for row in rows),
        episodes={name: [row["episodes"][name] for row in last] for name in last[-1]["episodes"]},
        traces=rows[-1]["traces"],
        trace_every=rows[-1]["trace_every"],
        method={
            "hops": method.hops,
            "centralized": method.centralized,
            "parameters": method.n_parameters,
            "floats_execution": method.communication.execution,
            "floats_training": method.communication.training,
        },
        provenance=code_and_machine()
        | {
            "wall_s": round(cost["wall_s"], 3),
            "cpu_s": round(cost["cpu_s"], 3),
            **{name: round(spent, 3) for name, spent in training.seconds.items()},
            "steps_per_s": round(training.step / train_s, 1) if training.step else None,
            "peak_memory_mb": round(cost["peak_bytes"] / 2**20, 1),
            "resumed": cost["resumed"],
            "finished": now(),
        },
    )


def _found(
    cell: Cell, folder: Path, replaces: int | None
) -> tuple[Outcome | None, tuple[str, ...]]:
    """Return a valid result that came up meanwhile; move a damaged one aside."""
    run = find(cell, folder)
    if run.state is State.DAMAGED:
        path = CellFiles.of(folder, cell).result
        aside = move_aside(path).name
        return None, (f"{path}: {run.reason}; moved to {aside} and computed again",)
    if run.result is None or run.modified_ns == replaces:
        return None, ()
    wall_s = run.result.provenance.get("wall_s", 0.0)
    return Outcome(state="found", metrics=run.result.curve[-1]["metrics"], wall_s=wall_s), ()


def _run(
    cell: Cell, folder: Path, checkpoint_every: float, stop: Callable[[], bool], *, for_policy: bool
) -> Outcome:
    files = CellFiles.of(folder, cell)
    training, stream, usage, notes = _restore(cell, files)
    usage.start()
    saved = time.monotonic()
    while not training.done:
        _advance(training, stream, files)
        asked, cost = stop(), usage.read()
        if training.done or not (asked or time.monotonic() - saved >= checkpoint_every):
            continue
        state = {"fingerprint": cell.fingerprint, "stream": stream.mark, "cost": cost}
        stream.sync()
        save_checkpoint(files.checkpoint, state | {"training": training.state_dict()})
        saved = time.monotonic()
        if asked:
            metrics = stream.rows[-1]["metrics"]
            return Outcome(state="stopped", metrics=metrics, notes=tuple(notes))
    result = make_result(training, stream.rows, usage.read())
    keep_policy(folder, training)
    if not (for_policy and files.result.exists()):
        result.save(folder)
    remove(files.stream)  # last: a run killed in between goes on from them, or has its result
    remove(files.checkpoint)
    metrics, wall_s = result.curve[-1]["metrics"], result.provenance["wall_s"]
    if (left := metrics.get("selfishness_mean", 1.0)) < COLLAPSE:
        notes.append(f"sharing collapsed: mean self weight {left:.3f} at the last evaluation")
    return Outcome(state="done", metrics=metrics, wall_s=wall_s, notes=tuple(notes))


def _advance(training: Training, stream: Stream, files: CellFiles) -> None:
    try:
        stream.append(training.advance())
    except Exception as error:
        if failure_kind(error) == "error":
            remove(files.checkpoint)  # faults come back: mended, it starts anew
        raise


def _restore(cell: Cell, files: CellFiles) -> tuple[Training, Stream, Usage, list[str]]:
    """Go on from the checkpoint if it is whole and still answers the cell, else start over."""
    notes: list[str] = []
    if files.checkpoint.exists():
        try:
            return *_go_on(Training(cell), files), notes
        except DamagedCheckpoint as error:
            aside = move_aside(files.checkpoint).name
            notes.append(f"{error}; moved to {aside}, the cell starts over")
    return Training(cell), Stream(files.stream), Usage(), notes


def _go_on(training: Training, files: CellFiles) -> tuple[Training, Stream, Usage]:
    """Put a run where its checkpoint left it.

    Raises:
        DamagedCheckpoint: It is not whole, of something else, or not what this run would write.
    """
    kept = load_checkpoint(files.checkpoint)
    try:
        found = _CHECKPOINT.validate_python(kept)
        if found["fingerprint"] != training.cell.fingerprint:
            raise DamagedCheckpoint("belongs to other settings or another version of the code")
        check_fits(found["training"], training.state_dict())
        training.load_state_dict(found["training"])
        check_fits(found["training"], training.state_dict(), whole=True)
        stream = Stream(files.stream, found["stream"])
        check_rows(stream.rows, training.cell)
        ended = stream.rows[-1]
        if any(getattr(training, k) != ended[k] for k in ("evaluation", "episode", "step")):
            raise DamagedCheckpoint("does not stand where its stream ends")
    except OSError:
        raise
    except Exception as error:  # of torch, NumPy and methods, for what does not fit them
        if failure_kind(error) == "memory":
            raise
        said = error if isinstance(error, DamagedCheckpoint) else f"{type(error).__name__}: {error}"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            said = f"{key_text(*first['loc']) or 'state'}: {first['msg']}"
        raise DamagedCheckpoint(f"{files.checkpoint}: {said}") from error
    cost = found["cost"]
    return training, stream, Usage(**cost | {"resumed": cost["resumed"] + 1})


class _Cost(TypedDict):
    wall_s: NonNegativeFloat
    cpu_s: NonNegativeFloat
    peak_bytes: NonNegativeInt
    resumed: NonNegativeInt


class _Checkpoint(TypedDict):
    fingerprint: str
    stream: tuple[NonNegativeInt, str]
    cost: _Cost
    training: dict[str, Any]


_CHECKPOINT = TypeAdapter(Annotated[_Checkpoint, Strict()])
