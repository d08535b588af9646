"""Feeds the readers of other people's files what they should refuse.

``python tests/fuzz.py [N] [SEED]`` makes N inputs: valid files of every kind in which a value, a
key or some bytes were changed, their checksums renewed. Each is read, and used, in a process of a
pool. It may be taken or refused in a sentence; anything else is a traceback, 20 s are a hang, and
a value just outside a declared range that is taken is silent. Exits with 0 if there is none.
"""

import contextlib
import io
import json
import random
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pebble import ProcessExpired, ProcessPool

from harness.config import hparams
from harness.config.grid import load_grid, shipped_grids
from harness.config.scenario import build_task
from harness.config.toml import read_toml
from harness.errors import ConfigurationError, StorageError
from harness.export.tables import curve_frame, marl_eval_tree, run_frame
from harness.report.build import build_report
from harness.results.checkpoint import (
    DamagedCheckpoint,
    load_checkpoint,
    save_checkpoint,
)
from harness.results.failure import Failure, load_failure
from harness.results.files import CellFiles
from harness.results.index import find, load_results, load_runs, look
from harness.training.replay import recall_policy
from harness.training.worker import _restore, work
from methods import METHODS
from scenarios.traffic.engine import Engine
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.grid_generator import generate_roadnet
from support import ranges, recorded

SECONDS, MEMORY = 20, 12 << 30  # of one input
HURT = 0.1  # share of files that are also hurt as bytes


class Refused(Exception):  # noqa: N818  # a verdict
    """A file was put aside, with a reason."""


# A figure that is not finite ends a cell with a sentence, too.
REFUSALS = (
    Refused,
    FloatingPointError,
    ConfigurationError,
    StorageError,
    NetworkError,
    DamagedCheckpoint,
)
# What JSON and TOML can say and json.dumps cannot; written as text, then replaced.
RAW = {
    "@deep@": "[" * 5000 + "]" * 5000,
    "@nested@": "[" * 150 + "]" * 150,
    "@digits@": "9" * 5000,
    "@long@": "9" * 4000,
    "@hex@": "0x" + "f" * 5000,
    "@nan@": "NaN",
    "@toml nan@": "nan",
    "@inf@": "-Infinity",
    "@huge@": "1e999",
}
EXTREMES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 7, 1000, 2**31, 2**53 + 1, 2**63, -(2**63), 10**30),
    *(0.0, -0.0, 0.5, -1.5, 1.0, 1e-300, 1e9, 1e300, -1e308),
    *("", "x", "=1+1", "\x00", "a\nb", "../../..", "é💥", "\ud800", "a" * 10_000, "*", "0"),
    *([], {}, [[]], [1, 2], [None], ["x", 1], {"": 0}, {"a": {"b": [1]}}, *RAW),
]


# -------- how inputs are changed


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a tree of dictionaries, lists and tuples."""
    yield at
    sequence = value if isinstance(value, list | tuple) else ()
    for key, part in value.items() if isinstance(value, dict) else enumerate(sequence):
        yield from places(part, (*at, key))


def changed(value: Any, at: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Return a copy of a tree with one value replaced."""
    if not at:
        return change(value)
    if isinstance(value, dict):
        return type(value)(
            {k: changed(v, at[1:], change) if k == at[0] else v for k, v in value.items()}
        )
    return type(value)(changed(v, at[1:], change) if k == at[0] else v for k, v in enumerate(value))


def mutated(value: Any, rng: random.Random, *, most: int = 2) -> Any:
    """Change one or two values of a tree."""
    for _ in range(rng.randint(1, most)):
        at = rng.choice([*places(value)])
        value = changed(value, at, lambda old: _other(old, rng))
    return value


def _other(old: Any, rng: random.Random) -> Any:
    ways: list[Callable[[], Any]] = [lambda: rng.choice(EXTREMES)] * 3
    if isinstance(old, dict) and old:
        key = rng.choice([*old])
        ways += [
            lambda: {k: v for k, v in old.items() if k != key},
            lambda: old | {rng.choice(["new", "", "é", 7, "__class__"]): old[key]},
            lambda: old | {key: rng.choice(EXTREMES)},
        ]
    if isinstance(old, list) and old:
        ways += [lambda: old[1:], lambda: old * 2, lambda: old[::-1], lambda: [*old, old]]
    if isinstance(old, int | float) and not isinstance(old, bool):
        ways += [lambda: -old, lambda: old * 10**6, lambda: str(old), lambda: [old]]
    if isinstance(old, torch.Tensor):
        ways += [
            lambda: old[:1] if old.ndim else old.reshape(1),
            lambda: old.double() if old.dtype != torch.float64 else old.int(),
            lambda: torch.full_like(old, torch.nan) if old.is_floating_point() else old ^ 1,
            lambda: old.unsqueeze(0),
        ]
    return rng.choice(ways)()


def as_json(value: Any) -> str:
    return _raw(json.dumps(value, default=str))


def as_toml(value: Any) -> str:
    value = value if isinstance(value, dict) else {"value": value}
    return "".join(f"{json.dumps(str(k))} = {_inline(v)}\n" for k, v in value.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(as_toml({k: v}).strip() for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _raw(json.dumps(value))


def _raw(text: str) -> str:
    for token, meant in RAW.items():
        text = text.replace(json.dumps(token), meant)
    return text


def write(path: Path, text: str, rng: random.Random) -> Path:
    """Write a file; one in ten is hurt as bytes, too."""
    content = text.encode(errors="surrogatepass")
    if rng.random() < HURT and content:
        at = rng.randrange(len(content))
        content = rng.choice(
            [content[:at], content[:at] + b"\xff\xfe" + content[at:], content[at:], b""]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# -------- the kinds: how a file is changed, and read, and used


def grid(rng: random.Random, here: Path) -> None:
    names = [name for name in shipped_grids() if name != "full"]
    seed = read_toml(shipped_grids()[rng.choice(names)], "seed")
    seed["sweep"] = rng.sample(seed["sweep"], 1)
    path = write(here / "mine.toml", as_toml(mutated(seed, rng)), rng)
    loaded = load_grid(path)
    for run in look(loaded.cells[:3], here / "results" / loaded.name):
        assert run.cell.id
        assert run.cell.unavailable or run.cell.fingerprint


def fields(rng: random.Random, here: Path) -> None:
    method = rng.choice([name for name, of in METHODS.items() if of.learns])
    scenario = rng.choice(["prisoner", "jungle", "routing"])
    values = hparams.preset_values(method, scenario, "default")
    name = rng.choice([*values])
    sweep = {"scenario": scenario, "methods": [method], "seeds": [0]}
    sweep["fields"] = {name: mutated(values[name], rng, most=1)}
    path = write(here / "mine.toml", as_toml({"description": "", "sweep": [sweep]}), rng)
    for run in look(load_grid(path).cells[:3], here / "results"):
        assert run.cell.unavailable or run.cell.fingerprint


def presets(rng: random.Random, here: Path) -> None:
    """A method's file of hyperparameters."""
    method = rng.choice([name for name, of in METHODS.items() if of.learns])
    tables = mutated(dict(hparams.read_tables(method)), rng)
    folder = here / "hparams"
    write(folder / f"{method}.toml", as_toml(tables), rng)
    files = hparams.resources.files
    try:
        hparams.resources.files = lambda _: here  # type: ignore[assignment]
        hparams.read_tables.cache_clear()
        hparams.build_config(method, "jungle", rng.choice(["paper", "default"]))
    finally:
        hparams.resources.files = files
        hparams.read_tables.cache_clear()


def tuned(rng: random.Random, here: Path) -> None:
    seed = read_toml(Path(hparams.__file__).parents[2] / hparams.TUNED_FILE, "seed")
    hparams.read_tuned(write(here / "tuned.toml", as_toml(mutated(seed, rng)), rng))


def result(rng: random.Random, here: Path) -> None:
    method = rng.choice(["dqn", "ltos", "random"])
    cells = [recorded.cell(method, seed=n) for n in (0, 1)]
    share = 0.5 if method == "ltos" else None
    for n, of in enumerate(cells):
        curve = recorded.result(of, share=share).curve
        rows = tuple(curve if METHODS[method].learns else [curve[-1] | {"evaluation": 1}])
        path = recorded.result(of, 0.5 + n / 10, share=share, curve=rows).save(here / "mine")

    recorded.seal(path, as_json(mutated(recorded.unsealed(path), rng)))
    run = find(cells[1], here / "mine")
    loaded = load_grid(
        write(
            here / "mine.toml",
            as_toml(
                {
                    "description": "",
                    "sweep": [{"scenario": "prisoner", "methods": [method], "seeds": [0, 1]}],
                }
            ),
            random.Random(0),
        )
    )
    runs = load_runs(loaded, here)
    assert build_report(loaded, here).text
    assert len(run_frame(runs)) == 2
    curve_frame(runs)
    marl_eval_tree([run.result for run in runs if run.result], allow_ragged=True)
    if run.result is None:
        raise Refused(run.reason)
    load_results(here / "mine")


@cache
def _stopped(method: str) -> Mapping[str, Any]:
    """Content of the files of a cell that was stopped half way, and of its policy."""
    with tempfile.TemporaryDirectory() as folder:
        of, asked = _short(method), iter([False, False, False, True, True])
        files = CellFiles.of(Path(folder), of)
        work(of, Path(folder), 0.0, lambda: next(asked))
        content = {"stream": files.stream.read_text(), "kept": load_checkpoint(files.checkpoint)}
        work(of, Path(folder), 1e9, lambda: False)
        return content | {"policy": load_checkpoint(files.policy)}


def _short(method: str) -> Any:
    budget = recorded.Budget(episodes=12, steps=24, evaluations=6, evaluation_episodes=2)
    changes = {"warm_up": 4, "sample_size": 4, "batch_size": 2} if method != "lio" else {}
    return recorded.cell(method, budget=budget, fields=tuple(sorted(changes.items())))


def checkpoint(rng: random.Random, here: Path) -> None:
    method = rng.choice(["dqn", "ltos", "lio"])
    of = _short(method)
    files, kept = CellFiles.of(here, of), dict(_stopped(method)["kept"])
    write(files.stream, _stopped(method)["stream"], rng)
    save_checkpoint(files.checkpoint, _as_state(mutated(kept, rng, most=1)))
    training, stream, _, notes = _restore(of, files)
    assert len(stream.rows) == training.evaluation
    training.advance()
    if notes:
        raise Refused(notes[0])


def stream(rng: random.Random, here: Path) -> None:
    """A stream whose mark in the checkpoint was made anew."""
    of = _short("dqn")
    files, kept = CellFiles.of(here, of), dict(_stopped("dqn")["kept"])
    rows = [json.loads(line) for line in _stopped("dqn")["stream"].splitlines()]
    other = mutated(rows, rng)
    lines = other if isinstance(other, list) else [other]
    write(files.stream, "".join(as_json(row) + "\n" for row in lines), rng)
    content = files.stream.read_bytes()
    mark = len(content), recorded.hashlib.sha256(content).hexdigest()
    save_checkpoint(files.checkpoint, kept | {"stream": mark})
    training, written, _, notes = _restore(of, files)
    assert len(written.rows) == training.evaluation
    written.append(training.advance())
    if notes:
        raise Refused(notes[0])


def policy(rng: random.Random, here: Path) -> None:
    method = rng.choice(["dqn", "ltos", "lio"])
    of = _short(method)
    save_checkpoint(
        CellFiles.of(here, of).policy, _as_state(mutated(dict(_stopped(method)["policy"]), rng))
    )
    training = recall_policy(here, of)
    if training is not None:
        assert [ts for ts, _ in training.evaluation_episode(0)]


def _as_state(value: Any) -> Any:
    return value if isinstance(value, dict) else {"state": value}


def failure(rng: random.Random, here: Path) -> None:
    seed = Failure(id="a", fingerprint="b", kind="error", message="c", traceback="d", time="e")
    seed.save(here / "x")
    content = mutated(json.loads((here / "x").read_text()), rng)
    of = recorded.cell()
    path = write(CellFiles.of(here, of).failure, as_json(content), rng)
    look([of], here)
    if load_failure(path) is None:
        raise Refused("no failure")


VEHICLE = {
    "length": 5.0, "width": 2.0, "maxPosAcc": 2.0, "maxNegAcc": 4.5, "usualPosAcc": 2.0,
    "usualNegAcc": 4.5, "minGap": 2.5, "maxSpeed": 11.1, "headwayTime": 2,
}  # fmt: skip
FLOW = [
    {"vehicle": VEHICLE, "route": ["road_0_1_0", "road_1_1_0"], "interval": 2.0, "startTime": 0,
     "endTime": -1},
]  # fmt: skip


def roadnet(rng: random.Random, here: Path) -> None:
    _drive(mutated(generate_roadnet(1, 2, points=rng.random() < 0.5), rng), FLOW, rng, here)


def flow(rng: random.Random, here: Path) -> None:
    _drive(generate_roadnet(1, 2, points=False), mutated(FLOW, rng), rng, here)


def _drive(roads: Any, flows: Any, rng: random.Random, here: Path) -> None:
    paths = {"roadnet": roads, "flow": flows}
    options: dict[str, Any] = {
        name: str(write(here / f"{name}.json", as_json(content), rng))
        for name, content in paths.items()
    }
    _play("traffic", options | {"max_steps": 4})


def engine(rng: random.Random, here: Path) -> None:
    config = {
        "interval": 1.0, "seed": 0, "dir": f"{here}/", "roadnetFile": "roadnet.json",
        "flowFile": "flow.json", "rlTrafficLight": True, "saveReplay": False,
    }  # fmt: skip
    (here / "roadnet.json").write_text(json.dumps(generate_roadnet(1, 2, points=False)))
    (here / "flow.json").write_text(json.dumps(FLOW))
    made = Engine(str(write(here / "config.json", as_json(mutated(config, rng)), rng)))
    for _ in range(20):
        made.next_step()


def topology(rng: random.Random, here: Path) -> None:
    names = "ABCD"
    seed = {
        "nodes": [{"name": name, "zoo": [0.1 * i, 0.2 * i]} for i, name in enumerate(names)],
        "edges": [[0, 1], [1, 2], [2, 3], [0, 3]],
    }
    path = write(here / "net.json", as_json(mutated(seed, rng)), rng)
    _play(
        "routing", {"topology": str(path), "coordinates": "zoo", "max_steps": 50, "rates": (1.0,)}
    )


def _play(scenario: str, options: Mapping[str, Any]) -> None:
    built = build_task("fuzz", scenario, options).built
    assert built is not None
    draw = np.random.default_rng(0)
    ts = built.reset(np.random.default_rng(0))
    while not ts.last:
        ts = built.step(np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1).argmax(1))
    assert all(map(np.isfinite, built.metrics().values()))


KINDS: dict[str, Callable[[random.Random, Path], None]] = {
    of.__name__: of
    for of in (
        *(grid, fields, presets, tuned, result, checkpoint, stream, policy, failure),
        *(roadnet, flow, engine, topology),
    )
}


# -------- the run


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an input: ``taken``, ``refused``, ``traceback`` or ``hang``, and the end."""

    kind: str
    seed: int
    what: str
    said: str = ""


def judge(kind: str, seed: int) -> Verdict:
    """Make the input of a seed, and read it."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy: figures were huge, which is no fault
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                KINDS[kind](random.Random(f"{kind} {seed}"), Path(folder))
            except REFUSALS as error:
                return Verdict(kind, seed, "refused", str(error))
            except Exception:
                return Verdict(kind, seed, "traceback", traceback.format_exc())
    return Verdict(kind, seed, "taken")


def _alone() -> None:
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for method in ("dqn", "ltos", "lio"):
        _stopped(method)  # trained once, and outside of an input's time


def fuzz(n: int, seed: int, *, workers: int = 2) -> list[Verdict]:
    """Judge n inputs, the kinds in turn, in processes that are killed when they hang."""
    names, found = [*KINDS], list[Verdict]()
    with ProcessPool(max_workers=workers, initializer=_alone) as pool:
        asked = [(names[k % len(names)], seed * 10**6 + k) for k in range(n)]
        waiting = [pool.schedule(judge, args=[*one], timeout=SECONDS) for one in asked]
        for (kind, of), future in zip(asked, waiting, strict=True):
            try:
                found.append(future.result())
            except Late:
                found.append(Verdict(kind, of, "hang"))
            except ProcessExpired as error:
                found.append(Verdict(kind, of, "traceback", f"the process ended: {error}"))
    return found


def main() -> int:
    given = [int(text) for text in sys.argv[1:]]
    n, seed = [*given, *(2000, 0)[len(given) :]]
    found = fuzz(n, seed)
    counts = Counter((verdict.kind, verdict.what) for verdict in found)
    whats = ("taken", "refused", "traceback", "hang")
    print(f"{'kind':12}{'inputs':>8}" + "".join(f"{what:>11}" for what in whats))
    for kind in KINDS:
        row = [counts[kind, what] for what in whats]
        print(f"{kind:12}{sum(row):8}" + "".join(f"{k:11}" for k in row))
    bad = [verdict for verdict in found if verdict.what in ("traceback", "hang")]
    for verdict in bad:
        print(f"\n{verdict.kind} {verdict.seed}: {verdict.what}\n{verdict.said}")
    asked, silent, open_ended = ranges.outside()
    print(f"\njust outside a declared range: {asked} values, taken: {silent or 'none'}")
    print(f"settings without a range: {', '.join(open_ended) or 'none'}")
    total = Counter(verdict.what for verdict in found)
    kinds = f"{total['traceback']} tracebacks, {total['hang']} hangs, {len(silent)} silent"
    print(f"{n} inputs: {kinds}")
    return 1 if bad or silent else 0


if __name__ == "__main__":
    sys.exit(main())
