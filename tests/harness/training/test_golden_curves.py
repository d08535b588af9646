"""A change of what is learned must not go unnoticed: versions, and recorded curves beside them."""

import numpy as np
import pytest

from curves import FOLDER, pairs, path, recorded, short_curve, versions
from support import tasks

TOLERANCE = 1e-4  # processors round differently; a change of the arithmetic does far more

PAIRS = sorted(pairs())


@pytest.mark.parametrize(("scenario", "method"), PAIRS)
def test_a_curve_is_what_was_recorded_for_its_versions(scenario, method):
    assert path(scenario, method).exists(), "record it: python tests/curves.py"
    golden = recorded(scenario, method)
    then = golden.pop("versions")
    others = {name: of for name, of in then.items() if name not in ("scenario", "method")}
    tasks.skip_unless_recorded_here(scenario, others)
    assert then == versions(scenario, method), "record it: python tests/curves.py"

    curve = short_curve(scenario, method)

    different = differences(golden, curve)
    assert not different, (
        f"{method} on {scenario} learns something else than was recorded: {different}. If that is "
        "meant, raise its version, name it in CHANGELOG.md under 'Changes numbers', and record "
        "it: python tests/curves.py"
    )


def test_every_recorded_curve_is_of_a_method_and_scenario_that_exist():
    assert {p.name for p in FOLDER.glob("*.json")} <= {path(*pair).name for pair in PAIRS}


def test_differences_finds_a_changed_figure():
    golden = {"rows": [{"step": 3, "train": {"td_loss": 1.0}}], "scores": [[0.5, 1.0]]}
    changed = {"rows": [{"step": 3, "train": {"td_loss": 1.001}}], "scores": [[0.5, 1.0]]}

    assert differences(golden, golden) == []
    assert differences(golden, changed) == ["rows.0.train.td_loss: 1.0 became 1.001"]


def differences(golden, now, where=""):
    """Name what differs beyond rounding."""
    if isinstance(golden, dict):
        if golden.keys() != now.keys():
            return [f"{where}: {sorted(golden)} became {sorted(now)}"]
        return [d for key in golden for d in differences(golden[key], now[key], f"{where}.{key}")]
    if isinstance(golden, list):
        if len(golden) != len(now):
            return [f"{where}: {len(golden)} entries became {len(now)}"]
        pairs = enumerate(zip(golden, now, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{where}.{i}")]
    if np.isclose(golden, now, rtol=TOLERANCE, atol=TOLERANCE * 0.01):
        return []
    return [f"{where.lstrip('.')}: {golden} became {now}"]
