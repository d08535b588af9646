"""What `run` shows: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.cost import duration
from harness.executor import Job
from harness.files import Failure
from harness.progress import Board, CellProgress, headline
from harness.worker import Outcome

HEARTBEAT_S = 60.0
_STYLES = {"failed": "bold red", "warning": "yellow", "done": "green"}


class LogView:
    """One line per event, and one a minute in between: for files, pipes and CI."""

    def __init__(self, board: Board, console: Console) -> None:
        self.board, self._console = board, console
        self._last_beat = time.monotonic()

    def __enter__(self) -> "LogView":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def tick(self, running: Sequence[Job]) -> None:
        """Log the cells that were started, and a sign of life each minute."""
        for job in self.board.update(running):
            self._line("start", job.cell.id)
        if time.monotonic() - self._last_beat >= HEARTBEAT_S:
            self._last_beat = time.monotonic()
            for progress in self.board.running.values():
                self._line("running", _progress_text(progress))
            self._line("running", _grid_text(self.board))

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        """Log what became of a cell."""
        self.board.settle(job, what)
        of_all = f"[{self.board.n_settled}/{self.board.n_jobs}]"
        for tag, text in _settled_lines(job, what):
            self._line(tag, f"{text}  {of_all}" if tag != "warning" else text)

    def say(self, text: str) -> None:
        """Log a remark."""
        self._line("note", text)

    def _line(self, tag: str, text: str) -> None:
        line = Text.assemble(
            (time.strftime("%H:%M:%S "), "dim"), (f"{tag:<8}", _STYLES.get(tag, "")), text
        )
        self._console.print(line, soft_wrap=True)


class LiveView(LogView):
    """A bar for the grid and one per running cell, below the log of what has ended."""

    def __init__(self, board: Board, console: Console) -> None:
        super().__init__(board, console)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.update(Text(""), refresh=True)
        self._live.stop()

    def tick(self, running: Sequence[Job]) -> None:
        """Draw the state of things."""
        self.board.update(running)
        self._live.update(draw(self.board, *self._console.size), refresh=True)


def draw(board: Board, width: int, height: int) -> Group:
    """Draw the board so that it fits a terminal of the given size [characters]."""
    cells = list(board.running.values())
    room = max(1, height - 5)  # a line for the grid, one of heads, one for the rest, two to spare
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("running", no_wrap=True)
    table.add_column("done", no_wrap=True)
    for head in ("episode", "last value", "steps/s", "left"):
        table.add_column(head, justify="right", no_wrap=True)
    for cell in cells[:room]:
        table.add_row(
            Text(shorten(cell.job.cell.id, max(16, width - 52))),
            ProgressBar(total=1.0, completed=cell.share, width=8),
            f"{cell.episode}/{cell.job.cell.budget.episodes}",
            "-" if cell.value is None else f"{cell.value:.3g}",
            "-" if cell.steps_per_s is None else f"{cell.steps_per_s:.0f}",
            "-" if cell.left_s is None else duration(cell.left_s),
        )
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(board.n_jobs, 1), completed=board.n_settled, width=16),
        Text(_grid_text(board), no_wrap=True, overflow="ellipsis"),
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


def _grid_text(board: Board) -> str:
    failed = f", {board.n_failed} failed" if board.n_failed else ""
    return (
        f"{board.n_settled} of {board.n_jobs} cells ended{failed}, {len(board.running)} running, "
        f"about {duration(board.left_s)} left"
    )


def _progress_text(progress: CellProgress) -> str:
    cell = progress.job.cell
    value = "" if progress.value is None else f", {headline(cell.scenario)} {progress.value:.4g}"
    left = "" if progress.left_s is None else f", {duration(progress.left_s)} left"
    return f"{cell.id}  episode {progress.episode} of {cell.budget.episodes}{value}{left}"


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
