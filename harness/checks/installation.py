"""Checks of what results rest on: versions, folders, workers, and computing the same twice."""

import hashlib
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import torch

from harness.checks.base import Finding
from harness.checks.scenario import episode, shown
from harness.checks.subject import registered_method
from harness.config.scenario import required_options
from harness.results.provenance import installed_version
from harness.training import ONE_THREAD
from harness.training.pool import Workers
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.jungle import kernels

OLDEST_PYTHON = (3, 11)
RESULTS_RELEASES = Path(__file__).parents[2] / "constraints.txt"
OPTIONAL = {
    "mlflow": "run --track, export --format mlflow",
    "pyarrow": "export --format parquet",
    "pettingzoo": "scenarios.pettingzoo",
}


def machine_checks(results: Path) -> Iterator[Finding]:
    """Look at versions and folders, and make nothing.

    Args:
        results: Folder of the results of all grids; it may be missing, if it can be made.
    """
    ok = sys.version_info >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    detail = platform.python_version() + ("" if ok else f", needed is {oldest} or later")
    yield Finding("python", "ok" if ok else "failed", detail)
    releases = [*_compare_releases()]
    yield from releases
    for name in sorted(OPTIONAL.keys() - {finding.name for finding in releases}):
        version, use = installed_version(name), OPTIONAL[name]
        yield Finding(name, "ok" if version else "note", version or f"not installed; for {use}")
    yield _writable("results folder", results)
    yield _writable("kernel cache", Path(str(kernels.nearest.stats.cache_path)))


def worker_checks(team: Workers) -> Iterator[Finding]:
    """Look at a worker process: how it was started, and how many threads it uses."""
    before = time.perf_counter()
    try:
        facts = team.pool.schedule(worker_facts).result()
    except Exception as error:  # whatever keeps a process from starting
        yield Finding("worker process", "failed", f"{type(error).__name__}: {error}")
        return
    took = f"{facts['start method']}, ready after {time.perf_counter() - before:.1f} s"
    yield Finding("worker process", "ok", took)
    more = [f"{name} = {n}" for name, n in facts["threads"].items() if n != 1]
    detail = ", ".join(more) or "one each"
    yield Finding("threads of a worker", "failed" if more else "ok", detail)


def worker_facts() -> dict[str, Any]:
    """Return how the process it is called in was started, and its numbers of threads."""
    threads = {name: int(os.environ.get(name, 0)) for name in ONE_THREAD}
    kind = type(multiprocessing.current_process()).__name__.removesuffix("Process").lower()
    return {"start method": kind, "threads": threads | {"torch": torch.get_num_threads()}}


def determinism_checks(team: Workers) -> Iterator[Finding]:
    """Let scenarios and methods run twice, once here and once in a worker process.

    Hashes of texts differ between the two processes, and so does what was imported and run before.
    A scenario that is nothing without options is left out: `--scenario` checks one that has them.
    """
    torch.set_num_threads(1)  # as in the worker
    complete = [name for name in SCENARIOS if not required_options(name)]
    for kind, run, names in (
        ("scenario", play_scenario, complete),
        ("method", train_method, METHODS),
    ):
        there = {name: team.pool.schedule(run, args=(name,)) for name in names}
        for name, future in there.items():
            yield _compare_runs(f"{kind} {name}", partial(run, name), future)


def play_scenario(name: str) -> list[str]:
    """Play random actions; return a hash for each of two episodes, of all that was shown."""
    scenario, marks = SCENARIOS[name](), []
    for seed in range(2):
        steps = [shown(ts) for ts in episode(scenario, seed)]
        marks.append(mark([steps, dict(scenario.metrics())]))
    return marks


def train_method(name: str) -> list[str]:
    """Train for a few episodes on the toy scenario; return a hash per evaluation and of the end."""
    training, marks = registered_method(name).training(), []
    while not training.done:
        marks.append(mark(training.advance()))
    return [*marks, mark(training.method.state_dict())]


def mark(value: object) -> str:
    """Hash numbers, texts, bytes, tensors and containers of them, bit for bit."""
    digest = hashlib.sha256()
    for part in _parts(value):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _compare_releases() -> Iterator[Finding]:
    """Compare installed packages with those that the committed results were made with."""
    if not RESULTS_RELEASES.exists():
        missing = f"no {RESULTS_RELEASES.name}: not a checkout of the source"
        yield Finding("releases", "note", missing)
        return
    lines = RESULTS_RELEASES.read_text().splitlines()
    for name, _, wanted in (line.partition("==") for line in lines if "==" in line):
        found = installed_version(name)
        if found is not None:  # a user has no use for our tools
            same = found.partition("+")[0] == wanted
            more = "" if same else f"; the committed results were made with {wanted}"
            yield Finding(name, "ok" if same else "note", found + more)


def _writable(name: str, folder: Path) -> Finding:
    nearest = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(name, "ok", str(folder))
    return Finding(name, "failed", f"{folder}: {nearest} cannot be written")


def _compare_runs(name: str, run: Callable[[], list[str]], there: Future[list[str]]) -> Finding:
    before = time.perf_counter()
    try:
        here, elsewhere = run(), there.result()
    except Exception as error:  # a fault of what is under test is its result
        return Finding(name, "failed", f"{type(error).__name__}: {error}")
    if here == elsewhere:
        took = f"two runs equal bit for bit, {time.perf_counter() - before:.1f} s"
        return Finding(name, "ok", took)
    first = next(n for n, (a, b) in enumerate(zip(here, elsewhere, strict=True)) if a != b)
    return Finding(name, "failed", f"two runs differ, first in part {first + 1} of {len(here)}")


def _parts(value: object) -> list[bytes]:
    if isinstance(value, dict):
        return [b"{", *(part for pair in value.items() for part in _parts(pair)), b"}"]
    if isinstance(value, list | tuple):
        return [b"[", *(part for item in value for part in _parts(item)), b"]"]
    if isinstance(value, torch.Tensor):
        array = value.detach().numpy()
        return [f"{array.dtype} {array.shape}".encode(), array.tobytes()]
    return [value if isinstance(value, bytes) else repr(value).encode()]
