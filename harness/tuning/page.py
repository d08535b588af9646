"""The ledger as a page for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from harness.config.grid import Grid
from harness.config.seeding import seeds_text
from harness.report.document import Table
from harness.report.files import figure_differences, write_figures
from harness.report.markdown import code, escape, table_text
from harness.report.numbers import NOTHING, decimals, number, rough, sentence
from harness.results.files import write_text
from harness.tuning.held_out import LEVEL
from harness.tuning.ledger import TOLERANCE, Ledger, Row, ledger
from harness.tuning.matching import MATCHED, matches, matching_text, outcome, panels
from harness.tuning.pictures import Picture, digest, draw, history, importances
from harness.tuning.plan import Plan, plans, searched
from harness.tuning.storage import FOLDER
from harness.tuning.trial import Fate
from methods import METHODS
from scenarios import SCENARIOS

_READING = f"""\
A trial trains one setting from each tuning seed; its score is the headline metric of greedy play,
mean over the last tenth of training and over the seeds. Every method of a task may spend the same
number of environment steps; the check fails where what they spent differs by more than
{TOLERANCE:.0%}. `pruned`: given up after some seeds, worse than the best on all of them. `cut`: at
the end the budget paid for some of the seeds only; never the best. `searched`: how many
hyperparameters.

`paper`, `default` and `tuned` (the best trial) are scores on the tuning seeds; with `unseen`, means
over seeds that no choice rests on. `gain` is tuned less default on those, in the direction that is
good; `p`, the chance of such a gain between equal settings (paired permutation test, one-sided).
`tuned is` better or worse at p up to {LEVEL}: of twenty that are equally good, one is called
better. `optimism`: by how much the score on the tuning seeds flatters the best trial. A
method that inherits takes over all that it shares with the other from that one's best trial; its
`paper` and `default` are those presets' sharing over that, its `default, unseen` is plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        text: Tables and what goes with them.
        pictures: Figures below it, by name of file.
    """

    text: str
    pictures: Mapping[str, Picture]


def page(grid: Grid, content: Ledger, sections: Sequence[Section], folder: str) -> str:
    """Write the ledger.

    Args:
        grid: Whose studies.
        content: The ledger.
        sections: Its parts.
        folder: Where figures lie, as seen from the page.
    """
    command = code(f"python -m harness report --grid {grid.name}")
    parts = [
        f"# {escape(grid.name)}: tuning",
        f"{escape(sentence(grid.description))} Made by {command}; do not edit.",
        _verdict(content),
        _READING,
    ]
    for section in sections:
        parts.append(section.text)
        for name, picture in section.pictures.items():
            address = quote(f"{folder}/{name}")
            parts.append(f"![{escape(picture.title)}]({address})")
            parts.append(f"*Data sha256: {digest(picture)}.*")
    known = (cell for cell in grid.cells if not cell.unavailable)
    if idle := sorted({cell.method for cell in known if not searched(cell)}):
        parts.append(f"Without anything to search, hence not tuned: {escape(', '.join(idle))}.")
    return "\n\n".join(parts) + "\n"


def _verdict(content: Ledger) -> str:
    if not content.rows:
        return "**No study was begun.**"
    if not content.faults:
        return f"**{len(content.rows)} studies, all finished, at equal budgets.**"
    lines = "\n".join(f"- {escape(fault)}" for fault in content.faults)
    return f"**The comparison is not complete or not fair:**\n\n{lines}"


_GIVEN = [
    "method",
    "inherits",
    "searched",
    "trials",
    "pruned",
    "cut",
    "failed",
    "steps",
    "CPU minutes",
]
_BROUGHT = [
    "method",
    "paper",
    "default",
    "tuned",
    "default, unseen",
    "tuned, unseen",
    "gain",
    "p",
    "tuned is",
    "optimism",
]


def study_tables(rows: Sequence[Row]) -> str:
    """Write what the studies of a task were given, what it brought, and which values."""
    plan = rows[0].plan
    scenario = SCENARIOS[plan.cell.scenario](**dict(plan.cell.options))
    info = scenario.metric_info[plan.metric]
    places = decimals(scenario.bound[plan.metric], scenario.floor[plan.metric])
    seeds = seeds_text({seed for row in rows for seed in row.plan.seeds})
    unseen = {seed for row in rows for seed in row.unseen}
    budgets = " or ".join(f"{n:,}" for n in sorted({row.budget for row in rows}))
    arrow = "↑" if info.higher_is_better else "↓"
    return "\n\n".join(
        [
            f"## {escape(plan.task)}",
            f"Score: {escape(plan.metric)} {arrow} ({escape(info.unit)}). A run trains for "
            f"{plan.cell.budget.steps:,} environment steps; each study may spend {budgets}. Tuning "
            f"{seeds}" + (f", unseen {seeds_text(unseen)}." if unseen else "."),
            _table(_GIVEN, [_given(row) for row in rows], left=2),
            _table(_BROUGHT, [_brought(row, places) for row in rows]),
            _table(["method", "values that differ from preset default"], map(_found, rows), left=2),
        ]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    return table_text(Table(head=tuple(head), rows=tuple(map(tuple, rows)), left=left))


def _given(row: Row) -> list[str]:
    others = [str(row.count(fate)) for fate in (Fate.PRUNED, Fate.CUT, Fate.FAILED)]
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
    pairs = np.array(list(row.unseen.values())).reshape(-1, 2)
    means = pairs.mean(axis=0) if len(pairs) else [None, None]
    gain = float(row.gains.mean()) if len(pairs) else None
    figures = [row.score("paper"), row.score("default"), row.found, *means, gain]
    return [
        METHODS[row.plan.method].title,
        *(_number(value, places) for value in figures),
        NOTHING if row.p is None else f"{row.p:.3f}",
        row.verdict or NOTHING,
        _number(row.optimism, places),
    ]


def _found(row: Row) -> list[str]:
    values = ", ".join(f"{name}={_value(value)}" for name, value in row.values.items())
    return [METHODS[row.plan.method].title, values or "none: default was best"]


def _number(value: float | None, places: int) -> str:
    return NOTHING if value is None else number(float(value), places)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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
        self.ledger = ledger(grid, results, url)
        asked, stem = plans(grid, grid.cells), f"{grid.name}-tuning"
        self._figures = reports / "figures" / stem
        folder = results / grid.name / FOLDER / MATCHED
        sections = [
            section
            for task in dict.fromkeys(plan.task for plan in asked)
            for section in _sections(task, asked, self.ledger.rows, folder)
        ]
        self._pictures = {n: p for s in sections for n, p in s.pictures.items()}
        self._texts = {
            reports / f"{stem}.md": page(grid, self.ledger, sections, f"figures/{stem}"),
            reports / f"{stem}.json": self.ledger.text(),
        }

    def write(self) -> list[Path]:
        """Write everything; figures that there are no more are removed.

        Returns:
            The files, the page first.

        Raises:
            OSError: The folder cannot be written.
        """
        written = [write_text(path, text) for path, text in self._texts.items()]
        drawings = {name: draw(picture) for name, picture in self._pictures.items()}
        return written + write_figures(self._figures, drawings)

    def differences(self) -> list[str]:
        """Say in what the files that there are differ from what the studies say; a line each."""
        found = [
            f"{path}: {'not what the studies say' if path.exists() else 'missing'}"
            for path, text in self._texts.items()
            if not path.exists() or path.read_text() != text
        ]
        digests = {name: digest(picture) for name, picture in self._pictures.items()}
        return found + figure_differences(self._figures, digests, "studies")


def _sections(task: str, asked: Sequence[Plan], rows: Sequence[Row], folder: Path) -> list[Section]:
    """Return what there is to say of a task: its studies, and both methods matched."""
    found, here = list[Section](), [row for row in rows if row.plan.task == task]
    if here:
        found.append(Section(text=study_tables(here), pictures=_pictures(task, here)))
    for match in matches([plan for plan in asked if plan.task == task]).get(task, []):
        if scores := outcome(match, folder):
            text, name = matching_text(match, scores), f"{task}-matched.svg"
            found.append(Section(text=text, pictures={name: panels(match, scores)}))
            break
    return found


def _pictures(task: str, rows: Sequence[Row]) -> Mapping[str, Picture]:
    risen = history(f"{task}: tuning", rows)
    mattered = importances(f"{task}: what mattered", rows)
    found: dict[str, Picture] = {f"{task}-history.svg": risen} if risen.lines else {}
    return found | ({f"{task}-importances.svg": mattered} if mattered.shares else {})
