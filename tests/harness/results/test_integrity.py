"""Each fault is planted in a copy of sound results: it must be found, named and fail the report."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.config.grid import load_grid
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.results.index import load_runs
from harness.results.integrity import find_faults
from harness.results.result import load_result
from support import recorded

GRID = """
description = "sound results"
[[sweep]]
scenario = "prisoner"
methods = ["dqn", "ltos", "random"]
seeds = [0, 1, 2]
[[sweep]]
scenario = "prisoner"
methods = ["reference"]
fields.policy = ["cooperate", "defect"]
seeds = [0, 1, 2]
[[sweep]]
scenario = "prisoner"
options.max_steps = 20
methods = ["dqn"]
seeds = [0, 1, 2]
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    (folder / "mine.toml").write_text(GRID)
    for cell in load_grid(folder / "mine.toml").cells:
        if not cell.options:  # the second place has not been begun
            recorded.whole(cell, **{"return": 0.5 + cell.seed / 100}).save(folder / "results/mine")
    return folder


@pytest.fixture
def here(sound, tmp_path, monkeypatch):
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.report.files.draw", lambda plot: b"")  # figures take their time
    return tmp_path


def cell(method="dqn", seed=1, **fields):
    return recorded.cell(method, seed=seed, fields=tuple(fields.items()))


def path_of(here, method="dqn", seed=1, **fields):
    return CellFiles.of(here / "results/mine", cell(method, seed, **fields)).result


def edit(here, change, method="dqn", seed=1, **fields):
    """Change a record as somebody would who also renews its checksum."""
    result = load_result(path_of(here, method, seed, **fields))
    saved = replace(result, **change(result)).save(here / "results/mine")
    assert saved == path_of(here, method, seed, **fields)


def faults(here):
    grid = load_grid("mine.toml")
    results = Path("results")
    return [
        (str(fault.kind), fault.where, fault.detail)
        for fault in find_faults(grid, load_runs(grid, results), results)
    ]


def copy_as_another_seed(here):
    """Nobody changed the seed: the file of seed 1 was copied."""
    shutil.copy(path_of(here, seed=0), path_of(here, seed=1))


def pretend_another_seed(here):
    result = load_result(path_of(here, seed=0))
    other = replace(result, cell=cell(), fingerprint=cell().fingerprint)
    other.save(here / "results/mine")


def cut_evaluations(here):
    edit(here, lambda result: {"curve": result.curve[:-3]})


def cut_training(here):
    def change(result):
        last = {**result.curve[-1], "step": result.cell.budget.steps - 1}
        return {"curve": (*result.curve[:-1], last)}

    edit(here, change)


def cut_evaluation_episodes(here):
    def change(result):
        return {"episodes": {name: [x[:-1] for x in of] for name, of in result.episodes.items()}}

    edit(here, change)


def plant_nan(here):
    rewrite(here, "metrics", "return", float("nan"))


def rewrite(here, part, name, value):
    """Change a figure as no run could, with the checksum it should have."""
    recorded.reseal(path_of(here), lambda of: of["curve"][-1][part].update({name: value}))


def plant_infinity(here):
    rewrite(here, "train", "td_loss", float("inf"))


def cut_the_file(here):
    path_of(here).write_text(path_of(here).read_text()[:500])


def make_stale(here):
    edit(here, lambda result: {"fingerprint": "0" * 64})


def train_longer(here):
    result = load_result(path_of(here, "ltos"))
    budget = replace(result.cell.budget, steps=result.cell.budget.steps * 2)
    longer = replace(result, cell=replace(result.cell, budget=budget))
    longer.save(here / "elsewhere").replace(path_of(here, "ltos"))


def leave_a_tuning_seed(here):
    of = cell(seed=1003)
    recorded.whole(of).save(here / "results/mine")


def lose_a_seed(here):
    path_of(here, "ltos", seed=2).unlink()


def lose_a_seed_to_a_failure(here):
    path_of(here, "ltos", seed=2).unlink()
    Failure(
        id="",
        fingerprint=cell("ltos", 2).fingerprint,
        kind="error",
        message="td_loss is nan",
        traceback="",
        time="",
    ).save(CellFiles.of(here / "results/mine", cell("ltos", 2)).failure)


def lose_a_reference(here):
    path_of(here, "reference", seed=2, policy="defect").unlink()


FAULTS = [
    (copy_as_another_seed, "duplicate seed", "dqn/seed=1", "record of seed 0"),
    (pretend_another_seed, "identical trajectories", "prisoner/dqn", "seeds 0, 1 agree"),
    (cut_evaluations, "short run", "dqn/seed=1", "97 evaluations of 100"),
    (cut_training, "short run", "dqn/seed=1", "9999 training steps of 10000"),
    (cut_evaluation_episodes, "short run", "dqn/seed=1", "19 episodes of"),
    (plant_nan, "damaged record", "dqn/seed=1", "not finite (NaN)"),
    (plant_infinity, "damaged record", "dqn/seed=1", "not finite"),
    (cut_the_file, "damaged record", "dqn/seed=1", "not readable"),
    (make_stale, "stale record", "dqn/seed=1", "other settings"),
    (train_longer, "unequal budgets", "prisoner, default", "ltos: episodes=2000, steps=20000"),
    (leave_a_tuning_seed, "tuning seed", "prisoner/dqn/seed=1003", "from 1000 on"),
    (lose_a_seed, "missing seeds", "prisoner/ltos", "no result for seed 2"),
    (lose_a_seed_to_a_failure, "missing seeds", "prisoner/ltos", "no result for seed 2"),
    (lose_a_reference, "missing seeds", "policy=defect", "no result for seed 2"),
]


def strict(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", "--grid", "mine.toml", "--strict"])
    return ended.value.code, capsys.readouterr().err, Path("reports/mine.md").read_text()


def test_sound_results_have_no_fault(here, capsys):
    code, log, text = strict(capsys)

    assert code == 3  # the second task has not been begun
    assert re.fullmatch(r"\d+ of \d+ cells have no result\n", log)
    assert "Integrity: no fault in 15 records." in text
    assert "Found: nothing." in text


@pytest.mark.parametrize(
    ("plant", "kind", "where", "detail"), FAULTS, ids=[plant.__name__ for plant, *_ in FAULTS]
)
def test_a_planted_fault_is_named_and_fails_a_strict_report(
    here, capsys, plant, kind, where, detail
):
    plant(here)

    code, log, text = strict(capsys)

    assert code == 3
    assert f"{kind}: " in log
    (line,) = [line for line in text.split("## Integrity")[1].splitlines() if f"| {kind} |" in line]
    assert where in line
    assert detail in line.replace("\\", "")


def test_without_strict_a_faulty_report_is_written_and_the_fault_named(here, capsys):
    make_stale(here)

    with pytest.raises(SystemExit) as ended:
        main(["report", "--grid", "mine.toml", "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert {fault["kind"] for fault in answer["faults"]} == {"stale record", "missing seeds"}


def test_fixed_policies_that_meet_no_chance_agree_rightly(here):
    same = {"return": 0.97}
    for seed in range(3):
        recorded.whole(cell("reference", seed, policy="cooperate"), **same).save(
            here / "results/mine"
        )

    assert faults(here) == []


def test_fixed_policies_whose_episodes_differ_may_not_agree(here):
    played = {"return": [[0.97, 0.49] * 10]}
    for seed in range(3):
        result = recorded.whole(cell("random", seed), **{"return": 0.73})
        replace(result, episodes=played).save(here / "results/mine")

    ((kind, where, detail),) = faults(here)

    assert (kind, where) == ("identical trajectories", "prisoner/random")
    assert "seeds 0, 1, 2 agree" in detail


def test_learners_that_are_evaluated_alike_but_trained_apart_are_sound(here):
    for seed in range(3):
        recorded.whole(cell(seed=seed), **{"return": 0.49}).save(here / "results/mine")

    assert faults(here) == []


def test_a_place_that_has_not_been_begun_is_no_fault(here):
    assert not any("max_steps=20" in where for _, where, _ in faults(here))

    recorded.whole(recorded.cell(options=(("max_steps", 20),))).save(here / "results/mine")

    assert faults(here) == [
        ("missing seeds", "prisoner,max_steps=20/dqn", "no result for seeds 1-2")
    ]
