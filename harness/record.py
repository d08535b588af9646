"""Puts the record of a finished run together, with what it cost."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from harness.cell import Cell
from harness.files import now
from harness.hparams import load_config
from harness.provenance import code_and_machine
from harness.result import WINDOW, RunResult
from harness.runner import Training


@dataclass(slots=True)
class Meter:
    """What a cell has cost so far, over all its resumes.

    Attributes:
        wall_s: Wall-clock seconds of finished parts.
        cpu_s: Processor seconds of finished parts.
        peak_bytes: Largest memory seen at an evaluation.
        resumed: Number of times the cell went on from a checkpoint.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    resumed: int = 0

    def start(self) -> "Meter":
        """Start the clocks."""
        self.wall_s -= time.perf_counter()
        self.cpu_s -= time.process_time()
        return self

    def read(self) -> dict[str, Any]:
        """Return the cost up to now."""
        self.peak_bytes = max(self.peak_bytes, psutil.Process().memory_info().rss)
        return {
            "wall_s": self.wall_s + time.perf_counter(),
            "cpu_s": self.cpu_s + time.process_time(),
            "peak_bytes": self.peak_bytes,
            "resumed": self.resumed,
        }


def assemble(
    cell: Cell,
    mark: str,
    training: Training,
    rows: list[dict[str, Any]],
    cost: Mapping[str, Any],
) -> RunResult:
    """Put the record of a finished run together.

    Args:
        cell: What was run.
        mark: Its fingerprint.
        training: The finished run.
        rows: All its evaluations, as ``Training.advance`` returned them.
        cost: What ``Meter.read`` says.
    """
    method, last, train_s = training.method, rows[-WINDOW:], training.seconds["train_s"]
    kept = ("evaluation", "episode", "step", "metrics", "train")
    return RunResult(
        cell=cell,
        fingerprint=mark,
        config=asdict(load_config(cell)),
        curve=tuple({key: row[key] for key in kept} for row in rows),
        episodes={name: [row["episodes"][name] for row in last] for name in last[-1]["episodes"]},
        traces=rows[-1]["traces"],
        method={
            "hops": method.hops,
            "centralized": method.centralized,
            "parameters": method.n_parameters,
            "floats_execution": method.communication.execution,
            "floats_training": method.communication.training,
        },
        provenance=code_and_machine()
        | {
            "wall_s": round(cost["wall_s"], 3),
            "cpu_s": round(cost["cpu_s"], 3),
            **{name: round(spent, 3) for name, spent in training.seconds.items()},
            "steps_per_s": round(training.step / train_s, 1) if training.step else None,
            "peak_memory_mb": round(cost["peak_bytes"] / 2**20, 1),
            "resumed": cost["resumed"],
            "finished": now(),
        },
    )
