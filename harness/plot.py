"""What a figure shows, as data: learning curves, or final values over an option of the scenario."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The runs of one variant, evaluation by evaluation or value by value of an option.

    Attributes:
        name: Its entry in the legend.
        method: Decides color, dash and marker; or ``bound``, which no run makes.
        x: Training episodes so far, mean over the runs; or the values of the option.
        mean: Mean of the metric over the runs.
        least: Smallest of the runs.
        most: Largest of the runs.
    """

    name: str
    method: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A policy that does not learn: a horizontal line.

    Attributes:
        name: Its entry in the legend.
        value: Where it lies.
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A figure that the papers state: a hollow marker.

    Attributes:
        method: Decides color and marker.
        x: Value of the option.
        y: Value of the metric.
    """

    method: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """All that a figure shows.

    Attributes:
        title: Over the axes.
        ylabel: Metric with unit.
        curves: Learners, and the bound where an option is swept.
        levels: Fixed policies.
        by_method: Whether the curves are of different methods, each in its own style; else they
            are variants of one method and take the styles of a sweep in turn.
        xlabel: Under the axes.
        ticks: Values of the option; none for learning curves, whose axis has round numbers.
        stated: What the papers state.
    """

    title: str
    ylabel: str
    curves: tuple[Curve, ...]
    levels: tuple[Level, ...]
    by_method: bool
    xlabel: str = "training episodes"
    ticks: tuple[float, ...] = ()
    stated: tuple[Stated, ...] = ()

    @property
    def digest(self) -> str:
        """The sha256 of the plotted data."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
