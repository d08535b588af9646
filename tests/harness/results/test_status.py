from dataclasses import replace

import pytest
from filelock import FileLock

from harness.config.grid import select
from harness.errors import ConfigurationError
from harness.results.cost import Costs, duration
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.results.index import Run, State, by_variant, count, look, to_run
from methods import METHODS
from support.recorded import cell, result

CELLS = tuple(cell(method, seed=seed) for method in ("dqn", "dgn", "random") for seed in (0, 1))


def state(folder, of=CELLS[0]):
    (status,) = look([of], folder)
    return status


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def fail(folder, of=CELLS[0], mark=None):
    path = CellFiles.of(folder, of).failure
    path.parent.mkdir(parents=True)
    Failure(
        id=of.id,
        fingerprint=mark or of.fingerprint,
        kind="timeout",
        message="not done after 7 s",
        traceback="",
        time="",
    ).save(path)


def test_a_cell_without_a_trace_is_missing(tmp_path):
    assert state(tmp_path).state is State.MISSING


def test_a_cell_with_a_valid_result_is_done_and_its_cost_known(tmp_path):
    result(CELLS[0], provenance={"cpu_s": 12.5}).save(tmp_path)

    status = state(tmp_path)

    assert status.state is State.DONE
    assert status.cpu_s == 12.5
    assert status.modified_ns == CellFiles.of(tmp_path, CELLS[0]).result.stat().st_mtime_ns


@pytest.mark.parametrize(("version", "then"), [(None, State.DONE), ("next", State.UNAVAILABLE)])
def test_what_cannot_be_run_here_counts_as_done_if_its_result_is_here(
    tmp_path, monkeypatch, version, then
):
    absent = replace(CELLS[0], unavailable="its dataset is not here", lacking=True)
    assert look([absent], tmp_path)[0].state is State.UNAVAILABLE
    result(CELLS[0]).save(tmp_path)
    if version is not None:
        monkeypatch.setattr(METHODS["dqn"], "version", version)

    (status,) = look([replace(absent)], tmp_path)  # a cell works its fingerprint out once

    assert status.state is then
    assert to_run([status], "stale") == ()


def test_a_damaged_result_of_what_cannot_be_run_here_is_unavailable(tmp_path):
    result(CELLS[0]).save(tmp_path).write_text("{ half")

    (status,) = look([replace(CELLS[0], unavailable="its dataset is not here")], tmp_path)

    assert status.state is State.UNAVAILABLE


def test_a_result_of_another_version_is_stale(tmp_path, monkeypatch):
    result(CELLS[0]).save(tmp_path)

    monkeypatch.setattr(METHODS["dqn"], "version", "next")

    status = state(tmp_path, replace(CELLS[0]))  # a cell works its fingerprint out once
    assert status.state is State.STALE
    assert "version changed" in status.reason


def test_a_damaged_result_is_told_and_left_where_it_is(tmp_path):
    path = CellFiles.of(tmp_path, CELLS[0]).result
    touch(path)

    status = state(tmp_path)

    assert status.state is State.DAMAGED
    assert status.reason == "not readable as JSON (Expecting value: line 1 column 1 (char 0))"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_is_told_with_its_kind(tmp_path):
    fail(tmp_path)

    assert state(tmp_path).state is State.FAILED
    assert state(tmp_path).reason == "timeout: not done after 7 s"


def test_a_failure_of_other_settings_no_longer_counts(tmp_path):
    fail(tmp_path, mark="of other settings")

    assert state(tmp_path).state is State.MISSING


def test_an_unreadable_failure_no_longer_counts(tmp_path):
    touch(CellFiles.of(tmp_path, CELLS[0]).failure)

    assert state(tmp_path).state is State.MISSING


def test_a_cell_with_a_checkpoint_is_started(tmp_path):
    touch(CellFiles.of(tmp_path, CELLS[0]).checkpoint)

    assert state(tmp_path).state is State.STARTED


def test_a_cell_is_running_as_long_as_its_lock_is_held(tmp_path):
    lock = CellFiles.of(tmp_path, CELLS[0]).lock
    touch(lock)

    with FileLock(lock):
        assert state(tmp_path).state is State.RUNNING
    assert state(tmp_path).state is State.MISSING


def test_an_unavailable_cell_tells_why(tmp_path):
    (status,) = look([replace(CELLS[0], unavailable="not built yet")], tmp_path)

    assert (status.state, status.reason) == (State.UNAVAILABLE, "not built yet")


def test_looking_touches_nothing(tmp_path):
    result(CELLS[0]).save(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    look(CELLS, tmp_path)

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("rerun", "more"),
    [
        (None, set()),
        ("failed", {State.FAILED}),
        ("stale", {State.STALE}),
        ("all", {State.FAILED, State.STALE, State.DONE}),
    ],
)
def test_run_takes_what_has_no_result_and_what_it_is_asked_for(rerun, more):
    statuses = [Run(cell=CELLS[0], state=each) for each in State]

    chosen = {status.state for status in to_run(statuses, rerun)}

    assert chosen == {State.MISSING, State.STARTED, State.DAMAGED, State.RUNNING} | more


def test_cells_are_counted_by_state_and_grouped_by_variant(tmp_path):
    result(CELLS[1]).save(tmp_path)
    statuses = look((*CELLS[:2], replace(CELLS[2], unavailable="no"), *CELLS[3:]), tmp_path)

    assert count(statuses) == {State.DONE: 1, State.MISSING: 4, State.UNAVAILABLE: 1}
    assert list(by_variant(statuses)) == [
        ("prisoner", "dqn"),
        ("prisoner", "dgn"),
        ("prisoner", "random"),
    ]


@pytest.mark.parametrize(
    ("only", "n"),
    [
        (None, 6),
        ("method=dqn", 2),
        ("method=d*", 4),
        ("method=d*,seed=1", 2),
        ("seed=0,seed=1", 6),
        ("method=dqn, method=random ,seed=1", 2),
        ("scenario=prisoner,task=prisoner,label=default,preset=default,variant=d?n", 4),
    ],
)
def test_a_selection_keeps_the_cells_that_match_every_key(only, n):
    assert len(select(CELLS, only)) == n


@pytest.mark.parametrize(
    ("only", "says"),
    [
        ("sede=1", "did you mean 'seed'?"),
        ("method", "'method' is not key=pattern"),
        ("", "is not key=pattern"),
        ("seed=7", "matches no cell"),
        ("task=jungle,n_agents=40", "no key 'n_agents'; valid: label, "),
        ("task=jungle,n_agents=40", "write ? for a comma"),
    ],
)
def test_a_wrong_selection_is_refused_with_a_remedy(only, says):
    with pytest.raises(ConfigurationError, match="--only") as caught:
        select(CELLS, only)

    assert says in str(caught.value)


def test_a_cell_is_expected_to_cost_what_its_like_cost():
    costs = Costs([(CELLS[0], 10.0), (CELLS[1], 20.0), (CELLS[2], 99.0)])

    assert costs.expected_s(cell("dqn", seed=7)) == pytest.approx(15.0)
    assert costs.known(cell("dqn", seed=7))


def test_a_variant_nobody_ran_is_judged_by_its_method_and_then_by_its_budget():
    costs = Costs([(CELLS[0], 10.0), (CELLS[1], None)])
    variant = cell("dqn", fields=(("tau", 0.5),))

    assert costs.expected_s(variant) == pytest.approx(10.0)
    assert costs.expected_s(cell("dgn")) > 0
    assert not costs.known(cell("dgn"))


def test_a_variant_is_judged_by_other_places_of_the_scenario_before_its_method():
    there = (("n_agents", 40),)
    known = [cell("dqn", options=there), cell("dqn", preset="paper")]
    costs = Costs(zip(known, (10.0, 70.0), strict=True))

    assert costs.expected_s(cell("dqn")) == pytest.approx(10.0)
    assert costs.expected_s(cell("dqn", fields=(("tau", 0.5),))) == pytest.approx(40.0)


def test_a_method_new_to_a_scenario_is_guessed_from_what_others_cost_there():
    known = [cell("dqn"), cell("dgn"), cell("dqn", scenario="jungle")]
    costs = Costs(zip(known, (10.0, 30.0, 200.0), strict=True))

    new = cell("dgn", scenario="jungle")

    assert costs.expected_s(new) == pytest.approx(3 * 200.0)
    assert not costs.known(new)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99.0, "99 s"), (120.0, "2 min"), (11_100.0, "3 h 05")]
)
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds) == text
