"""What a tracker is told of studies: an entry per trial, one above per study."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from harness.export.mlflow import Entry, Family, Member, Point, as_text, metric_name
from harness.plotting.draw import draw
from harness.tuning.ledger import Row, trial_record
from harness.tuning.page import history
from harness.tuning.trial import Trial

PART = "/tune"  # of the experiment's name, after the grid's


def study_family(grid: str, row: Row) -> Family:
    """Return the entries of a study and of its trials that ended."""
    return Family(
        task=row.plan.task,
        variant=row.plan.method,
        fingerprint=_hash(row.record()),
        above=partial(_study_entry, grid, row),
        members={
            _name(row, trial): Member(
                _hash(trial_record(trial)), partial(_trial_entry, grid, row, trial)
            )
            for trial in row.trials
        },
    )


def _study_entry(grid: str, row: Row) -> Entry:
    """Return the entry of a study; what may change when it goes on is a figure, no parameter."""
    plan, spans = row.plan, [_times_ms(trial) for trial in row.trials]
    figures = {
        "best": row.found,
        "selection_bias": row.selection_bias,
        "gain": row.gain,
        "budget": row.budget,
        "spent": row.spent,
        "trials": len(row.trials),
        "resources/cpu_s": row.cpu_s,
    } | {f"importance/{name}": share for name, share in row.importances.items()}
    searched = {
        f"search.{name}": as_text(parameter.model_dump(exclude_defaults=True))
        for name, parameter in plan.space.items()
    }
    plot = history(f"{plan.name}: tuning", [row])
    return Entry(
        name=f"{plan.task}/{plan.method}",
        tags=_tags(grid, row) | {"role": "study"},
        params=_params(row) | {"inherits": plan.parent or "nothing"} | searched,
        points=[Point(name, float(v), 0) for name, v in figures.items() if v is not None],
        files={"values.json": json.dumps(dict(row.values), indent=1) + "\n"}
        | ({"history.svg": draw(plot).decode()} if plot.curves else {}),
        fingerprint=_hash(row.record()),
        start_ms=min((start for start, _ in spans), default=0),
        end_ms=max((end for _, end in spans), default=0),
    )


def _trial_entry(grid: str, row: Row, trial: Trial) -> Entry:
    parameters = {
        f"parameter.{name}": as_text(value) for name, value in trial.attempt.parameters.items()
    }
    scores = {f"seed={seed}": run.value for seed, run in trial.runs.items()}
    cpu_s = sum(run.cpu_s for run in trial.runs.values())
    figures = scores | {"value": trial.value, "steps": trial.steps, "resources/cpu_s": cpu_s}
    start_ms, end_ms = _times_ms(trial)
    return Entry(
        name=f"trial={trial.number} {row.plan.task}/{row.plan.method}",
        tags=_tags(grid, row)
        | {"role": "trial", "state": str(trial.state), "cell_id": _name(row, trial)},
        params=_params(row) | {"preset": trial.attempt.preset or "proposed"} | parameters,
        points=[Point(metric_name(k), float(v), 0) for k, v in figures.items() if v is not None],
        files={},
        fingerprint=_hash(trial_record(trial)),
        start_ms=start_ms,
        end_ms=end_ms,
    )


def _tags(grid: str, row: Row) -> dict[str, str]:
    return {"grid": grid, "task": row.plan.task, "variant": row.plan.method}


def _params(row: Row) -> dict[str, str]:
    plan, cell = row.plan, row.plan.cell
    texts = {"scenario": cell.scenario, "task": plan.task, "method": plan.method}
    numbers = {"seeds": plan.seeds, "run_steps": plan.run_steps}
    return texts | {"metric": plan.metric} | {k: as_text(v) for k, v in numbers.items()}


def _name(row: Row, trial: Trial) -> str:
    return f"{row.plan.name}/trial={trial.number}"


def _times_ms(trial: Trial) -> tuple[int, int]:
    """Return when a trial ended, and when it would have begun without interruptions."""
    end = datetime.fromisoformat(trial.ended).timestamp()
    return round(1000 * (end - sum(run.wall_s for run in trial.runs.values()))), round(1000 * end)


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
