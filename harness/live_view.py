"""What `run` shows on a terminal: bars for the grid and the running cells, below a log."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.cost import duration
from harness.executor import Job
from harness.log_view import EventLog, LogView, grid_text
from harness.progress import Board


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
