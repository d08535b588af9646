"""What a tracker is told of results, as plain data: an entry per run, one above per variant."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from harness.attachments import seed_files, variant_files
from harness.result import RunResult, all_options

_COSTS = ("wall_s", "cpu_s", "steps_per_s", "peak_memory_mb")
_ORIGINS = ("commit", "dirty", "cpu", "platform", "threads")


class Point(NamedTuple):
    """A figure at an environment step; at 0 if it is about the whole: MLflow draws it as a bar."""

    name: str
    value: float
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a tracker shows as one run.

    Attributes:
        name: Its name.
        tags: What it is found by, and where it comes from.
        params: What was set; never changed afterwards.
        points: Figures.
        files: Texts by name.
        fingerprint: Hash of what all this rests on.
        start_ms: When it began [ms since 1970].
        end_ms: When it ended.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[Point]
    files: Mapping[str, str]
    fingerprint: str
    start_ms: int
    end_ms: int


class Member(NamedTuple):
    """An entry below another, made only where the tracker lacks it."""

    fingerprint: str
    entry: Callable[[], Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """An entry and those below it.

    Attributes:
        place: Part of what it is found by, a tag of all its entries.
        variant: The other part.
        fingerprint: Hash of what the entry above rests on.
        above: Makes that entry.
        members: The entries below, by tag ``cell_id``.
    """

    place: str
    variant: str
    fingerprint: str
    above: Callable[[], Entry]
    members: Mapping[str, Member]


def variant_family(grid: str, results: Sequence[RunResult]) -> Family:
    """Return the entries of a variant and of its runs."""
    cell = results[0].cell
    return Family(
        place=cell.place,
        variant=cell.variant,
        fingerprint=variant_fingerprint(results),
        above=partial(variant_entry, grid, results),
        members={r.cell.id: Member(r.fingerprint, partial(seed_entry, grid, r)) for r in results},
    )


def seed_entry(grid: str, result: RunResult) -> Entry:
    """Return the entry of one run: its settings, its curve over environment steps, its costs."""
    cell = result.cell
    tables = {"options": all_options(cell), "config": result.config, "method": result.method}
    params = {
        f"{table}.{k}": as_text(v) for table, content in tables.items() for k, v in content.items()
    }
    start_ms, end_ms = _times_ms(result)
    return Entry(
        name=f"seed={cell.seed} {cell.place}/{cell.variant}",  # in a narrow column the seed counts
        tags=_shared_tags(grid, result) | {"role": "seed"} | _identity(result),
        params=_shared_params(result) | {"seed": str(cell.seed)} | params,
        points=[point._replace(name=metric_name(point.name)) for point in _points(result)],
        files=seed_files(result),
        fingerprint=result.fingerprint,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def variant_entry(grid: str, results: Sequence[RunResult]) -> Entry:
    """Return the entry above the runs of a variant: final values, means over its seeds."""
    first, times = results[0], [_times_ms(result) for result in results]
    finals = {name: [r.final(name) for r in results] for name in first.curve[-1]["metrics"]}
    return Entry(
        name=f"{first.cell.place}/{first.cell.variant}",
        tags=_shared_tags(grid, first) | {"role": "variant"},
        params=_shared_params(first),
        points=[
            Point(metric_name(f"final/{name}"), float(np.mean(values)), 0)
            for name, values in finals.items()
        ],
        files=variant_files(results),
        fingerprint=variant_fingerprint(results),
        start_ms=min(start for start, _ in times),
        end_ms=max(end for _, end in times),
    )


def variant_fingerprint(results: Iterable[RunResult]) -> str:
    """Hash which results the entry of a variant rests on."""
    marks = sorted(f"{result.cell.id} {result.fingerprint}" for result in results)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()


def _shared_tags(grid: str, result: RunResult) -> dict[str, str]:
    return {"grid": grid, "place": result.cell.place, "variant": result.cell.variant}


def _identity(result: RunResult) -> dict[str, str]:
    origins = {name: result.provenance.get(name) for name in _ORIGINS}
    origins |= {f"version.{k}": v for k, v in result.provenance.get("packages", {}).items()}
    origins["mlflow.source.git.commit"] = origins["commit"]  # MLflow has a column for it
    known = {name: as_text(value) for name, value in origins.items() if value is not None}
    return {"cell_id": result.cell.id, "label": result.cell.label} | known


def _shared_params(result: RunResult) -> dict[str, str]:
    """Return what the seeds of a variant share for good."""
    cell = result.cell
    names = ("scenario", "place", "method", "variant", "preset")
    budget = {f"budget.{name}": as_text(value) for name, value in asdict(cell.budget).items()}
    return {name: getattr(cell, name) for name in names} | budget


def _points(result: RunResult) -> list[Point]:
    points = [
        Point(f"{kind}/{name}", value, row["step"])
        for row in result.curve
        for kind, figures in (("eval", row["metrics"]), ("train", row["train"]))
        for name, value in figures.items()
    ]
    points += [Point(f"final/{n}", result.final(n), 0) for n in result.curve[-1]["metrics"]]
    costs = {name: result.provenance.get(name) for name in _COSTS}
    return points + [Point(f"resources/{k}", v, 0) for k, v in costs.items() if v is not None]


def _times_ms(result: RunResult) -> tuple[int, int]:
    """Return when a run ended, and when it would have begun without interruptions."""
    end = datetime.fromisoformat(result.provenance["finished"]).timestamp()
    return round(1000 * (end - result.provenance["wall_s"])), round(1000 * end)


def as_text(value: Any) -> str:
    """Write the value of a parameter."""
    return value if isinstance(value, str) else json.dumps(value)


def metric_name(name: str) -> str:
    """Replace what MLflow allows in no metric's name."""
    return re.sub(r"[^\w\-. :/]", "_", name)
