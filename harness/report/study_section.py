"""The section of a study: under each label a table, and a figure like the papers' Figure 5."""

from collections.abc import Sequence

from harness.plot import Curve, Plot, Stated
from harness.report.comparison import papers, sources
from harness.report.document import Block, Entry, Figure, Heading, Paragraph, Table
from harness.report.named_plot import NamedPlot, file_name
from harness.report.numbers import NOTHING, decimals, mean_text
from harness.report.study import Line, Study, bound_line, variant_lines
from harness.result import rounded
from harness.stats.interval import summarize
from scenarios import SCENARIOS

_READING = "Seeds: done of asked over all values."
_CAPTION = "Final values: mean over the seeds, band from their least to their most."


def study_section(study: Study) -> list[Block]:
    """Return a table and a figure per label.

    Nothing as long as no variant has results at two values of the option.
    """
    found = {label: lines for label in study.labels if (lines := variant_lines(study, label))}
    if not found:
        return []
    built, info = study.built(), SCENARIOS[study.scenario].metric_info[study.metric]
    bound = bound_line(study, built)
    one = next(iter(built.values()))
    places = decimals(*(marks.get(study.metric, 0.0) for marks in (one.bound, one.floor)))
    blocks: list[Block] = [
        Heading(2, f"{study.place} by {study.option}"),
        Paragraph(f"Final {study.metric} ({info.unit}) at each value. {_READING}"),
    ]
    for label, lines in found.items():
        lines = (*lines, bound)
        blocks += [Heading(3, label), _table(study, lines, places), *_sources(lines)]
        if any(line.learns for line in lines):
            blocks.append(Figure(_figure(study, label, lines)))
    return blocks


def _table(study: Study, lines: Sequence[Line], places: int) -> Table:
    body: list[tuple[str | Entry, ...]] = []
    for line in lines:
        means = [_mean(line, x, places) for x in study.rows]
        if line.finals:
            body.append((line.title, *means, f"{line.done}/{line.asked}" if line.asked else ""))
        if line.stated:
            stated = (papers(line.stated.get(x, ())) for x in study.rows)
            body.append((f"{line.title}, papers", *stated, ""))
    heads = (f"{study.option} = {x:g}" for x in study.rows)
    return Table(head=("method", *heads, "seeds"), rows=tuple(body))


def _mean(line: Line, x: float, places: int) -> str | Entry:
    if x not in line.finals:
        return NOTHING
    summary, records = summarize(line.finals[x]), line.records.get(x, ())
    return Entry(text=mean_text(summary, places), value=summary.mean, records=records)


def _sources(lines: Sequence[Line]) -> list[Block]:
    text = sources([entry for line in lines for of in line.stated.values() for entry in of])
    return [Paragraph(text)] if text else []


def _figure(study: Study, label: str, lines: Sequence[Line]) -> NamedPlot:
    """Plot the learners and the bound."""
    drawn = [line for line in lines if line.finals and (line.learns or not line.asked)]
    by_method = len({line.method for line in drawn}) == len(drawn)
    plot = Plot(
        title=f"{study.place} by {study.option}, {label}",
        ylabel=f"{study.metric} [{SCENARIOS[study.scenario].metric_info[study.metric].unit}]",
        curves=tuple(map(_curve, drawn)),
        levels=(),
        by_method=by_method,
        xlabel=study.option,
        ticks=tuple(study.rows),
        stated=tuple(point for line in drawn for point in _points(line)) if by_method else (),
    )
    return NamedPlot(file_name(study.place, label, "by", study.option), _CAPTION, plot)


def _curve(line: Line) -> Curve:
    finals = sorted(line.finals.items())
    partly = f" ({line.done}/{line.asked})" if line.done < line.asked else ""
    return Curve(
        name=line.title + partly,
        method=line.method,
        x=tuple(x for x, _ in finals),
        mean=tuple(rounded(values.mean()) for _, values in finals),
        least=tuple(rounded(values.min()) for _, values in finals),
        most=tuple(rounded(values.max()) for _, values in finals),
    )


def _points(line: Line) -> list[Stated]:
    return [
        Stated(method=line.method, x=x, y=entry.value)
        for x, entries in line.stated.items()
        for entry in entries
        if entry.value is not None
    ]
