"""The section on what the grid costs: spent so far, where the time goes, and what is to come."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.cost import Costs, duration
from harness.report.document import Block, Entry, Heading, Paragraph, Table
from harness.report.numbers import NOTHING
from harness.report.text import prose
from harness.report.variants import title_of
from harness.status import State
from harness.table import Run
from methods import METHODS

_PARTS = ("act_s", "simulate_s", "learn_s")  # of training, without the harness
_HEAD = (
    "place", "method", "settings", "done", "a cell", "acting", "simulator", "learning",
    "evaluation", "harness", "to come",
)  # fmt: skip
_WORKERS = 2


def costs_section(runs: Sequence[Run]) -> list[Block]:
    """Return what learning cells cost, by place, method and label; nothing without a record."""
    asked = [run for run in runs if run.state is not State.UNAVAILABLE and _learns(run)]
    done = [run for run in asked if run.result is not None]
    if not done:
        return []
    costs = Costs((run.cell, _cpu_s(run)) for run in asked)
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in asked:
        groups.setdefault((run.cell.place, run.cell.method, run.cell.label), []).append(run)
    left = [run for run in asked if run.result is None]
    guessed = [run for run in left if not costs.known(run.cell)]
    spent_s = sum((_cpu_s(run) or 0.0 for run in done), 0.0)
    left_s = sum((costs.expected_s(run.cell) for run in left), 0.0)
    return [
        Heading(2, "Costs"),
        Paragraph(
            prose(
                f"Processor time of the {len(done)} learning cells that are done: "
                f"{duration(spent_s)}. To come, if cells cost what their like did: "
                f"{duration(left_s)}; the whole grid on {_WORKERS} cores: "
                f"{duration((spent_s + left_s) / _WORKERS)}. "
                f"{len(guessed)} of the {len(left)} cells left (~) are of a method that has no "
                "result on its scenario yet: that figure is a guess. A cell's time is split, in %, "
                "as newer records have it; `harness` is all that is neither method nor simulator "
                "nor evaluation."
            )
        ),
        Table(head=_HEAD, rows=tuple(_row(group, costs) for group in groups.values()), left=3),
    ]


def _row(group: Sequence[Run], costs: Costs) -> tuple[str | Entry, ...]:
    cell, left = group[0].cell, [run.cell for run in group if run.result is None]
    found = [run.result for run in group if run.result is not None]
    mark = "" if costs.known(cell) else "~"
    each_s = float(np.mean([costs.expected_s(run.cell) for run in group]))
    left_s = sum((costs.expected_s(cell) for cell in left), 0.0)
    return (
        cell.place,
        title_of(cell.method),
        cell.label,
        f"{len(found)}/{len(group)}",
        Entry(text=f"{mark}{duration(each_s)}", value=each_s),
        *_shares(result.provenance for result in found),
        Entry(text=f"{mark}{duration(left_s)}" if left else NOTHING, value=left_s),
    )


def _shares(provenances: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return which share of a cell's time each part takes, median over those that know it."""
    shares = []
    for p in provenances:
        if p.keys() >= {*_PARTS, "evaluate_s", "wall_s"}:
            parts = [*(p[name] for name in _PARTS), p["evaluate_s"]]
            shares.append(np.array([*parts, p["wall_s"] - sum(parts)]) / p["wall_s"])
    if not shares:
        return [NOTHING] * (len(_PARTS) + 2)
    return [f"{100 * share:.0f}" for share in np.median(shares, axis=0)]


def _learns(run: Run) -> bool:
    return run.cell.method in METHODS and METHODS[run.cell.method].learns


def _cpu_s(run: Run) -> float | None:
    cpu_s = None if run.result is None else run.result.provenance.get("cpu_s")
    return None if cpu_s is None else float(cpu_s)
