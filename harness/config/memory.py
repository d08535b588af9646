"""Memory: what a cell will need, and what there is of it."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from harness.config.cell import Budget, Cell
from methods import METHODS
from scenarios.base import Spec

PROCESS_BYTES = 350e6  # a worker with libraries, compiled kernels and nothing to learn
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def needed_bytes(method: str, config: Any, spec: Spec, budget: Budget) -> float:
    """Estimate what a run will hold at its peak, within a factor of two [bytes]."""
    steps = max(budget.episodes * spec.max_steps, budget.steps + spec.max_steps)
    seen = spec.n_agents * (16 * spec.n_features + 4 * spec.n_agents)  # timesteps at hand
    return PROCESS_BYTES + seen + METHODS[method].memory_bytes(spec, config, steps)


@cache
def machine_bytes() -> int:
    """Return how much memory this machine has, or this container may use [bytes]."""
    limits = [psutil.virtual_memory().total]
    for file in map(Path, _LIMITS):
        with suppress(OSError, ValueError):  # another system's, or "max"
            limits.append(int(file.read_text()))
    return min(limits)


def shortage(needed: float) -> str | None:
    """Say that this machine has less memory than is needed; None where it has enough."""
    if needed <= machine_bytes():
        return None
    return f"needs about {_gb(needed)} GB of memory, this machine has {_gb(machine_bytes())}"


def crowding(cells: Iterable[Cell], n_workers: int) -> str | None:
    """Say that the largest of some cells do not fit beside each other; None where they do.

    Args:
        cells: What is to run.
        n_workers: How many of them at a time.
    """
    largest = sorted((cell.memory_bytes for cell in cells), reverse=True)[:n_workers]
    if sum(largest) <= machine_bytes():
        return None
    fit = max(1, int(machine_bytes() / largest[0]))
    return (
        f"{len(largest)} cells at a time may need {_gb(sum(largest))} GB of memory, this machine "
        f"has {_gb(machine_bytes())}: `-j {fit}` is safe"
    )


def _gb(n_bytes: int | float) -> str:
    return f"{n_bytes / 1e9:.3g}" if n_bytes < 1e12 else f"{n_bytes / 1e9:,.0f}"
