"""Results as a finished run leaves them, without the run."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.config.cell import Budget, Cell, default_budget
from harness.config.scenario import headline
from harness.config.toml import Named
from harness.results.result import RunResult
from methods import METHODS
from scenarios import SCENARIOS

EVALUATIONS = 20
PROVENANCE: Mapping[str, Any] = {
    "commit": None,
    "dirty": None,
    "packages": {},
    "cpu": "abacus",
    "platform": "desk",
    "threads": 1,
    "wall_s": 7.5,
    "cpu_s": 7.0,
    "train_s": 6.0,
    "evaluate_s": 1.0,
    "steps_per_s": 1400.0,
    "peak_memory_mb": 300.0,
    "resumed": 0,
    "finished": "2026-01-01T00:00:00Z",
}
EXPLODING: Named = (  # within every range, and soon infinite: each layer multiplies
    ("hidden", (32,) * 16),
    ("init", "he"),
    ("learning_rate", 10.0),
)


def cell(
    method: str = "dqn",
    *,
    scenario: str = "prisoner",
    seed: int = 0,
    fields: Named = (),
    options: Named = (),
    preset: str = "default",
    label: str | None = None,
    budget: Budget | None = None,
) -> Cell:
    """A cell, of prisoner unless told."""
    return Cell(
        scenario=scenario,
        options=options,
        method=method,
        fields=fields,
        preset=preset,
        seed=seed,
        budget=budget or default_budget(scenario, preset),
        label=label or preset,
    )


def result(
    of: Cell, final: float = 0.97, *, share: float | None = None, **changes: Any
) -> RunResult:
    """A run that rises from 0.49 to ``final`` and, given a share, ends with that self weight."""
    curve = tuple(_row(k, of, final, share) for k in range(1, EVALUATIONS + 1))
    traces = {} if share is None else {"selfishness": [[share / 2, share * 1.5]] * 3}
    content: dict[str, Any] = {
        "cell": of,
        "fingerprint": of.fingerprint,
        "config": asdict(of.config),
        "curve": curve,
        "traces": traces,
        "method": {
            "hops": 0 if share is None else 3,
            "centralized": False,
            "parameters": 2562,
            "floats_execution": 0.0,
            "floats_training": 0.0,
        },
    }
    made = {**PROVENANCE} | {"steps_per_s": 1400.0 + of.seed} | changes.pop("provenance", {})
    last = changes.get("curve", curve)[-10:]
    episodes = {
        name: [[row["metrics"][name]] * of.budget.evaluation_episodes for row in last]
        for name in SCENARIOS[of.scenario].metric_info
        if all(name in row["metrics"] for row in last)
    }
    return RunResult(**content | {"provenance": made, "episodes": episodes} | changes)


def reseal(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change a record as somebody would who also renews its checksum."""
    record = unsealed(path)
    change(record)
    return seal(path, json.dumps(record))


def unsealed(path: Path) -> dict[str, Any]:
    """A record without its checksum."""
    return {k: v for k, v in json.loads(path.read_text()).items() if k != "sha256"}


def seal(path: Path, text: str) -> Path:
    """Write a text under the checksum it should have."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(f'{{"sha256": "{digest}",\n{text[1:]}\n')
    return path


def whole(of: Cell, **finals: float) -> RunResult:
    """A run in which nothing is wrong: its whole budget, with figures that tell its seed.

    Args:
        of: What was run.
        finals: Values of metrics, the same at every evaluation; 0 where not given.
    """
    learns, budget = METHODS[of.method].learns, of.budget
    n = budget.evaluations if learns else 1
    names = SCENARIOS[of.scenario].metric_info
    metrics = {name: float(finals.get(name, 0.0)) for name in names}
    curve = tuple(
        {
            "evaluation": k,
            "episode": k * -(-budget.episodes // n) if learns else 0,
            "step": k * (-(-budget.steps // n) + of.seed) if learns else 0,
            "metrics": metrics,
            "train": {"td_loss": 1 / (k + of.seed)} if learns else {},
        }
        for k in range(1, n + 1)
    )
    played = [[value] * budget.evaluation_episodes for value in metrics.values()]
    episodes = {name: [row] * min(n, 10) for name, row in zip(metrics, played, strict=True)}
    return result(of, curve=curve, episodes=episodes)


def _row(k: int, of: Cell, final: float, share: float | None) -> Mapping[str, Any]:
    progress = 1.0 if k > EVALUATIONS - 10 else 1 - math.exp(-4 * k / EVALUATIONS)
    others = {"steps": 3.0, "collisions": 0.0}
    metrics = {headline(of.scenario): 0.49 + (final - 0.49) * progress} | others
    if share is not None:
        metrics |= {"selfishness_mean": share, "selfishness_sd": share / 2}
    return {
        "evaluation": k,
        "episode": k * (100 + of.seed),
        "step": k * (100 + of.seed) * 3,
        "metrics": metrics,
        "train": {},
    }
