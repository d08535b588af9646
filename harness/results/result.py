"""What one run leaves behind, and whether it still answers its cell."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypeAlias

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType, TypedDict

from harness.config.cell import SCHEMA, Budget, Cell
from harness.config.toml import key_text
from harness.results.files import CellFiles, NotAFile, read_file, write_text
from scenarios import SCENARIOS

MOST_STEPS, MOST_FIGURES = 200, 2500  # of traces: a record stays at some 60 KB
MOST_BYTES = 1 << 26  # of a record; a thousand times what they have
WINDOW = 10  # the final value of a run is the mean of its last ten evaluations

_SEAL = re.compile(r'\{"sha256": "([0-9a-f]{64})",\n')


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
        _read(text)  # else a run whose record nobody can read would be made again for ever
        sealed = f'{{"sha256": "{_hash(text)}",\n{text[1:]}\n'
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
        DamagedResult: The file cannot be read as a result, was changed since it was written, or
            holds what no run leaves behind.
        StorageError: It cannot be read.
    """
    try:
        text = read_file(path, MOST_BYTES).decode()
        seal = _SEAL.match(text)
        body = "{" + text[seal.end() if seal else 1 :].rstrip("\n")
        if seal is None or _hash(body) != seal[1]:
            raise DamagedResult(_broken_seal(text))
        record = _read(body)
    except (NotAFile, UnicodeDecodeError) as error:
        raise DamagedResult(f"{path}: not the record of a run ({error})") from error
    except DamagedResult as error:
        raise DamagedResult(f"{path}: {error}") from None
    cell = record.pop("cell")
    cell["budget"] = Budget(**cell["budget"])
    return RunResult(cell=Cell(**cell), **record | {"curve": tuple(record["curve"])})


def check_rows(rows: Sequence[Any], cell: Cell) -> None:
    """Check all evaluations so far as a running cell has written them to its stream.

    Raises:
        DamagedResult: They could be part of no record.
    """
    with _told_by_key():
        _ROWS.validate_python(rows)
    _check_curve(rows, cell.scenario)


# -------- the shape of a record


def _rectangle(rows: list[list[float]]) -> list[list[float]]:
    if len({len(row) for row in rows}) > 1 or not all(rows):
        raise ValueError("should have rows of one length")
    return rows


def _time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


_Count: TypeAlias = Annotated[int, Field(ge=0, le=2**53)]  # exact as a float, too
# Sums and squares of any number of them are finite.
_Figure: TypeAlias = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
_Every: TypeAlias = Annotated[int, Field(ge=1, le=2**53)]
_Cost: TypeAlias = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
_Figures: TypeAlias = dict[str, _Figure]
_Table: TypeAlias = Annotated[list[list[_Figure]], AfterValidator(_rectangle)]
_Value = TypeAliasType("_Value", "bool | int | _Figure | str | tuple[_Value, ...]")
_Json = TypeAliasType("_Json", "bool | int | _Figure | str | list[_Json] | None")


class _Shape(TypedDict):
    """A table of a record: values of another type, and keys that are not its, are refused."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]


class _Budget(_Shape):
    episodes: _Count
    steps: _Count
    evaluations: _Count
    evaluation_episodes: _Count


class _Cell(_Shape):
    scenario: str
    options: tuple[tuple[str, _Value], ...]
    method: str
    fields: tuple[tuple[str, _Value], ...]
    preset: str
    seed: _Count
    budget: _Budget
    label: str


class _Row(_Shape):
    evaluation: _Count
    episode: _Count
    step: _Count
    metrics: Annotated[_Figures, Field(min_length=1)]
    train: _Figures


class _StreamRow(_Row):
    episodes: dict[str, list[_Figure]]
    traces: NotRequired[dict[str, _Table]]
    trace_every: NotRequired[_Every]


class _Method(_Shape):
    hops: _Count
    centralized: bool
    parameters: _Count
    floats_execution: _Figure
    floats_training: _Figure


class _Provenance(TypedDict):
    """What reports, exports and replays ask for; more may be there."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]

    commit: str | None
    dirty: bool | None
    packages: dict[str, str | None]
    cpu: str
    platform: str
    threads: _Count
    wall_s: _Cost
    cpu_s: _Cost
    train_s: _Cost
    act_s: NotRequired[_Cost]
    simulate_s: NotRequired[_Cost]
    learn_s: NotRequired[_Cost]
    evaluate_s: _Cost
    steps_per_s: _Cost | None
    peak_memory_mb: _Cost
    resumed: _Count
    finished: Annotated[str, AfterValidator(_time)]


class _Record(_Shape):
    schema: int
    id: str
    cell: _Cell
    fingerprint: str
    config: dict[str, _Json]
    curve: Annotated[list[_Row], Field(min_length=1)]
    episodes: Annotated[dict[str, _Table], Field(min_length=1)]
    traces: dict[str, _Table]
    trace_every: NotRequired[_Every]
    method: _Method
    provenance: _Provenance


_RECORD, _ROWS = TypeAdapter(_Record), TypeAdapter(Annotated[list[_StreamRow], Field(min_length=1)])


def _broken_seal(text: str) -> str:
    """Tell a file that was cut or is something else from one that somebody edited."""
    try:
        is_record = isinstance(json.loads(text), dict) and '"sha256"' in text
    except (ValueError, RecursionError) as error:
        return f"not readable as JSON ({error})"
    if not is_record:
        return "not the record of a run"
    return "its checksum does not match: it was changed by hand"


def _read(text: str) -> dict[str, Any]:
    """Return the record that a JSON text holds, without its schema and id.

    Raises:
        DamagedResult: It is not JSON, has another shape, or its parts do not fit each other.
    """
    with _told_by_key():
        record: dict[str, Any] = dict(_RECORD.validate_json(text))
    if record.pop("schema") != SCHEMA:
        raise DamagedResult("written in another format")
    del record["id"]
    _check_curve(record["curve"], record["cell"]["scenario"])
    n_kept, metrics = min(len(record["curve"]), WINDOW), record["curve"][0]["metrics"]
    for name, evaluations in record["episodes"].items():
        if name not in metrics or len(evaluations) != n_kept:
            raise DamagedResult(f"episodes.{name}: not those of the last {n_kept} evaluations")
    return record


@contextmanager
def _told_by_key() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = first["msg"]
        if first["type"] == "finite_number":
            said = f"a figure that is not finite ({json.dumps(first['input'])})"
        key = key_text(*first["loc"]) or "not readable as JSON"
        raise DamagedResult(f"{key}: {said}") from None


def _check_curve(curve: Sequence[Mapping[str, Any]], scenario: str) -> None:
    first = curve[0]["metrics"]
    known = SCENARIOS[scenario].metric_info if scenario in SCENARIOS else {}
    for name in (name for name, metric in known.items() if metric.headline):
        if name not in first:
            raise DamagedResult(f"curve[0].metrics.{name}: missing, and {scenario} is judged by it")
    before: Mapping[str, Any] = {"evaluation": 0, "episode": 0, "step": 0}
    for k, row in enumerate(curve):
        if row["evaluation"] != k + 1:
            raise DamagedResult(f"curve[{k}].evaluation: {row['evaluation']}, not {k + 1}")
        if row["metrics"].keys() != first.keys():
            raise DamagedResult(f"curve[{k}].metrics: not the names of the first evaluation")
        if row["episode"] < before["episode"] or row["step"] < before["step"]:
            raise DamagedResult(f"curve[{k}]: episodes and steps run backwards")
        before = row


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
