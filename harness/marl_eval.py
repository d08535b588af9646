"""Results in the form that marl-eval reads; marl-eval itself is not needed.

What its reader takes for granted, and therefore holds here:

1. within an environment every task has the same algorithms, and these the same seeds and the same
   number of evaluations: else it cuts silently, or fails;
2. names are in lower case and have no commas, and stay different;
3. ``absolute_metrics`` is there, has the metrics of the steps, and comes last;
4. values are lists over episodes. A record keeps the episodes of the last ten evaluations: these
   are the ``absolute_metrics``. Of an earlier evaluation it keeps the mean: a list of one.

Policies that do not learn are evaluated once and have no curve: they are left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from harness.errors import ConfigurationError
from harness.result import RunResult
from harness.seeding import seeds_text
from methods import METHODS

Tree: TypeAlias = dict[str, dict[str, dict[str, dict[str, Any]]]]
T = TypeVar("T")
_Seeds: TypeAlias = dict[int, RunResult]
_Tasks: TypeAlias = dict[str, dict[str, _Seeds]]


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
        seeds = tasks.setdefault(_name(cell.place), {}).setdefault(_name(cell.variant), {})
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
    return name.lower().replace(",", ";")
