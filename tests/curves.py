"""Short training curves of every method on every scenario, recorded with their version strings.

``python tests/curves.py`` records those whose version changed or that are missing. Raise
``version`` of the method or scenario first: a result computed by other arithmetic is another
result, and the fingerprint of stored results follows the version.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.config.cell import Budget, Cell
from harness.config.hparams import build_config, preset_values
from harness.config.seeding import Purpose, stream
from harness.training.loop import Training
from methods import METHODS
from scenarios import SCENARIOS
from support import tasks

FOLDER = Path(__file__).parent / "golden" / "curves"
BUDGET = Budget(episodes=2, steps=60, evaluations=2, evaluation_episodes=2)
# After some more steps rounding, which is the processor's, decides what agents do.
SHORT = {"jungle": {"max_steps": 20}, "routing": {"max_steps": 30}}
EARLY = {"warm_up": 10, "high_level_start": 0}  # so that 60 steps learn something


def pairs():
    """Every learning method on every scenario it can play."""
    for scenario in SCENARIOS:
        try:
            spec = tasks.build(scenario).spec
        except pytest.skip.Exception:  # not installed: each recorded curve is skipped
            files = FOLDER.glob(f"{scenario}-*.json")
            yield from ((scenario, file.stem.removeprefix(f"{scenario}-")) for file in files)
            continue
        for name, method in METHODS.items():
            if method.learns and not method.unsuitable(
                spec, build_config(name, scenario, "default")
            ):
                yield scenario, name


def path(scenario, method):
    return FOLDER / f"{scenario}-{method}.json"


def versions(scenario, method):
    known = {"scenario": SCENARIOS[scenario].version, "method": METHODS[method].version}
    return known | tasks.files(scenario)


def short_curve(scenario, method):
    """Train for 60 steps; return what was evaluated, reported and learned."""
    torch.set_num_threads(1)
    usual = preset_values(method, scenario, "default")
    early = tuple(sorted((k, v) for k, v in EARLY.items() if k in usual))
    cell = Cell(
        scenario=scenario,
        options=tuple(sorted((dict(tasks.options(scenario)) | SHORT.get(scenario, {})).items())),
        method=method,
        fields=early,
        preset="default",
        seed=0,
        budget=BUDGET,
        label="",
    )
    training, rows = Training(cell), []
    while not training.done:
        row = training.advance()
        rows.append({key: row[key] for key in ("episode", "step", "metrics", "train")})
    ts = training.scenario.reset(stream(0, Purpose.EVAL_WORLD, 0))
    scores = np.where(ts.action_mask, training.method.scores(ts), 0.0)
    return {"rows": rows, "scores": scores.astype(float).tolist()}


def recorded(scenario, method):
    return json.loads(path(scenario, method).read_text())


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scenario, method in pairs():
        now = versions(scenario, method)
        if path(scenario, method).exists() and recorded(scenario, method)["versions"] == now:
            continue
        content = {"versions": now, **short_curve(scenario, method)}
        path(scenario, method).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        print(f"recorded {path(scenario, method)}")


if __name__ == "__main__":
    main()
