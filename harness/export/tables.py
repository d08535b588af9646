"""Results as files for other programs: tables as CSV or parquet, and marl-eval's JSON.

The same results give the same bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import pandas as pd

from harness.config.seeding import seeds_text
from harness.errors import ConfigurationError
from harness.results.cost import SECONDS
from harness.results.files import check_writable, write_atomic, write_text
from harness.results.index import CURVE_COLUMNS, Run, curve_table
from harness.results.result import RunResult
from methods import METHODS

_CELL = ["task", "scenario", "variant", "method", "preset", "label", "seed"]
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

Tree: TypeAlias = dict[str, dict[str, dict[str, dict[str, Any]]]]
_Tasks: TypeAlias = dict[str, dict[str, dict[int, RunResult]]]
T = TypeVar("T")


def curve_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the curves of the done runs: a row per run, evaluation and metric.

    Returns:
        The columns of ``CURVE``; ``episode`` and ``step`` count training so far.
    """
    table = curve_table(runs)
    scenarios = {run.cell.task: run.cell.scenario for run in runs}
    return _typed(table.assign(scenario=table["task"].map(scenarios))[CURVE])


def run_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per cell, the failed and the missing ones included.

    Returns:
        ``id``, what the cell is, ``state`` and ``reason``; of a done one ``fingerprint``, what
        the method is, ``config`` as JSON, cost, where it comes from, and ``final_<metric>``.
    """
    rows = []
    for run in runs:
        row = {name: getattr(run.cell, name) for name in ("id", *_CELL)}
        row |= {"state": str(run.state), "reason": run.reason}
        if (result := run.result) is not None:
            packages = result.provenance.get("packages", {})
            row |= {
                "fingerprint": result.fingerprint,
                "config": json.dumps(result.config, sort_keys=True),
                **result.method,
                **{name: result.provenance.get(name) for name in (*_COSTS, *_ORIGINS)},
                **{f"version_{name}": packages.get(name) for name in _PACKAGES},
                **{f"final_{name}": result.final(name) for name in result.curve[-1]["metrics"]},
            }
        rows.append(row)
    finals = sorted({name for row in rows for name in row if name.startswith("final_")})
    versions = [f"version_{name}" for name in _PACKAGES]
    known = ["fingerprint", *_FACTS, "config", *_COSTS, *_ORIGINS, *versions]
    frame = pd.DataFrame(rows, columns=["id", *_CELL, "state", "reason", *known, *finals])
    return _typed(frame)


def write_tables(runs: Sequence[Run], folder: Path, form: Literal["csv", "parquet"]) -> list[Path]:
    """Write both tables; returns the files.

    Raises:
        ConfigurationError: Parquet cannot be written, for lack of pyarrow.
        StorageError: The folder cannot be written.
    """
    check_writable(folder)
    if form == "parquet" and find_spec("pyarrow") is None:
        raise ConfigurationError(f"--format parquet: pyarrow is not installed: {PARQUET}")
    written = []
    for name, frame in (("curves", curve_frame(runs)), ("runs", run_frame(runs))):
        if form == "csv":
            texts: pd.DataFrame = frame.select_dtypes("str")
            safe = {str(n): of.map(as_text_cell, na_action="ignore") for n, of in texts.items()}
            write = partial(frame.assign(**safe).to_csv, lineterminator="\n")
        else:
            write = frame.to_parquet
        written.append(write_atomic(folder / f"{name}.{form}", partial(write, index=False)))
    return written


def as_text_cell(text: str) -> str:
    """Return a cell of a CSV file that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_marl_eval(
    runs: Sequence[Run], folder: Path, *, allow_ragged: bool
) -> tuple[Path, tuple[str, ...]]:
    """Write ``marl_eval.json``; returns the file, and what was left out.

    Raises:
        ConfigurationError: The results are not alike enough; see ``marl_eval_tree``.
        StorageError: The folder cannot be written.
    """
    check_writable(folder)
    results = [run.result for run in runs if run.result is not None]
    tree, notes = marl_eval_tree(results, allow_ragged=allow_ragged)
    text = json.dumps(tree, indent=1, allow_nan=False)  # not sorted: its reader goes by the order
    return write_text(folder / "marl_eval.json", text + "\n"), notes


def marl_eval_tree(
    results: Iterable[RunResult], *, allow_ragged: bool
) -> tuple[Tree, tuple[str, ...]]:
    """Arrange results as {environment: {task: {algorithm: {seed: {step: values}}}}}.

    Args:
        results: Valid results, of any scenarios.
        allow_ragged: Cut to the algorithms, seeds and evaluations that all have.

    Returns:
        The tree, in the order that its reader relies on, and what was left out.

    Raises:
        ConfigurationError: Something is not the same everywhere, or two names become one.
    """
    notes: dict[str, None] = {}
    environments: dict[str, _Tasks] = {}
    for result in results:
        cell = result.cell
        if not METHODS[cell.method].learns:
            notes[f"left out: {cell.variant} does not learn and has no curve"] = None
            continue
        tasks = environments.setdefault(_name(cell.scenario), {})
        seeds = tasks.setdefault(_name(cell.task), {}).setdefault(_name(cell.variant), {})
        if cell.seed in seeds:
            other = seeds[cell.seed].cell.id
            raise ConfigurationError(f"{cell.id} and {other}: the same name in lower case")
        seeds[cell.seed] = result
    tree: Tree = {}
    for name, tasks in environments.items():
        even, cuts = _cut(name, tasks)
        if cuts and not allow_ragged:
            raise ConfigurationError(
                f"{name}: {cuts[0]}; marl-eval wants the same everywhere: choose with --only, or "
                "cut to what all have with --allow-ragged"
            )
        notes |= dict.fromkeys(f"{name}: cut, {cut}" for cut in cuts)
        tree[name] = even
    return tree, tuple(notes)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    texts = dict.fromkeys([n for n in frame if not str(n).startswith("final_")], "str")
    kinds = texts | {name: kind for name, kind in _TYPES.items() if name in frame}
    return frame.astype(kinds)


def _cut(name: str, tasks: _Tasks) -> tuple[dict[str, dict[str, dict[str, Any]]], list[str]]:
    """Cut to what all tasks and algorithms have; return that and what was not the same."""
    algorithms, odd = _shared(tasks.values())
    cuts = [f"not every task has {', '.join(odd)}"] if odd else []
    runs = [tasks[task][algorithm] for task in tasks for algorithm in algorithms]
    seeds, odd_seeds = _shared(runs)
    if odd_seeds:
        cuts.append(f"not every algorithm has {seeds_text(odd_seeds)}")
    lengths = sorted({len(found[seed].curve) for found in runs for seed in seeds})
    if not lengths:
        raise ConfigurationError(f"{name}: {'; '.join(cuts)}: nothing is left that all have")
    if len(lengths) > 1:
        cuts.append(f"runs have {lengths[0]} to {lengths[-1]} evaluations")
    even = {
        task: {
            algorithm: {f"seed_{n}": _run(found[algorithm][n], lengths[0]) for n in sorted(seeds)}
            for algorithm in algorithms
        }
        for task, found in tasks.items()
    }
    return even, cuts


def _shared(groups: Iterable[Mapping[T, Any]]) -> tuple[list[T], list[T]]:
    """Return the keys that all groups have, and those that only some have."""
    sets = [group.keys() for group in groups]
    every = dict.fromkeys(key for keys in sets for key in keys)
    shared = [key for key in every if all(key in keys for keys in sets)]
    return shared, [key for key in every if key not in shared]


def _run(result: RunResult, length: int) -> dict[str, Any]:
    """Return a run's first evaluations and, at the end, the episodes of its last ten."""
    first_kept = len(result.curve) - len(next(iter(result.episodes.values())))
    steps: dict[str, Any] = {}
    for n, row in enumerate(result.curve[:length]):
        values = {
            _name(metric): episodes[n - first_kept] if n >= first_kept else [row["metrics"][metric]]
            for metric, episodes in result.episodes.items()
        }
        steps[f"step_{n + 1}"] = {"step_count": row["step"], **values}
    absolute = {_name(m): [v for row in rows for v in row] for m, rows in result.episodes.items()}
    return steps | {"absolute_metrics": absolute}


def _name(name: str) -> str:
    """Write a name as marl-eval reads it: in lower case, without commas."""
    return name.lower().replace(",", ";")
