"""The command that hands results to other programs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.cli.arguments import Form
from harness.commands.request import OK, Request, console, print_json
from harness.commands.steps import steps
from harness.config.grid import Grid, load_grid, select
from harness.errors import ConfigurationError
from harness.export.mlflow import Tracker, TrackingError, variant_family
from harness.export.mlflow_setup import INSTALL, installed
from harness.export.tables import write_marl_eval, write_tables
from harness.results.index import Run, State, done_by_variant, load_runs


def export(request: Request, form: Form, out: Path | None, *, allow_ragged: bool) -> int:
    """Hand the results of a grid to other programs, and say what was left out."""
    if allow_ragged and form is not Form.MARL_EVAL:
        raise ConfigurationError("--allow-ragged: goes with --format marl-eval only")
    if out is not None and form is Form.MLFLOW:
        raise ConfigurationError("--out: MLflow's place is in MLFLOW_TRACKING_URI")
    grid = load_grid(request.grid)
    chosen = select(grid.cells, request.only)
    runs = load_runs(replace(grid, cells=chosen), request.results)
    states = Counter(str(run.state) for run in runs)
    if not states[State.DONE]:
        raise ConfigurationError(
            f"{request.results / grid.name}: no valid result to export; "
            f"`run --grid {request.grid}` makes them"
        )
    folder = Path("exports") / grid.name if out is None else out
    if form is Form.MLFLOW:
        content, said = _track(request, grid, [run for run in runs if run.state is State.DONE])
    elif form is Form.MARL_EVAL:
        content, said = _marl_eval(runs, folder, allow_ragged)
    else:
        content, said = _tables(runs, folder, form)
    if request.as_json:
        print_json({"grid": grid.name, "format": form, "states": states, **content})
        return OK
    left_out = ", ".join(f"{n} {state}" for state, n in states.items() if state != State.DONE)
    for line in [*said, *([f"without a valid result: {left_out}"] if left_out else [])]:
        console().print(line, soft_wrap=True)
    return OK


def _tables(runs: Sequence[Run], folder: Path, form: Form) -> tuple[dict[str, Any], list[str]]:
    files = [
        str(path) for path in write_tables(runs, folder, "csv" if form is Form.CSV else "parquet")
    ]
    return {"files": files}, files


def _marl_eval(
    runs: Sequence[Run], folder: Path, allow_ragged: bool
) -> tuple[dict[str, Any], list[str]]:
    path, notes = write_marl_eval(runs, folder, allow_ragged=allow_ragged)
    return {"files": [str(path)], "notes": notes}, [str(path), *notes]


def _track(request: Request, grid: Grid, runs: Sequence[Run]) -> tuple[dict[str, Any], list[str]]:
    if not installed():
        raise ConfigurationError(f"--format mlflow: MLflow is not installed: {INSTALL}")
    variants = done_by_variant(grid, [run.cell for run in runs], request.results)
    log, fates = console(stderr=True), Counter(added=0, replaced=0, kept=0)
    try:
        tracker = Tracker(grid, request.results)
        for results in steps(log, variants, len(variants), "exporting variants"):
            fates.update(tracker.update(variant_family(grid.name, results)))
    except TrackingError as error:
        raise ConfigurationError(str(error)) from error
    counts = ", ".join(f"{n} {fate}" for fate, n in fates.items())
    return {"tracker": tracker.uri, **fates}, [f"{tracker.uri}: {counts}"]
