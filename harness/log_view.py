"""What `run` shows where no terminal is: plain lines."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.text import Text

from harness.cost import duration
from harness.executor import Job
from harness.files import Failure
from harness.outcome import Outcome
from harness.progress import Board, CellProgress, headline

HEARTBEAT_S = 60.0
_STYLES = {"failed": "bold red", "warning": "yellow", "done": "green"}


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
                self._line("running", _progress_text(progress))
            self._line("running", grid_text(self.board))

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        """Log what became of a cell."""
        self.board.settle(job, what)
        of_all = f"[{self.board.n_settled}/{self.board.n_jobs}]"
        for tag, text in _settled_lines(job, what):
            self._line(tag, text if tag in ("warning", "stopped") else f"{text}  {of_all}")


def grid_text(board: Board) -> str:
    """Say in a line how far the run is."""
    failed = f", {board.n_failed} failed" if board.n_failed else ""
    return (
        f"{board.n_settled} of {board.n_jobs} cells ended{failed}, {len(board.running)} running, "
        f"about {duration(board.left_s)} left"
    )


def _progress_text(progress: CellProgress) -> str:
    cell = progress.job.cell
    value = "" if progress.value is None else f", {headline(cell.scenario)} {progress.value:.4g}"
    left = "" if progress.left_s is None else f", {duration(progress.left_s)} left"
    return f"{cell.id}  episode {progress.episode}{value}{left}"


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
