"""What `tune` shows on a terminal: a table of the open studies below the log."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.live_view import Drawing, shorten
from harness.tune.log_view import LogView
from harness.tune.progress import Standing, left_text
from harness.tune.trial import Fate


class LiveView(Drawing, LogView):
    """A table of the open studies below the log."""

    def __init__(self, console: Console, budgets: Mapping[str, int], n_workers: int) -> None:
        LogView.__init__(self, console, budgets, n_workers)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def tick(self) -> None:
        """Draw the state of things."""
        table = draw(self.open_standings(), self.rest_text(), *self._console.size)
        self._live.update(table, refresh=True)


def draw(rows: Sequence[Standing], rest: str, width: int, height: int) -> Group:
    """Draw the open studies so that they fit a terminal of the given size [characters].

    Args:
        rows: Them; those that no trial was begun of are left out first.
        rest: A line on all of them.
        width: Of the terminal.
        height: Of the terminal.
    """
    room = max(1, height - 4)
    shown = sorted(rows, key=lambda now: now.n_trials == 0)[:room]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("study", no_wrap=True)
    for head in ("trials", "pruned", "best"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("budget spent", no_wrap=True)
    table.add_column("left", justify="right", no_wrap=True)
    for now in shown:
        table.add_row(
            Text(shorten(now.name, max(16, width - 50))),
            str(now.n_trials),
            str(now.counts.get(Fate.PRUNED, 0)),
            "-" if now.best is None else f"{now.best:.4g}",
            ProgressBar(total=max(1, now.budget), completed=now.spent, width=12),
            left_text([now], 0, 1),
        )
    hidden = len(rows) - len(shown)
    more = [Text(f"and {hidden} more", style="dim")] if hidden else []
    return Group(Text(rest, no_wrap=True, overflow="ellipsis"), table, *more)
