"""Every cell of a grid is accounted for; only done runs give figures."""

import json
from dataclasses import replace

import pytest

from harness.config.cell import Budget
from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.results.index import (
    CURVE_COLUMNS,
    RESULT_COLUMNS,
    State,
    curve_table,
    load_results,
    load_runs,
    written_fields,
)
from support import recorded


def grid(*cells):
    return Grid(name="trial", description="a trial", tuning=False, cells=cells)


def fail(cell, folder, mark=None):
    failure = Failure(
        id=cell.id,
        fingerprint=mark or cell.fingerprint,
        kind="error",
        message="td_loss is nan",
        traceback="",
        time="2026-01-01T00:00:00Z",
    )
    path = CellFiles.of(folder, cell).failure
    path.parent.mkdir(parents=True, exist_ok=True)
    failure.save(path)


def state(cell, tmp_path):
    (run,) = load_runs(grid(cell), tmp_path)
    return run


def test_a_finished_run_is_done(tmp_path):
    cell = recorded.cell()
    recorded.result(cell).save(tmp_path / "trial")

    run = state(cell, tmp_path)

    assert run.state is State.DONE
    assert run.result is not None


def test_a_run_with_another_fingerprint_is_stale_and_gives_no_figures(tmp_path):
    cell = recorded.cell()
    recorded.result(cell, fingerprint="0" * 64).save(tmp_path / "trial")

    run = state(cell, tmp_path)

    assert run.state is State.STALE
    assert curve_table([run]).empty


def test_a_result_filed_under_another_seed_is_stale(tmp_path):
    cell, other = recorded.cell(seed=0), recorded.cell(seed=1)
    path = recorded.result(cell).save(tmp_path / "trial")
    path.rename(CellFiles.of(tmp_path / "trial", other).result)

    assert state(other, tmp_path).state is State.STALE


def test_a_truncated_result_is_damaged_wherever_it_lies(tmp_path):
    cell, reasons = recorded.cell(), []
    for folder in (tmp_path / "here", tmp_path / "there"):
        path = recorded.result(cell).save(folder / "trial")
        path.write_text(path.read_text()[:400])
        run = state(cell, folder)
        assert run.state is State.DAMAGED
        reasons.append(run.reason)

    assert reasons[0] == reasons[1]


def test_a_result_edited_by_hand_is_damaged(tmp_path):
    cell = recorded.cell()
    path = recorded.result(cell, 0.49).save(tmp_path / "trial")
    path.write_text(path.read_text().replace("0.49", "0.97"))

    assert state(cell, tmp_path).state is State.DAMAGED


def test_a_failure_is_told_with_its_reason(tmp_path):
    cell = recorded.cell()
    fail(cell, tmp_path / "trial")

    run = state(cell, tmp_path)

    assert (run.state, run.reason) == (State.FAILED, "error: td_loss is nan")


def test_a_result_outweighs_an_earlier_failure(tmp_path):
    cell = recorded.cell()
    fail(cell, tmp_path / "trial")
    recorded.result(cell).save(tmp_path / "trial")

    assert state(cell, tmp_path).state is State.DONE


def test_a_failure_of_other_settings_no_longer_counts(tmp_path):
    cell = recorded.cell()
    fail(cell, tmp_path / "trial", mark="0" * 64)

    assert state(cell, tmp_path).state is State.MISSING


def test_what_is_not_there_is_missing_and_what_cannot_be_is_unavailable(tmp_path):
    cell, later = recorded.cell(), replace(recorded.cell("qmix"), unavailable="too many agents")

    runs = load_runs(grid(cell, later), tmp_path)

    assert [(run.state, run.reason) for run in runs] == [
        (State.MISSING, ""),
        (State.UNAVAILABLE, "too many agents"),
    ]


def test_tables_are_tidy(tmp_path):
    cell = recorded.cell("fixed_ltos", seed=3, fields=(("selfishness", 0.3),), preset="paper")
    recorded.result(cell, 0.97).save(tmp_path / "trial")

    runs = load_runs(grid(cell), tmp_path)
    curves = curve_table(runs)

    assert list(curves.columns) == CURVE_COLUMNS
    assert len(curves) == recorded.EVALUATIONS * 3  # three metrics
    last = curves[curves["metric"] == "return"].iloc[-1].to_dict()
    assert last == {
        "task": "prisoner",
        "label": "paper",
        "method": "fixed_ltos",
        "variant": "fixed_ltos,selfishness=0.3,paper",
        "fields": "selfishness=0.3",
        "preset": "paper",
        "seed": 3,
        "evaluation": recorded.EVALUATIONS,
        "episode": recorded.EVALUATIONS * 103,
        "step": recorded.EVALUATIONS * 103 * 3,
        "metric": "return",
        "value": pytest.approx(0.97),
    }


def test_final_value_is_the_mean_of_the_last_ten_evaluations(tmp_path):
    cell = recorded.cell()
    rows = [
        {"evaluation": k, "episode": k, "step": k, "metrics": {"return": float(k)}, "train": {}}
        for k in range(1, 21)
    ]
    recorded.result(cell, curve=tuple(rows)).save(tmp_path / "trial")

    (run,) = load_runs(grid(cell), tmp_path)

    assert run.result.final("return") == 15.5  # 11 ... 20


def test_fields_are_spelled_as_in_the_name_of_the_cell():
    cell = recorded.cell(fields=(("hidden", (64, 64)), ("init", "he")), preset="paper")

    assert written_fields(cell) == ["hidden=64x64", "init=he"]


def test_a_task_with_its_own_budget_is_found(tmp_path):
    budget = Budget(episodes=10, steps=10, evaluations=2, evaluation_episodes=1)
    cell = recorded.cell(budget=budget)
    path = recorded.result(cell).save(tmp_path / "trial")

    assert json.loads(path.read_text())["id"] == cell.id
    assert state(cell, tmp_path).state is State.DONE


def test_any_folder_of_results_is_a_table_whatever_grid_asks_for_it(tmp_path):
    for of in (recorded.cell(), recorded.cell("fixed_ltos", seed=3, preset="paper")):
        recorded.result(of, 0.97).save(tmp_path / "trial")
    fail(recorded.cell("dgn"), tmp_path / "trial")

    frame = load_results(tmp_path)

    assert list(frame.columns) == RESULT_COLUMNS
    assert len(frame) == 2 * recorded.EVALUATIONS * 3  # three metrics
    assert frame[frame["metric"] == "return"].iloc[-1].to_dict() == {
        "task": "prisoner",
        "scenario": "prisoner",
        "label": "paper",
        "method": "fixed_ltos",
        "variant": "fixed_ltos,paper",
        "preset": "paper",
        "seed": 3,
        "evaluation": recorded.EVALUATIONS,
        "episode": recorded.EVALUATIONS * 103,
        "step": recorded.EVALUATIONS * 103 * 3,
        "metric": "return",
        "value": pytest.approx(0.97),
    }
    below = load_results(str(tmp_path / "trial" / "prisoner" / "dqn"))
    assert below.equals(frame[frame["method"] == "dqn"].reset_index(drop=True))


def test_a_damaged_file_among_results_is_named(tmp_path):
    path = recorded.result(recorded.cell()).save(tmp_path)
    path.write_text(path.read_text()[:400])

    with pytest.raises(ConfigurationError, match=r"dqn/seed=0\.json: not readable.*move it away"):
        load_results(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no such folder of results"):
        load_results(tmp_path / "none")
