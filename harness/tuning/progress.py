"""How far the studies of a session are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.results.cost import duration
from harness.training.progress import Drawing, EventLog, shorten
from harness.tuning.study import Study, spent
from harness.tuning.trial import State, Trial, best


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a study is.

    Attributes:
        name: Task and method.
        counts: Ended trials by state.
        best: Value of the best complete trial; None before the first.
        spent: What it has used [environment steps].
        budget: What it may use [environment steps].
        wall_s: Wall-clock seconds of its runs.
    """

    name: str
    counts: Mapping[State, int]
    best: float | None
    spent: int
    budget: int
    wall_s: float

    @property
    def n_trials(self) -> int:
        """Ended trials."""
        return sum(self.counts.values())


def standing(study: Study) -> Standing:
    """Look up how far a study is."""
    trials, plan = study.trials(), study.plan
    ended = [trial.state for trial in trials if trial.ended]
    leader = best(trials, maximize=plan.maximize)
    return Standing(
        name=f"{plan.task}/{plan.method}",
        counts={state: ended.count(state) for state in State if state in ended},
        best=None if leader is None else leader.value,
        spent=spent(trials),
        budget=study.budget,
        wall_s=sum((run.wall_s for trial in trials for run in trial.runs.values()), 0.0),
    )


def left_text(standings: Collection[Standing], steps_to_come: int, n_workers: int) -> str:
    """Say how long the rest will take, by what went before.

    Args:
        standings: Studies that were begun.
        steps_to_come: Budgets of those that were not [environment steps].
        n_workers: Runs at a time.
    """
    used, wall_s = sum(s.spent for s in standings), sum(s.wall_s for s in standings)
    if not used:
        return "-"
    usual = wall_s / used  # [s per step]
    rates = {s.name: s.wall_s / s.spent if s.spent else usual for s in standings}
    left_s = sum((s.budget - s.spent) * rates[s.name] for s in standings if s.budget > s.spent)
    return duration((left_s + steps_to_come * usual) / n_workers)


_STYLES = {"failed": "bold red", "complete": "green", "finished": "bold green"}


class LogView(EventLog):
    """A line per trial, and one a minute in between: for files, pipes and CI.

    Args:
        console: Where to.
        budgets: What each study of the session may use [environment steps], by its name.
        n_workers: Runs at a time.
    """

    def __init__(self, console: Console, budgets: Mapping[str, int], n_workers: int) -> None:
        super().__init__(console, _STYLES, width=9)
        self._budgets, self._n_workers = budgets, n_workers
        self._standings: dict[str, Standing] = {}
        self._open = set[str]()

    def __enter__(self) -> "LogView":
        return self

    def opened(self, study: Study) -> None:
        """Take note of a study."""
        self._open.add(self._look(study).name)

    def ended(self, study: Study, trial: Trial) -> None:
        """Log what became of a trial."""
        now = self._look(study)
        parts = [now.name, f"trial {now.n_trials} ({trial.attempt.preset or 'proposed'})"]
        if trial.value is not None:
            parts.append(f"{study.plan.metric} {trial.value:.4g} on {len(trial.runs)} seeds")
        parts += [run.failure for run in trial.runs.values() if run.failure]
        if now.best is not None:
            parts.append(f"best {now.best:.4g}")
        self._line(trial.state, "  ".join([*parts, f"{now.spent / now.budget:.0%} of the budget"]))

    def closed(self, study: Study, why: str) -> None:
        """Log the end of a study."""
        now = self._look(study)
        others = [f"{n} {state}" for state, n in now.counts.items() if state is not State.COMPLETE]
        trials = f"{now.n_trials} trials" + (f" ({', '.join(others)})" if others else "")
        best = "" if now.best is None else f", best {now.best:.4g}"
        text = why or f"{trials}{best}, {now.spent:,} of {now.budget:,} steps"
        self._line("left" if why else "finished", f"{now.name}  {text}")
        self._open.remove(now.name)

    def tick(self) -> None:
        """Log a sign of life each minute."""
        if self._beats():
            self._line("running", self.rest_text())

    def rest_text(self) -> str:
        """Say in a line how far all studies are."""
        begun = self._standings.values()
        to_come = sum(n for name, n in self._budgets.items() if name not in self._standings)
        used, total = sum(s.spent for s in begun), sum(self._budgets.values())
        closed = len(begun) - len(self._open)
        return (
            f"{closed} of {len(self._budgets)} studies, {used:,} of {total:,} steps, about "
            f"{left_text(begun, to_come, self._n_workers)} left"
        )

    def _look(self, study: Study) -> Standing:
        now = standing(study)
        self._standings[now.name] = now
        return now


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
        rows = [now for now in self._standings.values() if now.name in self._open]
        table = draw(rows, self.rest_text(), *self._console.size)
        self._live.update(table, refresh=True)


def open_view(console: Console, budgets: Mapping[str, int], n_workers: int) -> LogView:
    """Return what shows the progress of studies: drawn on a terminal, else in plain lines."""
    live = console.is_terminal and not console.is_dumb_terminal
    return (LiveView if live else LogView)(console, budgets, n_workers)


def draw(rows: Sequence[Standing], rest: str, width: int, height: int) -> Group:
    """Draw the open studies so that they fit a terminal of the given size [characters].

    Args:
        rows: The studies; those that no trial was begun of are left out first.
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
            str(now.counts.get(State.PRUNED, 0)),
            "-" if now.best is None else f"{now.best:.4g}",
            ProgressBar(total=max(1, now.budget), completed=now.spent, width=12),
            left_text([now], 0, 1),
        )
    hidden = len(rows) - len(shown)
    more = [Text(f"and {hidden} more", style="dim")] if hidden else []
    return Group(Text(rest, no_wrap=True, overflow="ellipsis"), table, *more)
