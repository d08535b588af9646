"""What ``tune --matched-snr`` runs."""

from collections.abc import Sequence

from rich.console import Console

from harness.commands.request import INTERRUPTED, OK, SOME_FAILED, Request
from harness.commands.wishes import Wishes
from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.results.files import StorageError
from harness.results.index import look, to_run
from harness.training.pool import Job, execute
from harness.training.progress import Board, LiveView, LogView
from harness.tuning.matching import MATCHED, matches
from harness.tuning.plan import Plan
from harness.tuning.storage import FOLDER

CHECKPOINT_EVERY_S = 120.0


def match(
    request: Request, grid: Grid, chosen: Sequence[Plan], wishes: Wishes, log: Console
) -> int:
    """Run fixed LToS and NeurComm at matched levels, wherever both are."""
    found = matches(chosen)
    if not found:
        raise ConfigurationError(
            f"--matched-snr: grid {grid.name} has no task with both fixed_ltos and neurcomm"
        )
    folder = request.results / grid.name / FOLDER / MATCHED
    cells = [cell for first, *_ in found.values() for cell in first.cells(wishes.unseen)]
    statuses = to_run(look(cells, folder), "stale")
    jobs = [Job(cell=s.cell, expected_s=1.0, replaces=s.modified_ns) for s in statuses]
    log.print(f"matched levels: {len(cells)} cells, {len(jobs)} to run", soft_wrap=True)
    if not jobs:
        return OK
    live = log.is_terminal and not log.is_dumb_terminal
    with (LiveView if live else LogView)(Board(jobs, folder, wishes.n_workers), log) as view:
        summary = execute(
            jobs,
            folder,
            view,
            n_workers=wishes.n_workers,
            checkpoint_every=CHECKPOINT_EVERY_S,
            time_limit=None,
        )
    if summary.obstacle:
        raise StorageError(summary.obstacle)
    return INTERRUPTED if summary.interrupted else SOME_FAILED if summary.failures else OK
