"""Runs a stored cell again and says whether every figure comes out the same, bit for bit."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from harness.hparams import load_config
from harness.provenance import code_and_machine
from harness.result import RunResult
from harness.runner import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a run and its record part.

    Attributes:
        evaluation: At which evaluation, counted from 1.
        figure: Which figure, e.g. ``return``, ``episode``, ``train/td_loss`` or
            ``return[3]``, evaluation episode 3 alone.
        stored: What the record says; None where it has no such figure.
        now: What came out; None where there is no such figure.
    """

    evaluation: int
    figure: str
    stored: int | float | None
    now: int | float | None


def replay(result: RunResult, upto: int) -> Iterator[Difference | None]:
    """Run a result's cell again, in this process, with today's code and settings.

    Args:
        result: The record to compare with.
        upto: Evaluations to look at, from the first on.

    Yields:
        After each evaluation None, or where the two part; the run ends there.
    """
    torch.set_num_threads(1)  # as in the workers that made the record
    training = Training(result.cell)
    for n in range(1, upto + 1):
        now = {} if training.done else _figures(json.loads(json.dumps(training.advance())))
        stored = _figures(_stored_row(result, n))
        kept = [name for name in now if name in stored or "[" not in name]  # of episodes, the last
        for name in dict.fromkeys([*kept, *stored]):
            if repr(stored.get(name)) != repr(now.get(name)):
                yield Difference(
                    evaluation=n, figure=name, stored=stored.get(name), now=now.get(name)
                )
                return
        yield None


def changes(result: RunResult) -> dict[str, tuple[Any, Any]]:
    """Return which settings, versions and facts of the machine are not those of the record.

    Returns:
        By dotted name, what the record says and what holds now.
    """
    then, now = _origins(result.provenance), _origins(code_and_machine())
    then |= {f"config.{k}": v for k, v in result.config.items()}
    config = json.loads(json.dumps(asdict(load_config(result.cell))))
    now |= {f"config.{name}": value for name, value in config.items()}
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return {name: (then.get(name), now.get(name)) for name in names}


def _stored_row(result: RunResult, n: int) -> Mapping[str, Any]:
    """Put evaluation n together as ``Training.advance`` returned it, as far as it was kept."""
    n_rows = len(result.curve)
    first_kept = n_rows - len(next(iter(result.episodes.values()), ()))
    row = dict(result.curve[n - 1])
    if n > first_kept:
        row["episodes"] = {k: rows[n - 1 - first_kept] for k, rows in result.episodes.items()}
    return row | ({"traces": result.traces} if n == n_rows else {})


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    """List the figures of an evaluation by name, those that matter most first."""
    figures = {**row["metrics"], "episode": row["episode"], "step": row["step"]}
    figures |= {f"train/{name}": value for name, value in row["train"].items()}
    for name, values in row.get("episodes", {}).items():
        figures |= {f"{name}[{k}]": value for k, value in enumerate(values)}
    for name, steps in row.get("traces", {}).items():
        figures |= {
            f"{name}[{t}][{i}]": v for t, row in enumerate(steps) for i, v in enumerate(row)
        }
    return figures


def _origins(provenance: Mapping[str, Any]) -> dict[str, Any]:
    packages = {f"version.{name}": value for name, value in provenance["packages"].items()}
    names = ("commit", "dirty", "cpu", "platform", "threads")
    return packages | {name: provenance[name] for name in names}
