"""Exports say what the results say, in the forms that other programs read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.config.cell import Budget
from harness.errors import ConfigurationError
from harness.export.tables import (
    CURVE,
    curve_frame,
    marl_eval_tree,
    run_frame,
    write_marl_eval,
    write_tables,
)
from harness.results.index import Run, State
from support.recorded import EVALUATIONS, cell, result

METRICS = ("return", "steps", "collisions")
HERE = {"wall_s": 2.5, "resumed": 1, "commit": "abc", "dirty": False, "packages": {"torch": "2"}}


def done(of, final=0.97, n_episodes=3, **changes):
    """A result with the episodes of its last ten evaluations, as a real one has them."""
    made = result(of, final, provenance=HERE)
    means = {m: [row["metrics"][m] for row in made.curve[-10:]] for m in METRICS}
    spread = np.linspace(-0.01, 0.01, n_episodes)
    episodes = {m: [list(mean + spread) for mean in rows] for m, rows in means.items()}
    return replace(made, episodes=episodes, **changes)


def run(of, **changes):
    return Run(cell=of, state=State.DONE, stored=done(of, **changes))


RUNS = (
    run(cell("dqn")),
    Run(cell=cell("dqn", seed=1), state=State.FAILED, reason="error: it broke, alas"),
    run(cell("fixed_ltos", fields=(("selfishness", 0.3),), options=(("max_steps", 9),))),
    Run(cell=cell("dgn"), state=State.STALE),
)


def test_curves_have_a_row_per_evaluation_and_metric():
    frame = curve_frame(RUNS)

    first = frame[frame["method"] == "dqn"]
    assert [*frame] == CURVE
    assert len(frame) == 2 * EVALUATIONS * len(METRICS)
    assert set(frame["scenario"]) == {"prisoner"}
    assert set(frame["variant"]) == {"dqn", "fixed_ltos,selfishness=0.3"}
    assert set(frame["task"]) == {"prisoner", "prisoner,max_steps=9"}
    returns = first[first["metric"] == "return"]
    stored = RUNS[0].result.curve
    assert [*returns["value"]] == [row["metrics"]["return"] for row in stored]
    assert [*returns["step"]] == [row["step"] for row in stored]
    assert [*returns["evaluation"]] == [*range(1, EVALUATIONS + 1)]


def test_every_cell_has_a_row_and_only_what_is_done_has_figures():
    frame = run_frame(RUNS).set_index("id")

    broken, fine = frame.loc["prisoner/dqn/seed=1"], frame.loc["prisoner/dqn/seed=0"]
    assert [*frame["state"]] == ["done", "failed", "done", "stale"]
    assert broken["reason"] == "error: it broke, alas"
    assert frame["final_return"].isna().tolist() == [False, True, False, True]
    assert fine["final_return"] == RUNS[0].result.final("return")
    assert fine["version_torch"] == "2"
    assert json.loads(fine["config"])["learning_rate"] == 0.001
    assert frame["hops"].dtype == frame["resumed"].dtype == "Int64"
    assert frame["dirty"].dtype == "boolean"


def test_csv_and_parquet_say_the_same(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")

    csv = write_tables(RUNS, tmp_path, "csv")
    parquet = write_tables(RUNS, tmp_path, "parquet")

    assert [p.name for p in csv + parquet] == [
        "curves.csv", "runs.csv", "curves.parquet", "runs.parquet",
    ]  # fmt: skip
    for text, binary in zip(csv, parquet, strict=True):
        stored = pd.read_parquet(binary)
        read = pd.read_csv(text, dtype=stored.dtypes.to_dict())
        empty = stored.map(lambda value: value == "" if isinstance(value, str) else False)
        pd.testing.assert_frame_equal(read, stored.mask(empty))  # CSV knows no empty text


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_same_results_give_the_same_bytes(tmp_path, form):
    once = [path.read_bytes() for path in write_tables(RUNS, tmp_path / "once", form)]
    again = [path.read_bytes() for path in write_tables(RUNS, tmp_path / "again", form)]

    assert once == again
    assert b"\r" not in once[0] or form == "parquet"


def test_without_pyarrow_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.export.tables.find_spec", lambda name: None)

    with pytest.raises(ConfigurationError, match=r"pip install -e '\.\[parquet\]'"):
        write_tables(RUNS, tmp_path, "parquet")

    assert not [*tmp_path.iterdir()]


def read_as_marl_eval_does(tree):
    """Go through a tree as its reader does, by the first of each kind; yield the final values.

    The first task's algorithms, the first algorithm's seeds and the first seed's steps stand for
    all; the last step is the absolute metrics.
    """
    for environment, tasks in tree.items():
        algorithms = list(next(iter(tasks.values())))
        runs = list(next(iter(tasks.values()))[algorithms[0]])
        steps = list(next(iter(tasks.values()))[algorithms[0]][runs[0]])
        assert steps[-1] == "absolute_metrics"
        assert steps[:-1] == [f"step_{n + 1}" for n in range(len(steps) - 1)]
        for task, algorithm, seed in ((t, a, r) for t in tasks for a in algorithms for r in runs):
            assert len(tasks[task]) == len(algorithms)
            assert len(tasks[task][algorithm]) == len(runs)
            found = tasks[task][algorithm][seed]
            assert list(found) == steps
            metrics = found["absolute_metrics"].keys()
            counts = [found[step]["step_count"] for step in steps[:-1]]
            assert counts == sorted(counts)
            for step in steps:
                values = {k: v for k, v in found[step].items() if k != "step_count"}
                assert values.keys() == metrics
                assert all(np.isfinite(v).all() and len(v) >= 1 for v in values.values())
            assert "," not in algorithm
            assert (environment, task, algorithm) == tuple(
                map(str.lower, (environment, task, algorithm))
            )
            for metric, values in found["absolute_metrics"].items():
                yield (environment, task, algorithm, seed, metric), float(np.mean(values))


def test_marl_eval_finds_every_final_value_where_it_looks():
    both = [cell(method, seed=seed) for method in ("dqn", "ltos") for seed in (0, 1)]
    results = [done(of, final=0.5 + 0.1 * of.seed) for of in both]

    tree, notes = marl_eval_tree(results, allow_ragged=False)

    finals = dict(read_as_marl_eval_does(json.loads(json.dumps(tree))))
    assert not notes
    assert len(finals) == 4 * len(METRICS)
    for found in results:
        name = ("prisoner", "prisoner", found.cell.method, f"seed_{found.cell.seed}")
        assert finals[*name, "return"] == pytest.approx(found.final("return"), abs=1e-12)


def test_marl_eval_is_given_episodes_where_the_record_has_them_and_means_before():
    stored = done(cell("dqn"))

    tree, _ = marl_eval_tree([stored], allow_ragged=False)

    found = tree["prisoner"]["prisoner"]["dqn"]["seed_0"]
    lengths = [len(found[f"step_{n}"]["return"]) for n in range(1, EVALUATIONS + 1)]
    every = [value for evaluation in stored.episodes["return"] for value in evaluation]
    assert lengths == [1] * 10 + [3] * 10
    assert found["step_1"]["return"] == [stored.curve[0]["metrics"]["return"]]
    assert found["step_20"]["return"] == stored.episodes["return"][9]
    assert found["absolute_metrics"]["return"] == every


def test_marl_eval_gets_no_commas_no_capitals_and_no_policy_that_does_not_learn():
    odd = cell("fixed_ltos", fields=(("selfishness", 0.3),), options=(("max_steps", 9),))

    tree, notes = marl_eval_tree([done(odd), done(cell("random"))], allow_ragged=False)

    assert tree.keys() == {"prisoner"}
    assert tree["prisoner"].keys() == {"prisoner;max_steps=9"}
    assert tree["prisoner"]["prisoner;max_steps=9"].keys() == {"fixed_ltos;selfishness=0.3"}
    assert notes == ("left out: random does not learn and has no curve",)


@pytest.mark.parametrize(
    ("cells", "says", "keeps"),
    [
        ([cell("dqn"), cell("dqn", seed=1), cell("dgn")], "seed 1", ["dqn", "dgn"]),
        (
            [cell("dqn"), cell("dgn"), cell("dqn", options=(("max_steps", 9),))],
            "not every task has dgn",
            ["dqn"],
        ),
    ],
)
def test_uneven_results_are_refused_and_cut_only_on_request(cells, says, keeps):
    results = [done(of) for of in cells]

    with pytest.raises(ConfigurationError, match=f"prisoner: .*{says}.*--allow-ragged"):
        marl_eval_tree(results, allow_ragged=False)
    tree, notes = marl_eval_tree(results, allow_ragged=True)

    finals = dict(read_as_marl_eval_does(tree))
    assert says in notes[0]
    assert {name[2] for name in finals} == {*keeps}
    assert {name[3] for name in finals} == {"seed_0"}


def test_runs_of_different_lengths_are_cut_to_the_shortest_on_request():
    long = done(cell("dqn"))
    short = replace(done(cell("dgn")), curve=long.curve[:12])
    short = replace(short, episodes={m: rows[:10] for m, rows in short.episodes.items()})

    with pytest.raises(ConfigurationError, match="runs have 12 to 20 evaluations"):
        marl_eval_tree([long, short], allow_ragged=False)
    tree, _ = marl_eval_tree([long, short], allow_ragged=True)

    assert len(tree["prisoner"]["prisoner"]["dqn"]["seed_0"]) == 13
    assert dict(read_as_marl_eval_does(tree))


def test_results_with_nothing_in_common_are_refused_even_on_request():
    results = [done(cell("dqn")), done(cell("dgn", seed=1))]

    with pytest.raises(ConfigurationError, match="nothing is left that all have"):
        marl_eval_tree(results, allow_ragged=True)


def test_names_that_become_one_are_refused(monkeypatch):
    upper = replace(cell("dqn"), budget=Budget(**budget_of(cell("dqn")) | {"steps": 7}))
    monkeypatch.setattr("harness.export.tables._name", lambda name: name.split(",")[0])

    with pytest.raises(ConfigurationError, match="prisoner,steps=7/dqn/seed=0 and prisoner/dqn"):
        marl_eval_tree([done(cell("dqn")), done(upper)], allow_ragged=False)


def budget_of(of):
    return {name: getattr(of.budget, name) for name in of.budget.__dataclass_fields__}


def test_the_same_results_give_the_same_marl_eval_file(tmp_path):
    once, _ = write_marl_eval(RUNS[:1], tmp_path / "once", allow_ragged=False)
    again, _ = write_marl_eval(RUNS[:1], tmp_path / "again", allow_ragged=False)

    assert once.name == "marl_eval.json"
    assert once.read_bytes() == again.read_bytes()
    assert dict(read_as_marl_eval_does(json.loads(once.read_text())))
