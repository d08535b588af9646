"""The section of a study: under each label a table, and a figure like the papers' Figure 5."""

from collections.abc import Sequence

from harness.plot import Curve, Plot, Stated
from harness.report.comparison import papers, sources
from harness.report.curves import NamedPlot, file_name, rounded
from harness.report.markdown import NOTHING, escape, mean_text, table
from harness.report.notes import COLLAPSED
from harness.report.section import metric_decimals, shown
from harness.report.study import Line, Study, bound_line, variant_lines
from harness.stats import summarize
from scenarios import SCENARIOS

_READING = f"Seeds: done of asked over all values. {COLLAPSED}: sharing collapsed in some runs."
_CAPTION = "Final values: mean over the seeds, band from their least to their most."


def study_section(study: Study, folder: str) -> tuple[str, list[NamedPlot]]:
    """Write a table and a figure per label.

    Args:
        study: What to show.
        folder: Where figures lie, as seen from the report.

    Returns:
        The section and its figures; nothing as long as no variant has results at two values.
    """
    found = {label: lines for label in study.labels if (lines := variant_lines(study, label))}
    if not found:
        return "", []
    built, info = study.built(), SCENARIOS[study.scenario].metric_info[study.metric]
    bound = bound_line(study, built)
    places = metric_decimals(next(iter(built.values())), study.metric)
    parts, figures = [f"## {escape(study.place)} by {escape(study.option)}"], list[NamedPlot]()
    parts.append(f"Final {escape(study.metric)} ({escape(info.unit)}) at each value. {_READING}")
    for label, lines in found.items():
        lines = (*lines, bound)
        parts += [f"### {escape(label)}", _table(study, lines, places), _sources(lines)]
        if any(line.learns for line in lines):
            figures.append(_figure(study, label, lines))
            parts += shown(figures[-1], folder)
    return "\n\n".join(filter(None, parts)), figures


def _table(study: Study, lines: Sequence[Line], places: int) -> str:
    body = []
    for line in lines:
        title, means = escape(line.title), [_mean(line, x, places) for x in study.rows]
        if line.finals:
            body.append([title, *means, f"{line.done}/{line.asked}" if line.asked else ""])
        if line.stated:
            body.append(
                [f"{title}, papers", *(papers(line.stated.get(x, ())) for x in study.rows), ""]
            )
    heads = [f"{escape(study.option)} = {x:g}" for x in study.rows]
    return table(["method", *heads, "seeds"], body)


def _mean(line: Line, x: float, places: int) -> str:
    if x not in line.finals:
        return NOTHING
    mark = f" {COLLAPSED}" if x in line.collapsed else ""
    return mean_text(summarize(line.finals[x]), places) + mark


def _sources(lines: Sequence[Line]) -> str:
    return sources([entry for line in lines for of in line.stated.values() for entry in of])


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
