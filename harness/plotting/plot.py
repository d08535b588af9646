"""What a figure shows, as data: curves, final values over an option or a cost, levels."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, TypeAlias

Scale: TypeAlias = Literal["linear", "log", "symlog"]
STATED = "hollow: stated by the papers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The runs of one variant, evaluation by evaluation or value by value of an option.

    Attributes:
        name: Its entry in the legend.
        method: Decides color, dash and marker; or ``bound``, which no run makes.
        x: Training episodes or steps so far, mean over the runs; or the values of the option.
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
class Point:
    """The final values of one variant beside what it takes.

    Attributes:
        name: Its entry in the legend.
        method: Decides color and marker.
        x: What it takes.
        x_most: What it takes if all is counted; never less.
        mean: Mean of the metric over the runs.
        least: Smallest of the runs.
        most: Largest of the runs.
    """

    name: str
    method: str
    x: float
    x_most: float
    mean: float
    least: float
    most: float


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


class LegendEntry(NamedTuple):
    """A line of the legend.

    Attributes:
        key: Name of what it stands for inside the drawing.
        name: What it says.
        height: Where its line ends.
    """

    key: str
    name: str
    height: float


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
        points: Learners where the figure shows what they take.
        xlabel: Under the axes.
        xscale: ``symlog`` is linear below 1 and so has a place for 0.
        yscale: Likewise, of the metric.
        ticks: Values of the option; none for learning curves, whose axis has round numbers.
        stated: What the papers state.
    """

    title: str
    ylabel: str
    curves: tuple[Curve, ...]
    levels: tuple[Level, ...]
    by_method: bool
    points: tuple[Point, ...] = ()
    xlabel: str = "training episodes"
    xscale: Scale = "linear"
    yscale: Scale = "linear"
    ticks: tuple[float, ...] = ()
    stated: tuple[Stated, ...] = ()

    @property
    def digest(self) -> str:
        """The sha256 of the plotted data."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """The legend: lines as they lie, from the top, then what the papers state, once for all."""
        lines = sorted(self._lines(), key=lambda entry: (-entry.height, entry.name))
        stated = [LegendEntry("stated", STATED, self.stated[0].y)] if self.stated else []
        return (*lines, *stated)

    def _lines(self) -> Iterator[LegendEntry]:
        for n, curve in enumerate(self.curves):
            yield LegendEntry(f"curve{n}", curve.name, curve.mean[-1])
        for n, point in enumerate(self.points):
            yield LegendEntry(f"point{n}", point.name, point.mean)
        for n, level in enumerate(self.levels):
            yield LegendEntry(f"level{n}", level.name, level.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlot:
    """A value that every agent has at every step.

    Attributes:
        title: Over it all.
        ylabel: What the value is.
        steps: Where the values change, and the last step.
        values: At each of them, the value of each agent.
        kinds: What sort of place each agent has, in a word or two; all alike where unknown.
        places: x and y of each agent; none where unknown.
        shown: Which of the steps have a map.
    """

    title: str
    ylabel: str
    steps: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    kinds: tuple[str, ...]
    places: tuple[tuple[float, float], ...] = ()
    shown: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """The sha256 of the plotted data."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """Nothing: what the lines are is written beside them."""
        return ()

    def at(self, step: int) -> tuple[float, ...]:
        """Return the values that hold at a step."""
        return self.values[sum(s <= step for s in self.steps) - 1]
