"""Learning curves of a table of results, for notebooks."""

from collections import Counter
from itertools import count

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.plotting.draw import level_style, method_style

_WIDTH, _HEIGHT, _LINE = 7.2, 3.2, 0.19  # [inch]: axes with their legend, at least; an entry
_COLUMNS = 2
_VARIANT = ["method", "variant", "label"]
_FURTHER = ["--", ":", "-."]  # strokes of a method's further variants, in its color


def plot_curves(frame: pd.DataFrame) -> Figure:
    """Draw learning curves: axes per task and metric, a line per variant, as in reports.

    Args:
        frame: Rows of ``harness.load_results``, all or some of them.

    Returns:
        Mean over the seeds, in a band from the smallest to the largest of them, over the training
        episodes; what was evaluated once, as it does not learn, is a horizontal line.

    Raises:
        ValueError: The table has no rows.
    """
    panels = list(frame.groupby(["task", "metric"], sort=False))
    if not panels:
        raise ValueError("there is nothing to draw: the table has no rows")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    n_lines = max(part.groupby(_VARIANT).ngroups for _, part in panels)
    height = max(_HEIGHT, _LINE * n_lines + 0.6)
    figure = Figure(figsize=(_WIDTH * columns, height * rows), layout="constrained")
    for n, ((task, metric), part) in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, n)
        _draw(axes, part)
        axes.set_title(str(task), loc="left")
        axes.set_xlabel("training episodes")
        axes.set_ylabel(str(metric))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    return figure


def _draw(axes: Axes, part: pd.DataFrame) -> None:
    seen, levels = Counter[str](), count()
    labels = part.groupby("variant")["label"].nunique().to_dict()
    for (method, variant, label), runs in part.groupby(_VARIANT, sort=False):
        name = f"{variant} ({label})" if labels[variant] > 1 else variant
        by_evaluation = runs.groupby("evaluation")
        x, mean = by_evaluation["episode"].mean(), by_evaluation["value"].mean()
        if len(x) == 1:
            level = level_style(next(levels))
            axes.axhline(mean.iloc[0], color=level.color, linestyle=level.dash, label=name)
            continue
        style, nth = method_style(str(method)), seen[str(method)]
        seen[str(method)] += 1
        least, most = by_evaluation["value"].min(), by_evaluation["value"].max()
        axes.fill_between(x, least, most, color=style.color, alpha=0.13, linewidth=0)
        axes.plot(
            x,
            mean,
            color=style.color,
            linestyle=_FURTHER[(nth - 1) % len(_FURTHER)] if nth else style.dash,
            marker=style.marker,
            markerfacecolor="none" if nth else style.color,
            markevery=max(len(x) // 8, 1),
            markersize=4.5,
            label=name,
        )
