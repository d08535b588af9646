"""Results for other programs: tables as CSV or parquet, and marl-eval's JSON.

All of it is a projection: the same results give the same file.
"""

import json
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from harness.atomic import write_atomic, write_text
from harness.cost import SECONDS
from harness.errors import ConfigurationError
from harness.marl_eval import marl_eval_tree
from harness.table import CURVE_COLUMNS, Run, curve_table

_CELL = ["place", "scenario", "variant", "method", "preset", "label", "seed"]
CURVE = [*_CELL, *CURVE_COLUMNS[-5:]]
_FACTS = ["hops", "centralized", "parameters", "floats_execution", "floats_training"]
_COSTS = ["wall_s", "cpu_s", *SECONDS, "steps_per_s", "peak_memory_mb", "resumed"]
_ORIGINS = ["finished", "commit", "dirty", "cpu", "platform", "threads"]
_PACKAGES = ["python", "torch", "numpy", "numba"]
_TYPES = {
    **dict.fromkeys(["seed", "evaluation", "episode", "step"], "int64"),
    **dict.fromkeys(["hops", "parameters", "resumed", "threads"], "Int64"),
    **dict.fromkeys(["centralized", "dirty"], "boolean"),
    **dict.fromkeys(["value", "floats_execution", "floats_training", *_COSTS[:-1]], "float64"),
}
PARQUET = "pip install -e '.[parquet]'"


def curve_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the curves of the done runs: a row per run, evaluation and metric.

    Returns:
        The columns of ``CURVE``; ``episode`` and ``step`` count training so far.
    """
    table = curve_table(runs)
    scenarios = {run.cell.place: run.cell.scenario for run in runs}
    return _typed(table.assign(scenario=table["place"].map(scenarios))[CURVE])


def run_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per cell, the failed and the missing ones included.

    Returns:
        ``id``, what the cell is, ``state`` and ``reason``; of a done one ``fingerprint``, what
        the method is, ``config`` as JSON, cost, where it comes from, and ``final_<metric>``.
    """
    rows = [_row(run) for run in runs]
    finals = sorted({name for row in rows for name in row if name.startswith("final_")})
    versions = [f"version_{name}" for name in _PACKAGES]
    known = ["fingerprint", *_FACTS, "config", *_COSTS, *_ORIGINS, *versions]
    frame = pd.DataFrame(rows, columns=["id", *_CELL, "state", "reason", *known, *finals])
    return _typed(frame)


def write_tables(runs: Sequence[Run], folder: Path, form: Literal["csv", "parquet"]) -> list[Path]:
    """Write both tables; returns the files.

    Raises:
        ConfigurationError: Parquet cannot be written, for lack of pyarrow.
        OSError: The folder cannot be written.
    """
    if form == "parquet" and find_spec("pyarrow") is None:
        raise ConfigurationError(f"--format parquet: pyarrow is not installed: {PARQUET}")
    written = []
    for name, frame in (("curves", curve_frame(runs)), ("runs", run_frame(runs))):
        write = partial(frame.to_csv, lineterminator="\n") if form == "csv" else frame.to_parquet
        written.append(write_atomic(folder / f"{name}.{form}", partial(write, index=False)))
    return written


def write_marl_eval(
    runs: Sequence[Run], folder: Path, *, allow_ragged: bool
) -> tuple[Path, tuple[str, ...]]:
    """Write ``marl_eval.json``; returns the file, and what was left out.

    Raises:
        ConfigurationError: The results are not alike enough; see ``marl_eval_tree``.
        OSError: The folder cannot be written.
    """
    results = [run.result for run in runs if run.result is not None]
    tree, notes = marl_eval_tree(results, allow_ragged=allow_ragged)
    text = json.dumps(tree, indent=1, allow_nan=False)  # not sorted: its reader goes by the order
    return write_text(folder / "marl_eval.json", text + "\n"), notes


def _row(run: Run) -> dict[str, Any]:
    cell, result = run.cell, run.result
    row = {name: getattr(cell, name) for name in ("id", *_CELL)}
    row |= {"state": str(run.state), "reason": run.reason}
    if result is None:
        return row
    packages = result.provenance.get("packages", {})
    return {
        **row,
        "fingerprint": result.fingerprint,
        "config": json.dumps(result.config, sort_keys=True),
        **result.method,
        **{name: result.provenance.get(name) for name in (*_COSTS, *_ORIGINS)},
        **{f"version_{name}": packages.get(name) for name in _PACKAGES},
        **{f"final_{name}": result.final(name) for name in result.curve[-1]["metrics"]},
    }


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    texts = dict.fromkeys([n for n in frame if not str(n).startswith("final_")], "str")
    kinds = texts | {name: kind for name, kind in _TYPES.items() if name in frame}
    return frame.astype(kinds)
