"""What a study is about: a study of something else under the same name is not gone on with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from harness.hparams import build_config
from harness.result import fingerprint
from harness.tune.plan import BASE, Plan

_SAID = {
    "search": "search space",
    "inherited": "inherited values",
    "seeds": "tuning seeds",
    "budget": "length of a run",
    "default": "preset default",
    "paper": "preset paper",
    "fingerprint": "options, data or code version",
}


def identity(plan: Plan) -> dict[str, Any]:
    """Return all that the trials of a study depend on, as JSON can have it."""
    method, scenario = plan.method, plan.cell.scenario
    content = {
        "search": {name: knob.model_dump() for name, knob in plan.space.items()},
        "inherited": plan.inherited,
        "seeds": plan.seeds,
        "budget": asdict(plan.cell.budget),
        "default": asdict(build_config(method, scenario, BASE)),
        "paper": asdict(build_config(method, scenario, "paper")),
        "fingerprint": fingerprint(replace(plan.cell, seed=0)),
    }
    return json.loads(json.dumps(content, sort_keys=True))


def difference(stands: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Say in words where two identities differ first; None where they do not."""
    for part, said in _SAID.items():
        old, new = stands.get(part), wanted[part]
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            key = next(k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k))
            return f"{said}: {key} was {_text(old.get(key))}, now it is {_text(new.get(key))}"
        return said + ("" if part == "fingerprint" else f": {old}, now {new}")
    return None


def _text(value: Any) -> str:
    if isinstance(value, dict):  # a knob
        parts = {key: value.get(key) for key in ("low", "high", "log", "choices")}
        return ", ".join(f"{key} {json.dumps(part)}" for key, part in parts.items() if part)
    return "not there" if value is None else json.dumps(value)
