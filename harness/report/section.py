"""One place of a report: its tables, figures and footnotes."""

from collections.abc import Sequence

from harness.published import BOUND, Published, find_published, load_published
from harness.report.comparison import comparison, papers, sources
from harness.report.curves import NamedPlot
from harness.report.markdown import decimals, escape, number, sentence
from harness.report.notes import notes
from harness.report.sizes import sharing, sizes
from harness.report.variants import Variant
from scenarios import SCENARIOS
from scenarios.base import Scenario


def section(place: str, rows: Sequence[Variant], figures: Sequence[NamedPlot], folder: str) -> str:
    """Write the section of a place: what a reader compares first, what it cost last.

    Args:
        place: Scenario with its options.
        rows: Its method variants.
        figures: Its learning curves.
        folder: Where they lie, as seen from the report.
    """
    cell = rows[0].cell
    scenario = SCENARIOS[cell.scenario](**dict(cell.options))
    published = load_published(cell.scenario)
    parts = [f"## {escape(place)}", escape(sentence(scenario.description))]
    headline = [name for name, info in scenario.metric_info.items() if info.headline]
    for n, metric in enumerate(headline):
        info = scenario.metric_info[metric]
        arrow = "↑" if info.higher_is_better else "↓"
        places = metric_decimals(scenario, metric)
        parts += [
            f"### {escape(metric)} {arrow} ({escape(info.unit)})",
            comparison(rows, metric, places, published, whole=n == 0),
            _landmarks(rows[0], metric, places, scenario, published),
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


def metric_decimals(scenario: Scenario, metric: str) -> int:
    """Return how many decimals suit a headline metric of a scenario."""
    known = [marks[metric] for marks in (scenario.bound, scenario.floor) if metric in marks]
    return decimals(*known)


def _landmarks(
    row: Variant, metric: str, places: int, scenario: Scenario, published: Sequence[Published]
) -> str:
    """Write bound and floor, and where in the papers the table's figures come from."""
    options = row.cell.options
    stated = papers(find_published(published, BOUND, metric, dict(options)))
    bound = scenario.bound.get(metric)
    text = (
        f"Bound {'unknown' if bound is None else number(bound, places)}"
        f"{f' (papers: {stated})' if stated else ''}, "
        f"floor {number(scenario.floor[metric], places)}."
    )
    found = [
        entry for entry in published if (entry.metric, entry.options) == (metric, dict(options))
    ]
    return f"{text} {sources(found)}".strip()
