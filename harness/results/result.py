"""What one run leaves behind, and whether it still answers its cell."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.cell import SCHEMA, Budget, Cell
from harness.config.toml import frozen
from harness.results.files import CellFiles, NotAFile, read_file, write_text

MOST_STEPS, MOST_FIGURES = 200, 2500  # of traces: a record stays at some 60 KB
WINDOW = 10  # the final value of a run is the mean of its last ten evaluations


class DamagedResult(ValueError):  # noqa: N818  # says what is wrong with it
    """A file is not the record of a run: truncated, edited by hand or something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The record of one cell's run.

    Attributes:
        cell: What was run.
        fingerprint: Hash of everything the result depends on; see ``Cell.fingerprint``.
        config: The method's resolved hyperparameters.
        curve: One row per evaluation: ``evaluation``, ``episode``, ``step``, ``metrics`` (means
            over its episodes) and ``train`` (means of what the method reported meanwhile).
        episodes: Per metric, the values of the evaluation episodes of the last ten evaluations,
            [evaluations][episodes].
        traces: Per name, [steps][agents], from the first episode of the last evaluation; thinned,
            with four decimals (see ``thin_traces``).
        trace_every: Row i of a trace is step ``i * trace_every`` of the episode, counted from 0.
        method: What the method is: ``hops``, ``centralized``, ``parameters``,
            ``floats_execution`` and ``floats_training`` per edge and step.
        provenance: Commit, versions, host, times, memory: incidental, not part of identity.
    """

    cell: Cell
    fingerprint: str
    config: Mapping[str, Any]
    curve: tuple[Mapping[str, Any], ...]
    episodes: Mapping[str, Any]
    traces: Mapping[str, Any]
    method: Mapping[str, Any]
    provenance: Mapping[str, Any]
    trace_every: int = 1

    def last(self, n: int | None = WINDOW) -> tuple[Mapping[str, Any], ...]:
        """Return the last n evaluations; all with None."""
        return self.curve if n is None else self.curve[-n:]

    def final(self, metric: str) -> float:
        """Return the mean of a metric over the last ten evaluations."""
        return float(np.mean([row["metrics"][metric] for row in self.last()]))

    def save(self, folder: Path) -> Path:
        """Write the result under a grid's folder of results in one atomic step."""
        record = {"schema": SCHEMA, "id": self.cell.id, **asdict(self), "cell": self.cell.record()}
        text = json.dumps(record, separators=(",", ":"), sort_keys=True, allow_nan=False)
        record_hash = hashlib.sha256(text.encode()).hexdigest()
        sealed = f'{{"sha256": "{record_hash}",\n{text[1:]}\n'
        return write_text(CellFiles.of(folder, self.cell).result, sealed)


def thin_traces(traces: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what a record keeps of traces: every k-th step from the first on, four decimals.

    k is the least number with which at most ``MOST_STEPS`` steps are kept, and of these about
    ``MOST_FIGURES`` figures in all traces together.

    Args:
        traces: Per name, [steps][agents].

    Returns:
        ``traces``, and k as ``trace_every``.
    """
    n_steps = max(map(len, traces.values()), default=0)
    n_figures = sum(trace.size for trace in traces.values())
    every = max(1, -(-n_steps // MOST_STEPS), -(-n_figures // MOST_FIGURES))
    # Rounded again in double precision: else 0.1234 of single precision has 17 digits as JSON.
    kept = {name: of[::every].round(4).astype(float).round(4) for name, of in traces.items()}
    return {"traces": {name: of.tolist() for name, of in kept.items()}, "trace_every": every}


def load_result(path: Path) -> RunResult:
    """Read a result.

    Raises:
        FileNotFoundError: There is none.
        DamagedResult: The file is no result, or was changed since it was written.
        StorageError: It cannot be read.
    """
    try:
        text = read_file(path).decode()
        _, _, body = text.partition("\n")
        record = json.loads(text)
        if hashlib.sha256(("{" + body.rstrip("\n")).encode()).hexdigest() != record.pop("sha256"):
            raise DamagedResult(f"{path}: its checksum does not match: it was changed by hand")
        if record.pop("schema") != SCHEMA:
            raise DamagedResult(f"{path}: written in another format")
        del record["id"]
        cell = record.pop("cell")
        cell["budget"] = Budget(**cell["budget"])
        for key in ("options", "fields"):
            cell[key] = frozen(cell[key])
        if not record["curve"]:
            raise DamagedResult(f"{path}: holds no evaluation")
        try:
            json.dumps(record, allow_nan=False)
        except ValueError:
            raise DamagedResult(f"{path}: holds a figure that is not finite (NaN)") from None
        return RunResult(cell=Cell(**cell), **{**record, "curve": tuple(record["curve"])})
    except (NotAFile, UnicodeDecodeError, LookupError, TypeError, AttributeError) as error:
        raise DamagedResult(f"{path}: not the record of a run ({error})") from error
    except json.JSONDecodeError as error:
        raise DamagedResult(f"{path}: not readable as JSON ({error})") from error
