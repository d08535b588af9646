"""What became of a cell that ended in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a cell.

    Attributes:
        state: ``done`` now; ``found`` done by somebody else; ``busy`` elsewhere; ``stopped`` on
            request, with a checkpoint.
        metrics: Means of the last evaluation.
        wall_s: Seconds the run took, all its parts together.
        notes: What the user should know.
    """

    state: Literal["done", "found", "busy", "stopped"]
    metrics: Mapping[str, float]
    wall_s: float = 0.0
    notes: tuple[str, ...] = ()
