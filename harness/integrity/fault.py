"""Kinds of faults, and what is said of one."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be wrong."""

    DUPLICATE = "duplicate seed"
    IDENTICAL = "identical trajectories"
    SHORT = "short run"
    DAMAGED = "damaged record"
    STALE = "stale record"
    BUDGETS = "unequal budgets"
    TUNING = "tuning seed"
    MISSING = "missing seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong.

    Attributes:
        kind: What.
        where: Place, variant and, where it is one record, seed.
        detail: What was found.
    """

    kind: Kind
    where: str
    detail: str
