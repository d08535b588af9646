"""Runs one cell in a worker process: from its checkpoint if there is one, to its result."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from harness.atomic import move_aside
from harness.cell import Cell
from harness.checkpoint import DamagedCheckpoint, load_checkpoint, save_checkpoint
from harness.failure import failure_kind
from harness.files import CellFiles, held, storing
from harness.kept_policy import keep_policy
from harness.outcome import Outcome
from harness.record import Meter, assemble
from harness.result import DamagedResult, fingerprint, load_result
from harness.runner import Training
from harness.stream import Stream

COLLAPSE = 0.1  # mean self weight below which sharing has collapsed: agents live off each other


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
    with held(files.lock) as mine:
        if not mine:
            return Outcome(state="busy", metrics={})
        found, notes = _found(files.result, cell, replaces)
        if found is not None and not for_policy:
            return found
        files.failure.unlink(missing_ok=True)
        outcome = _run(cell, folder, checkpoint_every, stop, for_policy=for_policy)
        return replace(outcome, notes=(*notes, *outcome.notes))


def _found(path: Path, cell: Cell, replaces: int | None) -> tuple[Outcome | None, tuple[str, ...]]:
    """Return a valid result that came up meanwhile; move a damaged one aside."""
    if not path.exists() or path.stat().st_mtime_ns == replaces:
        return None, ()
    try:
        result = load_result(path)
    except DamagedResult as error:
        return None, (f"{error}; moved to {move_aside(path).name} and computed again",)
    if result.fingerprint != fingerprint(cell):
        return None, ()
    wall_s = result.provenance.get("wall_s", 0.0)
    return Outcome(state="found", metrics=result.curve[-1]["metrics"], wall_s=wall_s), ()


def _run(
    cell: Cell, folder: Path, checkpoint_every: float, stop: Callable[[], bool], *, for_policy: bool
) -> Outcome:
    files, mark = CellFiles.of(folder, cell), fingerprint(cell)
    training, stream, meter, notes = _restore(cell, files, mark)
    meter.start()
    saved = time.monotonic()
    while not training.done:
        _advance(training, stream, files)
        asked, cost = stop(), meter.read()
        if training.done or not (asked or time.monotonic() - saved >= checkpoint_every):
            continue
        state = {"fingerprint": mark, "stream": stream.mark, "cost": cost}
        with storing(files.checkpoint):
            stream.sync()
            save_checkpoint(files.checkpoint, state | {"training": training.state_dict()})
        saved = time.monotonic()
        if asked:
            metrics = stream.rows[-1]["metrics"]
            return Outcome(state="stopped", metrics=metrics, notes=tuple(notes))
    result = assemble(cell, mark, training, stream.rows, meter.read())
    if not (for_policy and files.result.exists()):
        with storing(files.result):
            result.save(folder)
    files.stream.unlink()
    files.checkpoint.unlink(missing_ok=True)
    keep_policy(folder, training)
    metrics, wall_s = result.curve[-1]["metrics"], result.provenance["wall_s"]
    notes += _collapse(metrics)
    return Outcome(state="done", metrics=metrics, wall_s=wall_s, notes=tuple(notes))


def _advance(training: Training, stream: Stream, files: CellFiles) -> None:
    try:
        row = training.advance()
        with storing(files.stream):
            stream.append(row)
    except Exception as error:
        if failure_kind(error) == "error":
            files.checkpoint.unlink(missing_ok=True)  # faults come back: mended, it starts anew
        raise


def _restore(cell: Cell, files: CellFiles, mark: str) -> tuple[Training, Stream, Meter, list[str]]:
    """Go on from the checkpoint if it is whole and still answers the cell, else start over."""
    notes: list[str] = []
    if files.checkpoint.exists():
        try:
            return *_resumed(cell, files, mark), notes
        except (DamagedCheckpoint, LookupError, TypeError, ValueError, RuntimeError) as error:
            aside = move_aside(files.checkpoint).name
            notes.append(f"{error}; moved to {aside}, the cell starts over")
    with storing(files.stream):
        return Training(cell), Stream(files.stream), Meter(), notes


def _resumed(cell: Cell, files: CellFiles, mark: str) -> tuple[Training, Stream, Meter]:
    state = load_checkpoint(files.checkpoint)
    if state["fingerprint"] != mark:
        raise DamagedCheckpoint(
            f"{files.checkpoint}: belongs to other settings or another version of the code"
        )
    training = Training(cell)
    training.load_state_dict(state["training"])
    meter = Meter(**state["cost"])
    meter.resumed += 1
    return training, Stream(files.stream, state["stream"]), meter


def _collapse(metrics: Mapping[str, float]) -> list[str]:
    selfishness = metrics.get("selfishness_mean", 1.0)
    if selfishness >= COLLAPSE:
        return []
    return [f"sharing collapsed: mean self weight {selfishness:.3f} at the last evaluation"]
