"""A stored cell, run again, says where it parts from its record and what has changed."""

import copy
import json
from dataclasses import replace

import pytest

from harness.__main__ import main
from harness.config.grid import load_grid
from harness.results.files import CellFiles
from harness.results.result import load_result
from harness.training import ONE_THREAD
from harness.training.worker import work
from methods import METHODS

GRID = """
description = "cells that end at once"
[[sweep]]
scenario = "prisoner"
methods = ["random", "ltos"]
seeds = [0]
budget = { episodes = 24, steps = 40, evaluations = 12, evaluation_episodes = 2 }
"""
PLACE = "prisoner,episodes=24,steps=40,evaluations=12,evaluation_episodes=2"


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Results of the grid, and of each cell."""
    folder = tmp_path_factory.mktemp("computed")
    (folder / "mine.toml").write_text(GRID)
    for of in load_grid(folder / "mine.toml").cells:
        work(of, folder, 1000.0, lambda: False)
    return {
        of.method: load_result(CellFiles.of(folder, of).result)
        for of in load_grid(folder / "mine.toml").cells
    }


@pytest.fixture
def replay(tmp_path, monkeypatch, capsys, computed):
    """Store a result, replay its cell; returns exit code, answer and log."""
    monkeypatch.chdir(tmp_path)
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")  # else the command leaves it set
    (tmp_path / "mine.toml").write_text(GRID)

    def replay(*arguments, result=computed["ltos"], cell=f"{PLACE}/ltos/seed=0"):
        if result is not None:
            result.save(tmp_path / "results" / "mine")
        with pytest.raises(SystemExit) as ended:
            main(["replay", cell, "--grid", "mine.toml", *arguments])
        return ended.value.code, *capsys.readouterr()

    return replay


def with_curve(result, change):
    curve = copy.deepcopy(result.curve)
    change(curve)
    return replace(result, curve=curve)


@pytest.mark.parametrize("method", ["ltos", "random"])
def test_the_same_code_gives_the_same_figures_and_leaves_the_result_alone(
    replay, computed, tmp_path, method
):
    path = computed[method].save(tmp_path / "results" / "mine")
    before, written = path.read_bytes(), path.stat().st_mtime_ns

    code, out, log = replay(result=None, cell=f"{PLACE}/{method}/seed=0")

    n = len(computed[method].curve)
    assert code == 0, log
    assert out.startswith(f"equal bit for bit: {n} of {n} evaluations\n")
    assert "settings, versions and machine are those of the record" in out
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, written)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_first_evaluation_that_differs_is_named_with_both_values(replay, computed):
    def bend(curve):
        for n in (4, 7):
            curve[n]["metrics"]["return"] += 1e-15

    bent = with_curve(computed["ltos"], bend)
    at = bent.curve[4]

    code, out, _ = replay(result=bent)

    was, now = at["metrics"]["return"], computed["ltos"].curve[4]["metrics"]["return"]
    assert was != now
    assert code == 3
    assert out.startswith(
        f"differs at evaluation 5 (training episode {at['episode']}, step {at['step']}): "
        f"return was {was!r}, now is {now!r}\n"
    )


@pytest.mark.parametrize(
    ("figure", "rows", "change"),
    [
        ("train/td_loss", slice(2, 3), lambda row: row["train"].update(td_loss=7.0)),
        ("step", slice(2, 3), lambda row: row.update(step=row["step"] + 1)),
        ("gone", slice(0, None), lambda row: row["metrics"].update(gone=1.0)),
        ("collisions", slice(0, None), lambda row: row["metrics"].pop("collisions")),
    ],
)
def test_every_figure_of_an_evaluation_counts(replay, computed, figure, rows, change):
    def bend(curve):
        for row in curve[rows]:
            change(row)

    bent = with_curve(computed["ltos"], bend)
    episodes = {n: of for n, of in bent.episodes.items() if n in bent.curve[0]["metrics"]}

    code, out, _ = replay("--json", result=replace(bent, episodes=episodes))

    found = json.loads(out)
    assert code == 3
    assert found["difference"]["evaluation"] == rows.start + 1
    assert found["difference"]["figure"] == figure
    assert not found["equal"]


def test_single_episodes_and_traces_count(replay, computed):
    stored = computed["ltos"]
    episodes, traces = copy.deepcopy(stored.episodes), copy.deepcopy(stored.traces)
    episodes["return"][1][1] += 1.0
    traces["selfishness"][0][1] += 0.5

    _, of_episode, _ = replay("--json", result=replace(stored, episodes=episodes))
    _, of_trace, _ = replay("--json", result=replace(stored, traces=traces))

    episode, trace = (json.loads(out)["difference"] for out in (of_episode, of_trace))
    assert (episode["evaluation"], episode["figure"]) == (4, "return[1]")
    assert (trace["evaluation"], trace["figure"]) == (12, "selfishness[0][1]")


def test_a_run_shorter_than_its_record_differs(replay, computed):
    stored = computed["random"]
    (row,), episodes = stored.curve, {name: of * 2 for name, of in stored.episodes.items()}
    longer = replace(stored, curve=(row, row | {"evaluation": 2}), episodes=episodes)

    code, out, _ = replay("--json", result=longer, cell=f"{PLACE}/random/seed=0")

    difference = json.loads(out)["difference"]
    assert code == 3
    assert difference["evaluation"] == 2
    assert difference["now"] is None


def test_what_changed_since_is_listed(replay, computed):
    then = computed["ltos"].provenance
    packages = then["packages"] | {"torch": "1.0"}
    older = replace(computed["ltos"], provenance=then | {"packages": packages, "cpu": "abacus"})

    code, out, _ = replay("--upto", "1", result=older)

    assert code == 0
    assert f"changed since: version.torch: 1.0 -> {then['packages']['torch']}" in out
    assert f"changed since: cpu: abacus -> {then['cpu']}" in out


def test_a_stale_result_is_called_so_first_with_the_settings_that_changed(
    replay, computed, monkeypatch
):
    config = dict(computed["ltos"].config) | {"tau": 0.5}
    monkeypatch.setattr(METHODS["ltos"], "version", "next")

    code, out, log = replay("--upto", "1", result=replace(computed["ltos"], config=config))

    assert code == 0
    assert log.startswith("stale: settings, data or code version changed")
    assert "changed since: config.tau: 0.5 -> 0.1" in out


def test_only_the_first_evaluations_are_run_on_request(replay, computed):
    late = with_curve(computed["ltos"], lambda curve: curve[11]["metrics"].update({"return": 9.0}))

    code, out, _ = replay("--upto", "11", result=late)

    assert code == 0
    assert out.startswith("equal bit for bit: 11 of 12 evaluations")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (f"{PLACE}/ltos/seed=1", f"did you mean '{PLACE}/ltos/seed=0'?"),
        ("nothing", "`status --json` lists them"),
        (f"{PLACE}/random/seed=0", "no result to compare with"),
    ],
)
def test_a_cell_that_is_not_there_ends_in_a_message(replay, cell, says):
    code, out, log = replay(cell=cell)

    assert code == 2
    assert not out
    assert says in log


def test_a_damaged_result_is_named_and_left_where_it_is(replay, tmp_path):
    path = tmp_path / "results" / "mine" / f"{PLACE}/ltos/seed=0.json"
    path.parent.mkdir(parents=True)
    path.write_text("{ half")

    code, _, log = replay(result=None)

    assert code == 2
    assert "not readable as JSON" in log
    assert path.exists()
