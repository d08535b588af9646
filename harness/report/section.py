"""One place of a report: its tables, figures and footnotes."""

from collections.abc import Sequence

from harness.cell import Cell
from harness.published import BOUND, Published, find_published, load_published
from harness.report.comparison import comparison, papers, sources
from harness.report.curves import NamedPlot
from harness.report.markdown import decimals, escape, number, sentence
from harness.report.notes import notes
from harness.report.sizes import sharing, sizes
from harness.report.variants import Variant
from scenarios import SCENARIOS
from scenarios.base import Scenario, Unavailable


def section(place: str, rows: Sequence[Variant], figures: Sequence[NamedPlot], folder: str) -> str:
    """Write the section of a place: what a reader compares first, what it cost last.

    Args:
        place: Scenario with its options.
        rows: Its method variants.
        figures: Its learning curves.
        folder: Where they lie, as seen from the report.
    """
    cell = rows[0].cell
    scenario, published = SCENARIOS[cell.scenario], load_published(cell.scenario)
    ends = ends_of(cell)
    parts = [f"## {escape(place)}", escape(sentence(scenario.description))]
    headline = [name for name, info in scenario.metric_info.items() if info.headline]
    for n, metric in enumerate(headline):
        info = scenario.metric_info[metric]
        arrow = "↑" if info.higher_is_better else "↓"
        places = metric_decimals(ends, metric)
        parts += [
            f"### {escape(metric)} {arrow} ({escape(info.unit)})",
            comparison(rows, metric, places, published, whole=n == 0),
            _landmarks(cell, metric, ends, published),
        ]
    parts.append(notes(rows))
    for figure in figures:
        parts += shown(figure, folder)
    parts += [sharing(rows), sizes(rows)]
    return "\n\n".join(filter(None, parts))


def shown(figure: NamedPlot, folder: str) -> list[str]:
    """Write a figure and its caption; ``folder`` is where figures lie, seen from the report."""
    return [
        f"![{escape(figure.plot.title)}]({folder}/{figure.file})",
        f"*{escape(figure.caption)} Data sha256: {figure.plot.digest}.*",
    ]


def metric_decimals(ends: Scenario | Unavailable, metric: str) -> int:
    """Return how many decimals suit a headline metric between its floor and bound."""
    known = [marks[metric] for marks in (ends.bound, ends.floor) if metric in marks]
    return decimals(*known)


def ends_of(cell: Cell) -> Scenario | Unavailable:
    """Return what has floor and bound, also where the scenario cannot be built here."""
    try:
        return SCENARIOS[cell.scenario](**dict(cell.options))
    except Unavailable as absent:
        return absent


def _landmarks(
    cell: Cell,
    metric: str,
    ends: Scenario | Unavailable,
    published: Sequence[Published],
) -> str:
    """Write bound and floor, and where in the papers the table's figures come from."""
    options = dict(cell.options)
    stated = papers(find_published(published, BOUND, metric, options))
    found = sources([e for e in published if (e.metric, e.options) == (metric, options)])
    if metric not in ends.floor:
        return found
    places, bound = metric_decimals(ends, metric), ends.bound.get(metric)
    text = (
        f"Bound {'unknown' if bound is None else number(bound, places)}"
        f"{f' (papers: {stated})' if stated else ''}, "
        f"floor {number(ends.floor[metric], places)}."
    )
    return f"{text} {found}".strip()
