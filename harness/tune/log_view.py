"""What `tune` shows where no terminal is: plain lines."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from rich.console import Console

from harness.log_view import EventLog
from harness.tune.progress import Standing, left_text, standing, trials_text
from harness.tune.study import Study
from harness.tune.trial import Trial

_STYLES = {"failed": "bold red", "complete": "green", "finished": "bold green"}


@runtime_checkable
class View(Protocol):
    """What shows the user how things go."""

    def opened(self, study: Study) -> None:
        """Note that a study is being worked on."""

    def ended(self, study: Study, trial: Trial) -> None:
        """Note what became of a trial."""

    def closed(self, study: Study, why: str) -> None:
        """Note that nothing more is done for a study, and why if it is not finished."""

    def tick(self) -> None:
        """Show how things are; called several times a second."""

    def say(self, text: str) -> None:
        """Tell the user something."""


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
        self._line(trial.fate, "  ".join([*parts, f"{now.spent / now.budget:.0%} of the budget"]))

    def closed(self, study: Study, why: str) -> None:
        """Log the end of a study."""
        now = self._look(study)
        best = "" if now.best is None else f", best {now.best:.4g}"
        text = why or f"{trials_text(now)}{best}, {now.spent:,} of {now.budget:,} steps"
        self._line("left" if why else "finished", f"{now.name}  {text}")
        self._open.remove(now.name)

    def tick(self) -> None:
        """Log a sign of life each minute."""
        if self._beats():
            self._line("running", self.rest_text())

    def open_standings(self) -> list[Standing]:
        """Return how far the studies are that are being worked on."""
        return [now for now in self._standings.values() if now.name in self._open]

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
