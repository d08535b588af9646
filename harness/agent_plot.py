"""What a figure of agents shows, as data: a value over an episode, and maps at some steps."""

import hashlib
import json
from dataclasses import asdict, dataclass

from harness.plot import LegendEntry


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
