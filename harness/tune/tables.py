"""The tables of the ledger's page."""

from collections.abc import Iterable, Sequence

import numpy as np

from harness.report.document import Table
from harness.report.markdown import escape, table_text
from harness.report.numbers import NOTHING, decimals, number, rough
from harness.seeding import seeds_text
from harness.tune.row import Row
from harness.tune.trial import Fate
from methods import METHODS
from scenarios import SCENARIOS

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
    """Write what the studies of a place were given, what it brought, and which values."""
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
            f"## {escape(plan.place)}",
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
