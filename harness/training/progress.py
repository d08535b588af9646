"""How far a run of a grid is, read from the streams that running cells leave, and how it is shown.

A ``Board`` keeps count; a ``LogView`` tells of it line by line, a ``LiveView`` draws it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typing_extensions import TypedDict

from harness.config.cell import Cell
from harness.config.scenario import headline
from harness.results.checkpoint import Tail
from harness.results.cost import duration
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.training.pool import Job
from harness.training.worker import Outcome
from methods import METHODS

HEARTBEAT_S = 60.0
_STYLES = {"failed": "bold red", "warning": "yellow", "done": "green"}


class _Row(TypedDict):
    evaluation: int
    episode: int
    step: int
    metrics: dict[str, float]


_ROW = TypeAdapter(_Row)


class CellProgress:
    """How far one running cell is.

    Args:
        job: The cell.
        folder: The grid's folder of results.
        clock: Returns the time [s].

    Attributes:
        episode: Training episodes at the last evaluation.
        value: Headline metric of the last evaluation; None before the first.
        steps_per_s: Environment steps per second lately; None until two evaluations were seen.
    """

    def __init__(self, job: Job, folder: Path, clock: Callable[[], float]) -> None:
        self.job, self._clock = job, clock
        self._tail = Tail(CellFiles.of(folder, job.cell).stream)
        self._started = self._seen_at = clock()
        self._headline = headline(job.cell.scenario)
        self._before = self._evaluation = self._step = self.episode = 0
        self.value: float | None = None
        self.steps_per_s: float | None = None
        if (row := self._newest()) is not None:  # it is resumed, or run again
            self._before = row["evaluation"]

    def look(self) -> None:
        """Read what the cell has written meanwhile."""
        row, at = self._newest(), self._clock()
        if row is None:
            return
        if 0 < self._step < row["step"] and at > self._seen_at:
            self.steps_per_s = (row["step"] - self._step) / (at - self._seen_at)
        self._before = min(self._before, row["evaluation"] - 1)  # cut back to its checkpoint
        self._seen_at, self._step = at, row["step"]
        self.episode, self._evaluation = row["episode"], row["evaluation"]
        self.value = row["metrics"].get(self._headline)

    def _newest(self) -> Mapping[str, Any] | None:
        """Return what was written since; None also for what no cell has written."""
        try:
            return _ROW.validate_python(self._tail.row) if self._tail.look() else None
        except ValidationError:
            return None

    @property
    def share(self) -> float:
        """Evaluations made over evaluations to make."""
        return self._evaluation / _n_evaluations(self.job.cell)

    @property
    def quiet_s(self) -> float:
        """Time since its last evaluation, or since its start before the first [s]."""
        return self._clock() - self._seen_at

    @property
    def left_s(self) -> float | None:
        """Time until it ends [s]; None before its first evaluation."""
        made = self._evaluation - self._before
        if self._evaluation == 0:
            return None
        per_evaluation = (self._seen_at - self._started) / made
        return max(0.0, per_evaluation * (_n_evaluations(self.job.cell) - self._evaluation))


class Board:
    """How far the whole run is.

    Args:
        jobs: All that is to be run.
        folder: The grid's folder of results.
        n_workers: Cells that run at the same time.
        clock: Returns the time [s].

    Attributes:
        running: The cells being run, in the order they were started.
        n_settled: Cells that came to an end.
        n_failed: Those of them that failed.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        folder: Path,
        n_workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.n_jobs, self._n_workers = len(jobs), n_workers
        self._folder, self._clock = folder, clock
        self.running: dict[Cell, CellProgress] = {}
        self.n_settled = self.n_failed = 0
        self._expected_s = {job.cell: job.expected_s for job in jobs}
        self._settled_expected_s = self._settled_actual_s = 0.0

    def update(self, running: Sequence[Job]) -> list[Job]:
        """Follow the running cells; return those that were started since the last time."""
        fresh = [job for job in running if job.cell not in self.running]
        for job in fresh:
            self.running[job.cell] = CellProgress(job, self._folder, self._clock)
        gone = self.running.keys() - {job.cell for job in running}
        for cell in gone:
            del self.running[cell]
        for progress in self.running.values():
            progress.look()
        return fresh

    def settle(self, job: Job, what: Outcome | Failure) -> None:
        """Count a cell that came to an end; one that was stopped did not."""
        expected_s = self._expected_s.pop(job.cell, 0.0)
        if isinstance(what, Outcome) and what.state == "stopped":
            return
        self.n_settled += 1
        self.n_failed += isinstance(what, Failure)
        if isinstance(what, Outcome) and what.state == "done":
            self._settled_expected_s += expected_s
            self._settled_actual_s += what.wall_s

    @property
    def left_s(self) -> float:
        """Time until the run ends [s]: what is expected of each cell, corrected by the past."""
        correction = 1.0
        if self._settled_expected_s > 0:
            correction = self._settled_actual_s / self._settled_expected_s
        total = 0.0
        for cell, expected_s in self._expected_s.items():
            progress = self.running.get(cell)
            known = progress.left_s if progress is not None else None
            total += correction * expected_s if known is None else known
        return total / self._n_workers


class EventLog:
    """Lines with the time of day, each under a tag, while a command runs.

    Args:
        console: Where to.
        styles: How tags stand out.
        width: Of the column of tags [characters].
    """

    def __init__(self, console: Console, styles: Mapping[str, str], width: int) -> None:
        self._console, self._styles, self._width = console, styles, width
        self._last_beat = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def say(self, text: str) -> None:
        """Log a remark."""
        self._line("note", text)

    def _beats(self) -> bool:
        """Say whether a sign of life is due, at most once a minute."""
        due = time.monotonic() - self._last_beat >= HEARTBEAT_S
        if due:
            self._last_beat = time.monotonic()
        return due

    def _line(self, tag: str, text: str) -> None:
        line = Text.assemble(
            (time.strftime("%H:%M:%S "), "dim"),
            (f"{tag:<{self._width}}", self._styles.get(tag, "")),
            text,
        )
        self._console.print(line, soft_wrap=True)


class Drawing(EventLog):
    """What a view draws below its log while it is open, and wipes away in the end."""

    _live: Live

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.update(Text(""), refresh=True)
        self._live.stop()


class LogView(EventLog):
    """One line per event, and one a minute in between: for files, pipes and CI."""

    def __init__(self, board: Board, console: Console) -> None:
        super().__init__(console, _STYLES, width=8)
        self.board = board

    def __enter__(self) -> "LogView":
        return self

    def tick(self, running: Sequence[Job]) -> None:
        """Log the cells that were started, and a sign of life each minute."""
        for job in self.board.update(running):
            self._line("start", job.cell.id)
        if self._beats():
            for progress in self.board.running.values():
                cell, value, left_s = progress.job.cell, progress.value, progress.left_s
                said = "" if value is None else f", {headline(cell.scenario)} {value:.4g}"
                left = "" if left_s is None else f", {duration(left_s)} left"
                if progress.quiet_s >= HEARTBEAT_S:  # it may hang: only who looks at it can know
                    left = f", no evaluation for {duration(progress.quiet_s)}"
                self._line("running", f"{cell.id}  episode {progress.episode}{said}{left}")
            self._line("running", grid_text(self.board))

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        """Log what became of a cell."""
        self.board.settle(job, what)
        of_all = f"[{self.board.n_settled}/{self.board.n_jobs}]"
        for tag, text in _settled_lines(job, what):
            self._line(tag, text if tag in ("warning", "stopped") else f"{text}  {of_all}")


class LiveView(Drawing, LogView):
    """A bar for the grid and one per running cell, below the log of what has ended."""

    def __init__(self, board: Board, console: Console) -> None:
        LogView.__init__(self, board, console)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def tick(self, running: Sequence[Job]) -> None:
        """Draw the state of things."""
        self.board.update(running)
        self._live.update(draw(self.board, *self._console.size), refresh=True)


def watch(board: Board, console: Console) -> LogView:
    """Return the view that suits a console: a drawing on a terminal, else a log."""
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveView(board, console) if live else LogView(board, console)


def grid_text(board: Board) -> str:
    """Say in a line how far the run is."""
    failed = f", {board.n_failed} failed" if board.n_failed else ""
    return (
        f"{board.n_settled} of {board.n_jobs} cells ended{failed}, {len(board.running)} running, "
        f"about {duration(board.left_s)} left"
    )


def draw(board: Board, width: int, height: int) -> Group:
    """Draw the board so that it fits a terminal of the given size [characters]."""
    cells = list(board.running.values())
    room = max(1, height - 5)  # a line for the grid, one of heads, one for the rest, two to spare
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("running", no_wrap=True)
    table.add_column("done", no_wrap=True)
    for head in ("episode", "last value", "steps/s", "left"):
        table.add_column(head, justify="right", no_wrap=True)
    for cell in cells[:room]:
        table.add_row(
            Text(shorten(cell.job.cell.id, max(16, width - 46))),
            ProgressBar(total=1.0, completed=cell.share, width=8),
            str(cell.episode),
            "-" if cell.value is None else f"{cell.value:.3g}",
            "-" if cell.steps_per_s is None else f"{cell.steps_per_s:.0f}",
            "-" if cell.left_s is None else duration(cell.left_s),
        )
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(board.n_jobs, 1), completed=board.n_settled, width=16),
        Text(grid_text(board), no_wrap=True, overflow="ellipsis"),
    )
    hidden = len(cells) - room
    more = [Text(f"and {hidden} more", style="dim")] if hidden > 0 else []
    return Group(bar, table, *more)


def shorten(name: str, width: int) -> str:
    """Cut a name in its middle: scenario and seed, at its ends, tell most."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"


def _settled_lines(job: Job, what: Outcome | Failure) -> list[tuple[str, str]]:
    if isinstance(what, Failure):
        return [("failed", f"{job.cell.id}  {what.kind}: {what.message}")]
    notes = [("warning", f"{job.cell.id}  {note}") for note in what.notes]
    if what.state == "busy":
        return [*notes, ("busy", f"{job.cell.id}  is being run elsewhere: left alone")]
    if what.state == "stopped":
        begun = [("stopped", f"{job.cell.id}  saved, to be continued")]
        return [*notes, *(begun if what.metrics else [])]
    name = headline(job.cell.scenario)
    elsewhere = ", by another run" if what.state == "found" else ""
    text = f"{name} {what.metrics[name]:.4g}  {what.wall_s:.1f} s{elsewhere}"
    return [*notes, (what.state, f"{job.cell.id}  {text}")]


def _n_evaluations(cell: Cell) -> int:
    return cell.budget.evaluations if METHODS[cell.method].learns else 1
