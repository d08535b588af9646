"""The ledger as a page for people."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from harness.config.grid import Grid
from harness.config.seeding import seeds_text
from harness.plotting.draw import draw
from harness.plotting.plot import Curve, Plot
from harness.report.document import Table
from harness.report.files import figure_differences, stored_text, write_figures
from harness.report.markdown import code, escape, table_text
from harness.report.numbers import NOTHING, decimals, number, rough, sentence
from harness.results.files import write_text
from harness.stats.rounding import drawn
from harness.tuning import FOLDER
from harness.tuning.held_out import LEVEL
from harness.tuning.ledger import TOLERANCE, Ledger, Row
from harness.tuning.matching import MATCHED, matched_plots, matches, matching_text
from harness.tuning.plan import Plan, plans, searched
from harness.tuning.trial import State, best
from methods import METHODS
from scenarios import SCENARIOS

_READING = f"""\
A trial trains one setting from each tuning seed; its score is the headline metric of greedy play,
mean over the last tenth of training and over the seeds. Every method of a task may spend the same
number of environment steps; the check fails where what they spent differs by more than
{TOLERANCE:.0%}. `pruned`: given up after some seeds, worse than the best on all of them. `cut`: at
the end the budget paid for some of the seeds only; never the best. `searched`: how many
hyperparameters.

`paper`, `default` and `tuned` (the best trial) are scores on the tuning seeds; `held out`, means
over seeds that no choice rests on. `gain` is tuned less default on those, in the direction that is
good; `p`, the chance of such a gain between equal settings (paired permutation test, one-sided).
`tuned is` better or worse at p up to {LEVEL}: of twenty that are equally good, one is called
better. `selection bias`: by how much the score on the tuning seeds flatters the best trial. A
method that inherits takes over all that it shares with the other from that one's best trial; its
`paper` and `default` are those presets' sharing over that, its `default, held out` is plain. `what
mattered`: what sets the best quarter of ten trials or more apart, as shares of 1 (PED-ANOVA)."""

_GIVEN = ["inherits", "searched", "trials", "pruned", "cut", "failed", "steps", "CPU minutes"]
_SCORES = ["paper", "default", "tuned", "default, held out", "tuned, held out", "gain"]
_BROUGHT = [*_SCORES, "p", "tuned is", "selection bias"]
_FOUND = ["values that differ from preset default", "what mattered"]


class Publication:
    """The ledger of a grid, and where it goes.

    Args:
        grid: Whose studies.
        results: Folder of the results of all grids.
        reports: Folder of reports.
        url: A database in place of the journals.

    Attributes:
        ledger: What there is to say.

    Raises:
        ConfigurationError: A study is damaged or of something else.
    """

    def __init__(self, grid: Grid, results: Path, reports: Path, url: str | None = None) -> None:
        self.ledger, stem = Ledger.of(grid, results, url), f"{grid.name}-tuning"
        self._page, self._figures = reports / f"{stem}.md", reports / "figures" / stem
        self._plots: dict[str, Plot] = {}  # by name of file
        asked, matched = plans(grid, grid.cells), results / grid.name / FOLDER / MATCHED
        command = code(f"python -m harness report --grid {shlex.quote(grid.argument)}")
        parts = [
            f"# {escape(grid.name)}: tuning",
            f"{escape(sentence(grid.description))} Made by {command}; do not edit.",
            _verdict(self.ledger),
            _READING,
        ]
        for task in dict.fromkeys(plan.task for plan in asked):
            parts += self._studies(task)
            parts += self._matched([plan for plan in asked if plan.task == task], matched)
        known = (cell for cell in grid.cells if not cell.unavailable)
        if idle := sorted({cell.method for cell in known if not searched(cell)}):
            names = escape(", ".join(idle))
            parts.append(f"Without anything to search, hence not tuned: {names}.")
        self._text = "\n\n".join(parts) + "\n"

    def write(self) -> list[Path]:
        """Write everything; figures that there are no more are removed.

        Returns:
            The files, the page first.

        Raises:
            StorageError: The folder cannot be written.
        """
        drawings = {name: draw(plot) for name, plot in self._plots.items()}
        return [write_text(self._page, self._text), *write_figures(self._figures, drawings)]

    def differences(self) -> list[str]:
        """Say in what the files that there are differ from what the studies say; a line each."""
        found = []
        if (text := stored_text(self._page)) is None:
            found = [f"{self._page}: missing"]
        elif text != self._text:
            found = [f"{self._page}: not what the studies say"]
        digests = {name: plot.digest for name, plot in self._plots.items()}
        return found + figure_differences(self._figures, digests, "studies")

    def _studies(self, task: str) -> list[str]:
        """Return what there is to say of a task's studies."""
        rows = [row for row in self.ledger.rows if row.plan.task == task]
        if not rows:
            return []
        risen = history(f"{task}: tuning", rows)
        shown = self._shown(f"{task}-history.svg", risen) if risen.curves else []
        return [study_tables(rows), *shown]

    def _matched(self, asked: Sequence[Plan], folder: Path) -> list[str]:
        """Return what there is to say of a task where both methods were matched."""
        for task, found in matches(asked).items():
            for match in found:
                if scores := match.outcome(folder):
                    parts = [matching_text(match, scores)]
                    for kind, plot in matched_plots(match, scores).items():
                        parts += self._shown(f"{task}-{kind.split()[1]}-matched.svg", plot)
                    return parts
        return []

    def _shown(self, name: str, plot: Plot) -> list[str]:
        self._plots[name] = plot
        address = quote(f"figures/{self._figures.name}/{name}")
        return [f"![{escape(plot.title)}]({address})", f"*Data sha256: {plot.digest}.*"]


def history(title: str, rows: Sequence[Row]) -> Plot:
    """Return how the best value of each study of a task rose."""
    plan, curves = rows[0].plan, list[Curve]()
    info = SCENARIOS[plan.cell.scenario].metric_info[plan.metric]
    for row in rows:
        x, y, steps = list[float](), list[float](), 0
        for n, trial in enumerate(row.trials, start=1):
            steps += trial.steps
            leader = best(row.trials[:n], maximize=row.plan.maximize)
            if leader is not None and leader.value is not None:
                x += [float(steps)] * (2 if y else 1)  # a step: it rises where a trial ends
                y += [*y[-1:], drawn(leader.value)]
        if y:
            name, values = METHODS[row.plan.method].title, tuple(y)
            lines = {"x": tuple(x), "mean": values, "least": values, "most": values}
            curves.append(Curve(name=name, method=row.plan.method, **lines))
    return Plot(
        title=title,
        xlabel="environment steps spent on trials",
        ylabel=f"best {plan.metric} [{info.unit}] so far",
        yscale="log" if info.log else "linear",
        curves=tuple(curves),
        levels=(),
        by_method=True,
    )


def study_tables(rows: Sequence[Row]) -> str:
    """Write what the studies of a task were given, what it brought, and which values."""
    plan = rows[0].plan
    info = SCENARIOS[plan.cell.scenario].metric_info[plan.metric]
    values = plan.cell.reference_values
    places = decimals(values.bound[plan.metric], values.floor[plan.metric])
    seeds = seeds_text({seed for row in rows for seed in row.plan.seeds})
    held_out = {seed for row in rows for seed in row.held_out}
    budgets = " or ".join(f"{n:,}" for n in sorted({row.budget for row in rows}))
    arrow, found = "↑" if info.higher_is_better else "↓", list[list[str]]()
    for row in rows:
        texts = ((k, f"{v:.4g}" if isinstance(v, float) else v) for k, v in row.values.items())
        changed = ", ".join(f"{name}={text}" for name, text in texts)
        mattered = ", ".join(f"{name} {s:.2f}" for name, s in row.importances.items() if s)
        title = METHODS[row.plan.method].title
        found.append([title, changed or "none: default was best", mattered or NOTHING])
    return "\n\n".join(
        [
            f"## {escape(plan.task)}",
            f"Score: {escape(plan.metric)} {arrow} ({escape(info.unit)}). A run trains for "
            f"{plan.cell.budget.steps:,} environment steps; each study may spend {budgets}. Tuning "
            f"{seeds}" + (f", held-out {seeds_text(held_out)}." if held_out else "."),
            _table(_GIVEN, [_given(row) for row in rows], left=2),
            _table(_BROUGHT, [_brought(row, places) for row in rows]),
            _table(_FOUND, found, left=3),
        ]
    )


def _verdict(content: Ledger) -> str:
    if not content.rows:
        return "**No study was begun.**"
    if not content.faults:
        return f"**{len(content.rows)} studies, all finished, at equal budgets.**"
    lines = "\n".join(f"- {escape(fault)}" for fault in content.faults)
    return f"**The comparison is not complete or not fair:**\n\n{lines}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    return table_text(Table(head=("method", *head), rows=tuple(map(tuple, rows)), left=left))


def _given(row: Row) -> list[str]:
    others = [str(row.count(state)) for state in (State.PRUNED, State.CUT, State.FAILED)]
    parent = NOTHING if row.plan.parent is None else METHODS[row.plan.parent].title
    return [
        METHODS[row.plan.method].title,
        parent,
        str(len(row.plan.space)),
        str(len(row.trials)),
        *others,
        f"{row.spent:,}",
        rough(row.cpu_s / 60),
    ]


def _brought(row: Row, places: int) -> list[str]:
    pairs = np.array(list(row.held_out.values())).reshape(-1, 2)
    means = pairs.mean(axis=0) if len(pairs) else [None, None]
    figures = [row.score("paper"), row.score("default"), row.found, *means, row.gain]
    return [
        METHODS[row.plan.method].title,
        *(_number(value, places) for value in figures),
        _number(row.p, 3),
        row.verdict or NOTHING,
        _number(row.selection_bias, places),
    ]


def _number(value: float | None, places: int) -> str:
    return NOTHING if value is None else number(float(value), places)
