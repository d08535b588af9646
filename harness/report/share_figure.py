"""Sharing over time: how much of its own reward an agent learns to keep."""

from collections.abc import Sequence
from dataclasses import replace

from harness.plot import Curve, Plot
from harness.report.lines import curve_of, name_of, seeds_of
from harness.report.named_plot import NamedPlot, file_name
from harness.report.notes import SHARE, SPREAD, learned_shares
from harness.report.variants import Variant

_CAPTION = """Self weight, the part of its reward an agent keeps, over agents, steps and episodes of
an evaluation: its mean, with a band from the least to the most of {seeds} seeds, and its standard
deviation within a run, which grows as agents come to keep different parts."""


def share_plots(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figure of self weights at a place; none where no method has learned any."""
    learned = [(row, label) for row in rows for label in row.runs if _shares(row, label)]
    if not learned:
        return ()
    seeds = dict.fromkeys(seeds_of([row], label) for row, label in learned)
    plot = Plot(
        title=f"{place}: learned sharing",
        ylabel="self weight",
        curves=tuple(curve for row, label in learned for curve in _curves(row, label)),
        levels=(),
        by_method=False,
    )
    caption = " ".join(_CAPTION.format(seeds=" or ".join(seeds)).split())
    return (NamedPlot(file_name(place, "sharing"), caption, plot),)


def _curves(row: Variant, label: str) -> tuple[Curve, Curve]:
    name = f"{name_of(row, label)}, {label}"
    mean = curve_of(row, label, SHARE, name=f"{name}: mean")
    sd = curve_of(row, label, SPREAD, name=f"{name}: sd")
    return mean, replace(sd, least=sd.mean, most=sd.mean)  # a second band would hide the first


def _shares(row: Variant, label: str) -> bool:
    return bool(learned_shares(row.results(label)))
