"""One place of a report: its tables, figures and footnotes."""

from collections.abc import Sequence

from harness.published import BOUND
from harness.report.claims import claims_table
from harness.report.comparison import comparison, papers, sources
from harness.report.cost_figures import cost_plots
from harness.report.curves import plots
from harness.report.document import Block, Figure, Heading, Paragraph, footnotes
from harness.report.findings import Finding
from harness.report.notes import notes
from harness.report.numbers import number, sentence
from harness.report.place_runs import PlaceRuns
from harness.report.rivals import against_rivals
from harness.report.share_figure import share_plots
from harness.report.sizes import sharing, sizes
from harness.report.verdicts import against_the_papers


def section(place: PlaceRuns, found: Sequence[Finding]) -> list[Block]:
    """Return the section of a place: what a reader compares first, what it cost last.

    Args:
        place: Its runs.
        found: What they say of the papers' claims.
    """
    blocks: list[Block] = [
        Heading(2, place.place),
        Paragraph(sentence(place.description)),
    ]
    for n, (metric, info) in enumerate(place.headline.items()):
        blocks += [
            Heading(3, f"{metric} {'↑' if info.higher_is_better else '↓'} ({info.unit})"),
            comparison(place, metric, whole=n == 0),
            *_landmarks(place, metric),
        ]
    blocks += footnotes(notes(place.place, place.rows))
    for metric in place.headline:
        blocks += against_the_papers(place, metric)
    blocks += claims_table(found)
    for metric in place.headline:
        for label in place.labels:
            blocks += against_rivals(place, metric, label)
    blocks += map(Figure, plots(place.place, place.rows))
    blocks += [*sharing(place.rows), *map(Figure, share_plots(place.place, place.rows))]
    return [*blocks, *sizes(place.rows), *map(Figure, cost_plots(place.place, place.rows))]


def _landmarks(place: PlaceRuns, metric: str) -> list[Block]:
    """Return bound and floor, and where in the papers the table's figures come from."""
    floor, bound, places = place.landmarks.floor, place.landmarks.bound, place.places(metric)
    stated = papers(place.stated(metric, BOUND))
    said = []
    if metric in bound:
        papers_too = f" (papers: {stated})" if stated else ""
        said.append(f"bound {number(bound[metric], places)}{papers_too}")
    if metric in floor:
        said.append(f"floor {number(floor[metric], places)}")
    here = (metric, place.options)
    found = sources([e for e in place.published if (e.metric, e.options) == here])
    text = " ".join(filter(None, [sentence(", ".join(said)) if said else "", found]))
    return [Paragraph(text)] if text else []
