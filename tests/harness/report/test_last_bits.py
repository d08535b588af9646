"""What is written for people does not depend on the last bits of what it was computed from."""

from dataclasses import replace

import numpy as np
import pytest

from harness.config.scenario import ReferenceValues, reference_values
from harness.report import build_report, write_report
from harness.report.files import Format
from support import recorded, reported

METRICS = {"prisoner": "return", "jungle": "reward_per_step", "routing": "delay"}
EPSILON = 1e-13  # sums of some hundred numbers in another order differ by less


def results():
    """Runs of learners and of a fixed policy on three scenarios, with ties and with shares."""
    rng = np.random.default_rng(1)
    for scenario, metric in METRICS.items():
        for method in ("ltos", "dqn", "dgn", "vdn", "random"):
            for seed in range(6):
                cell = recorded.cell(method, scenario=scenario, seed=seed)
                final = 0.97 if method in ("dqn", "vdn") else float(rng.normal())
                whole = recorded.whole(cell, **{metric: final})
                yield shared(whole, rng) if method == "ltos" else whole
    for n_agents in (10, 30):
        cell = recorded.cell(scenario="jungle", options=(("n_agents", n_agents),))
        yield recorded.result(cell, float(rng.normal()))


def shared(result, rng):
    shares = {"selfishness_mean": float(rng.random()), "selfishness_sd": float(rng.random())}
    curve = tuple({**row, "metrics": row["metrics"] | shares} for row in result.curve)
    trace = np.repeat(rng.random((8, 20)), 5, axis=0)
    return replace(result, curve=curve, traces={"selfishness": trace.tolist()})


def nudged(content, rng):
    """The same with every float in it a little larger or smaller."""
    if isinstance(content, float):
        return content * (1 + EPSILON * rng.choice((-1, 1)))
    if isinstance(content, dict):
        return {key: nudged(value, rng) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(nudged(value, rng) for value in content)
    return content


def written(folder, found):
    """The report of results, by file, and the hashes of its figures' data."""
    for result in found:
        result.save(folder / "trial")
    report = build_report(reported.grid_of(*(result.cell for result in found)), folder)
    files = write_report(report, folder / "reports", tuple(Format))
    assert {path.suffix for path in files} == {".md", ".tex", ".html", ".svg"}
    pages = {path.name: path.read_bytes() for path in files}
    return pages | {figure.file: figure.plot.digest for figure in report.figures}


@pytest.mark.parametrize("seed", range(2))
def test_results_and_bounds_that_differ_in_their_last_bits_have_the_same_report(
    tmp_path, monkeypatch, seed
):
    found = list(results())
    before = written(tmp_path / "before", found)
    rng = np.random.default_rng(seed)
    monkeypatch.setattr("harness.config.cell.reference_values", lambda *args: off(args, rng))
    parts = ("curve", "episodes", "traces", "method", "provenance")

    after = written(
        tmp_path / "after",
        [replace(r, **{part: nudged(getattr(r, part), rng) for part in parts}) for r in found],
    )

    assert b"Normalized scores" in after["trial.md"]
    assert [name for name, content in after.items() if before[name] != content] == []
    assert after.keys() == before.keys()


def off(task, rng):
    """Reference values a little off."""
    exact = reference_values(*task)
    return ReferenceValues(nudged(dict(exact.floor), rng), nudged(dict(exact.bound), rng))
