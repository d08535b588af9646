"""How a command comes by a finished run: from its policy, or by training the cell again."""

from pathlib import Path

import typer
from rich.console import Console

from harness.commands.request import INTERRUPTED, SOME_FAILED, WRONG_USE
from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.results.checkpoint import DamagedCheckpoint
from harness.results.cost import Costs, duration
from harness.results.files import CellFiles, move_aside, storage_errors
from harness.results.index import look
from harness.training.loop import Training
from harness.training.pool import Job, Summary, execute
from harness.training.progress import Board, LiveView, LogView
from harness.training.replay import recall_policy

CHECKPOINT_EVERY_S = 120.0


def obtain(grid: Grid, cell: Cell, folder: Path, log: Console) -> Training:
    """Return a cell's run as it stood at its last evaluation; train the cell if it has to be.

    Args:
        grid: Where the cell stands; its other cells tell what this one may cost.
        cell: Which.
        folder: The grid's folder of results.
        log: Where to say what is going on.

    Raises:
        typer.Exit: The cell could not be trained; ``log`` has the reason.
        StorageError: The folder cannot be written.
    """
    training = _recalled(cell, folder, log)
    if training is None:
        _train(grid, cell, folder, log)
        training = _recalled(cell, folder, log)
    if training is None:
        raise RuntimeError(f"{CellFiles.of(folder, cell).policy}: gone as soon as it was written")
    return training


def _recalled(cell: Cell, folder: Path, log: Console) -> Training | None:
    try:
        return recall_policy(folder, cell)
    except DamagedCheckpoint as error:
        path = CellFiles.of(folder, cell).policy
        with storage_errors(path):
            log.print(f"{error}; moved to {move_aside(path).name}", soft_wrap=True)
        return None


def _train(grid: Grid, cell: Cell, folder: Path, log: Console) -> None:
    peers = [c for c in grid.cells if (c.task, c.variant) == (cell.task, cell.variant)]
    costs = Costs((s.cell, s.cpu_s) for s in look(peers, folder))
    job = Job(cell=cell, expected_s=costs.expected_s(cell), for_policy=True)
    guess = "" if costs.known(cell) else ", a guess: nothing alike has run yet"
    log.print(
        f"{cell.id}: no policy is kept, so the cell is trained first; "
        f"about {duration(job.expected_s)}{guess}",
        soft_wrap=True,
    )
    live = log.is_terminal and not log.is_dumb_terminal
    with (LiveView if live else LogView)(Board([job], folder, 1), log) as view:
        summary = execute(
            [job],
            folder,
            view,
            n_workers=1,
            checkpoint_every=CHECKPOINT_EVERY_S,
            time_limit=None,
        )
    _check(summary, cell, log)


def _check(summary: Summary, cell: Cell, log: Console) -> None:
    """End the command if the cell was not trained to its end."""
    if summary.obstacle:
        log.print(f"error: {summary.obstacle}", style="bold red", soft_wrap=True)
        raise typer.Exit(WRONG_USE)
    if summary.interrupted:
        log.print("interrupted: the same command goes on from here", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)
    if cell in summary.failures or summary.outcomes[cell].state != "done":
        raise typer.Exit(SOME_FAILED)
