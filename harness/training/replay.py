"""Plays a finished run again: all of it, figure by figure, or its last evaluation, to look at."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from harness.config.cell import Cell, check_runnable
from harness.errors import StorageError
from harness.results.checkpoint import DamagedCheckpoint, check_fits, load_checkpoint
from harness.results.cost import Costs, duration
from harness.results.failure import failure_kind
from harness.results.files import CellFiles, move_aside
from harness.results.index import look
from harness.results.provenance import code_and_machine
from harness.results.result import RunResult
from harness.training.loop import Training
from harness.training.pool import Job, execute
from harness.training.progress import Board, watch
from harness.training.worker import learned
from scenarios.pictures import Drawable, Episode, Frame

CHECKPOINT_EVERY_S = 120.0


class TrainingError(RuntimeError):
    """A cell could not be trained to its end; the message says why."""


def load_policy(cell: Cell, folder: str | Path) -> Training:
    """Return a run as it stood at its last evaluation: a trained method with its scenario.

    Where no policy is kept the cell is trained again, in a worker process, which keeps it; how
    things go is told on standard error.

    Args:
        cell: Which.
        folder: The grid's folder of results.

    Returns:
        The run, ready to play: ``scenario``, ``method``, ``evaluation_episode(k)``.

    Raises:
        ConfigurationError: It is no cell, or cannot be run.
        TrainingError: It could not be trained to its end.
        StorageError: The folder cannot be written.
        KeyboardInterrupt: The user stopped the training; the next call goes on from there.
    """
    check_runnable(cell, "load_policy")
    folder, log = Path(folder), Console(stderr=True, highlight=False, markup=False)
    try:
        training = recall_policy(folder, cell)
    except DamagedCheckpoint as error:
        path, training = CellFiles.of(folder, cell).policy, None
        log.print(f"{error}; moved to {move_aside(path).name}", soft_wrap=True)
    if training is None:
        _train(cell, folder, log)
        training = recall_policy(folder, cell)
    if training is None:
        raise TrainingError(f"{CellFiles.of(folder, cell).policy}: gone as soon as it was written")
    return training


def recall_policy(folder: Path, cell: Cell) -> Training | None:
    """Return a run as it stood at its last evaluation, if its policy is kept.

    A method that does not learn needs no file.

    Returns:
        The run; None where no policy is kept, or one of other settings or another version.

    Raises:
        DamagedCheckpoint: The file is damaged, or does not fit the method.
        StorageError: It cannot be read.
    """
    training = Training(cell)
    training.evaluation = training.n_evaluations
    if not training.method.learns:
        return training
    path = CellFiles.of(folder, cell).policy
    try:
        kept = load_checkpoint(path)
    except FileNotFoundError:
        return None
    try:
        if kept["fingerprint"] != cell.fingerprint:
            return None
        for whole in (False, True):  # before and after
            fresh = training.method.state_dict()
            check_fits(kept["policy"], learned(fresh), "policy", whole=whole)
            training.method.load_state_dict(fresh | kept["policy"])
    except OSError:
        raise
    except Exception as error:  # of torch, NumPy and methods, for what does not fit them
        if failure_kind(error) == "memory":
            raise
        raise DamagedCheckpoint(f"{path}: does not fit its method ({error})") from error
    return training


def record(training: Training, k: int) -> Episode:
    """Play evaluation episode k and record it.

    Args:
        training: A run at its last evaluation, as ``load_policy`` returns it.
        k: Number of the episode, from 0.

    Raises:
        ValueError: The scenario shows nothing that could be drawn.
    """
    scenario, method = training.scenario, training.method
    if not isinstance(scenario, Drawable):
        raise ValueError(f"scenario {training.cell.scenario!r} has no snapshot() to draw from")
    frames = []
    for ts, actions in training.evaluation_episode(k):
        frame = Frame(
            ts=ts,
            actions=actions,
            traces=method.traces(),
            share_out=method.share_out(ts),
            metrics=scenario.metrics(),
            snapshot=scenario.snapshot(),
        )
        frames.append(frame)
    return Episode(tuple(frames))


def differences(result: RunResult, k: int, episode: Episode) -> Mapping[str, tuple[float, float]]:
    """Return the figures in which an episode differs from the one a result tells of.

    Returns:
        Per name, what the result has and what was recorded; nothing if they are the same.
    """
    played = episode.frames[-1].metrics
    both = {name: (values[-1][k], played[name]) for name, values in result.episodes.items()}
    return {name: pair for name, pair in both.items() if not np.isclose(*pair, rtol=1e-9)}


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
    config = json.loads(json.dumps(asdict(result.cell.config)))
    now |= {f"config.{name}": value for name, value in config.items()}
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return {name: (then.get(name), now.get(name)) for name in names}


def _train(cell: Cell, folder: Path, log: Console) -> None:
    """Run a cell for its policy."""
    names = (p.stem for p in CellFiles.of(folder, cell).result.parent.glob("seed=*.json"))
    seeds = (int(n) for name in names if (n := name.removeprefix("seed=")).isdigit())
    alike = look((replace(cell, seed=seed) for seed in seeds), folder)
    costs = Costs((run.cell, run.cpu_s) for run in alike)
    job = Job(cell=cell, expected_s=costs.expected_s(cell), for_policy=True)
    guess = "" if costs.known(cell) else ", a guess: nothing alike has run yet"
    log.print(
        f"{cell.id}: no policy is kept, so the cell is trained first; "
        f"about {duration(job.expected_s)}{guess}",
        soft_wrap=True,
    )
    with watch(Board([job], folder, 1), log) as view:
        summary = execute(
            [job], folder, view, n_workers=1, checkpoint_every=CHECKPOINT_EVERY_S, time_limit=None
        )
    if summary.obstacle:
        raise StorageError(summary.obstacle)
    if summary.interrupted:
        raise KeyboardInterrupt
    if failure := summary.failures.get(cell):
        raise TrainingError(f"{cell.id}: {failure.kind}: {failure.message}")
    if summary.outcomes[cell].state != "done":
        raise TrainingError(f"{cell.id}: is being run elsewhere: left alone")


def _stored_row(result: RunResult, n: int) -> Mapping[str, Any]:
    """Put evaluation n together as ``Training.advance`` returned it, as far as it was kept."""
    n_rows = len(result.curve)
    first_kept = n_rows - len(next(iter(result.episodes.values()), ()))
    row = dict(result.curve[n - 1])
    if n > first_kept:
        row["episodes"] = {k: rows[n - 1 - first_kept] for k, rows in result.episodes.items()}
    traces = {"traces": result.traces, "trace_every": result.trace_every}
    return row | (traces if n == n_rows else {})


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    """List the figures of an evaluation by name, those that matter most first."""
    figures = {**row["metrics"], "episode": row["episode"], "step": row["step"]}
    figures |= {f"train/{name}": value for name, value in row["train"].items()}
    for name, values in row.get("episodes", {}).items():
        figures |= {f"{name}[{k}]": float(value) for k, value in enumerate(values)}
    every = row.get("trace_every", 1)
    for name, steps in row.get("traces", {}).items():
        figures |= {
            f"{name}[{t * every}][{i}]": v for t, of in enumerate(steps) for i, v in enumerate(of)
        }
    return figures


def _origins(provenance: Mapping[str, Any]) -> dict[str, Any]:
    packages = {f"version.{name}": value for name, value in provenance["packages"].items()}
    names = ("commit", "dirty", "cpu", "platform", "threads")
    return packages | {name: provenance[name] for name in names}
