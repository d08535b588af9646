"""A plot with a name and a caption: a figure before it is drawn."""

import hashlib
import re
from dataclasses import dataclass

from harness.agent_plot import AgentPlot
from harness.plot import Plot


@dataclass(frozen=True, slots=True)
class NamedPlot:
    """A plot and where it goes.

    Attributes:
        file: Name of the file.
        caption: What the lines are and how many runs stand behind them.
        plot: What it shows.
    """

    file: str
    caption: str
    plot: Plot | AgentPlot


def file_name(*parts: str) -> str:
    """Return a name for a figure, different for different parts."""
    return "-".join(map(_safe, parts)) + ".svg"


def _safe(name: str) -> str:
    """Return a name that suits any file system and URL, still different for different names."""
    safe = re.sub(r"[^A-Za-z0-9._=,]", "_", name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
