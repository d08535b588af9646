"""A study: the order of its trials, what they cost, and what survives a kill."""

import random
import threading
from dataclasses import replace

import pytest

from harness.config.search_space import Parameter
from harness.errors import ConfigurationError, StorageError
from harness.tuning import storage
from harness.tuning.proposing import decoded, distribution, encoded
from harness.tuning.storage import StudyFiles
from harness.tuning.study import affordable, spent
from harness.tuning.trial import Attempt, State, Trial, best
from support.studies import STEPS, fixed, formula, plan, run, scored, study, told


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)


def test_presets_are_tried_as_they_are_before_anything_is_proposed(tmp_path):
    opened = study(tmp_path, trials=4)

    ended = run(opened)

    assert [trial.attempt.preset for trial in ended[:3]] == ["paper", "default", None]
    paper = ended[0].attempt.cell(opened.plan, 1000)
    assert (paper.preset, paper.fields) == ("paper", ())
    proposed = ended[2].attempt
    assert proposed.cell(opened.plan, 1001).preset == "default"
    assert all(opened.plan.space[name].holds(value) for name, value in proposed.parameters.items())
    assert proposed.parameters.keys() == opened.plan.space.keys()


def test_all_trials_run_from_the_same_tuning_seeds(tmp_path):
    ended = run(study(tmp_path, trials=4), fixed({1000: 0.1, 1001: 0.2, 1002: 0.3}))

    assert all(trial.runs.keys() == {1000, 1001, 1002} for trial in ended)
    assert ended[0].value == pytest.approx(0.2)


def test_a_budget_pays_for_so_many_trials_and_is_never_overshot(tmp_path):
    opened = study(tmp_path, trials=7)

    ended = run(opened)

    assert sum(trial.state is not State.CUT for trial in ended) >= 7
    assert spent(ended) <= opened.budget
    assert opened.budget - spent(ended) < opened.plan.run_steps
    assert opened.next() is None


def test_a_larger_budget_goes_on_with_the_same_study(tmp_path):
    opened = study(tmp_path, trials=3)
    first = run(opened)

    opened.grant(5 * opened.plan.trial_steps)
    more = run(opened)

    whole = [trial for trial in first if trial.state is not State.CUT]
    assert told(opened.trials()[: len(whole)]) == told(whole)
    assert more
    opened.grant(1)
    assert opened.budget == 5 * opened.plan.trial_steps


def test_a_trial_that_is_worse_on_every_seed_so_far_is_given_up_and_charged_what_it_used(tmp_path):
    opened = study(tmp_path, trials=3)
    values = iter([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    kinds = []
    for _ in range(3):
        task = opened.next()
        while (seed := task.next_seed()) is not None:
            task.record(seed, scored(next(values)))
        kinds.append(task.end())

    assert [trial.state for trial in kinds] == [State.COMPLETE, State.COMPLETE, State.PRUNED]
    assert kinds[2].steps == 2 * (STEPS + 1)
    assert spent(opened.trials()) == 8 * (STEPS + 1)


def test_presets_are_run_on_every_seed_however_bad_they_are(tmp_path):
    opened = study(tmp_path, trials=2)
    values = iter([0.9, 0.9, 0.9, 0.1, 0.1, 0.1])
    for _ in range(2):
        task = opened.next()
        while (seed := task.next_seed()) is not None:
            task.record(seed, scored(next(values)))
        trial = task.end()

    assert (trial.attempt.preset, trial.state) == ("default", State.COMPLETE)


def test_a_run_that_breaks_down_ends_its_trial_and_the_study_goes_on(tmp_path):
    opened = study(tmp_path, trials=3)

    task = opened.next()
    task.record(task.next_seed(), scored(None, 17, "FloatingPointError: loss is nan"))
    assert task.next_seed() is None
    failed = task.end()

    assert (failed.state, failed.value, failed.steps) == (State.FAILED, None, 17)
    assert opened.trials()[0].state is State.FAILED
    assert run(opened)[0].attempt.preset == "default"
    assert opened.best().state is State.COMPLETE


def test_what_is_left_of_a_budget_goes_into_a_trial_that_is_never_the_best(tmp_path):
    opened = study(tmp_path, trials=2)
    opened.grant(2 * opened.plan.trial_steps + opened.plan.run_steps)

    ended = run(opened, lambda cell: float(cell.preset == "default" and bool(cell.fields)))

    assert ended[-1].state is State.CUT
    assert ended[-1].value == 1.0
    assert opened.best().attempt.preset == "default"


def test_of_equal_trials_the_default_is_best(tmp_path):
    ended = run(study(tmp_path, trials=4), lambda cell: 0.49)

    assert best(ended, maximize=True).attempt.preset == "default"
    assert best(ended, maximize=False).attempt.preset == "default"


def test_the_best_is_the_largest_or_the_smallest(tmp_path):
    ended = run(study(tmp_path, trials=5))
    values = [trial.value for trial in ended if trial.state is State.COMPLETE]

    assert best(ended, maximize=True).value == max(values)
    assert best(ended, maximize=False).value == min(values)


def trial(number, *scores, state, seeds=(1000, 1001, 1002)):
    attempt = Attempt(preset=None, parameters={}, seeds=seeds)
    runs = dict(zip(seeds, (scored(0.5, steps) for steps in scores), strict=False))
    return Trial(number=number, attempt=attempt, runs=runs, state=state)


@pytest.mark.parametrize(
    ("budget", "trials", "n_seeds"),
    [
        (3000, [], 3),
        (2999, [], 2),
        (999, [], 0),
        (6000, [(0, (900, 900, 900), State.COMPLETE)], 3),
        (5699, [(0, (900, 900, 900), State.COMPLETE)], 2),
        (5999, [(0, (), State.RUNNING)], 0),  # what it may use yet is put by
        (6000, [(0, (), State.RUNNING)], 3),
        (5900, [(0, (900,), State.WAITING)], 3),
        (5899, [(0, (900,), State.WAITING)], 0),
        (3020, [(0, (10,), State.FAILED)], 3),
        (4800, [(0, (900, 900), State.PRUNED)], 3),
    ],
)
def test_the_next_trial_may_use_what_no_other_can_use(tmp_path, budget, trials, n_seeds):
    others = [trial(n, *steps, state=state) for n, steps, state in trials]

    assert len(affordable(plan(tmp_path), budget, others)) == n_seeds


class Kill(BaseException):
    """Stands for SIGKILL: nobody catches it."""


def test_killed_at_any_write_a_study_goes_on_to_the_same_trials_and_values(tmp_path, monkeypatch):
    """Every session dies at a random write to the journal, before it or after it."""
    whole = run(study(tmp_path / "whole", plan(tmp_path), trials=13))
    write, moments, left = storage._Journal.append_logs, random.Random(0), [0]

    def dying_write(self, logs):
        left[0] -= 1
        if left[0] == 0 and moments.random() < 0.5:
            raise Kill
        write(self, logs)
        if left[0] == 0:
            raise Kill

    monkeypatch.setattr(storage._Journal, "append_logs", dying_write)
    n_kills = 0
    while True:
        left[0] = moments.randint(5, 40)
        try:
            opened = study(tmp_path / "killed", plan(tmp_path), trials=13)
            run(opened)
            break
        except Kill:
            n_kills += 1  # locks go with their process; here, with the objects that hold them

    assert n_kills > 10
    assert told(opened.trials()) == told(whole)
    assert spent(opened.trials()) == spent(whole)
    assert opened.best().attempt == best(whole, maximize=True).attempt


def test_an_interrupted_trial_goes_on_with_the_runs_it_has(tmp_path):
    first = study(tmp_path)
    task = first.next()
    task.record(1000, scored(0.7))
    task.drop()

    again = study(tmp_path).next()

    assert again.trial.attempt == task.trial.attempt
    assert again.trial.runs == task.trial.runs
    assert again.next_seed() == 1001
    assert [t.state for t in first.trials()] == [State.RUNNING]


def test_a_trial_that_somebody_runs_is_left_to_them(tmp_path):
    mine, theirs = study(tmp_path), study(tmp_path)

    tasks = [mine.next(), theirs.next(), mine.next()]

    assert [task.trial.attempt.preset for task in tasks] == ["paper", "default", None]
    assert len({task.trial.number for task in tasks}) == 3


def test_a_trial_that_ends_while_others_look_at_it_is_not_taken_back(tmp_path, monkeypatch):
    mine, theirs = study(tmp_path), study(tmp_path)
    task = theirs.next()
    for seed in task.trial.attempt.seeds:
        task.record(seed, scored(0.5))

    def is_held(lock):
        task.end()  # after it was seen running, before its lock is looked at
        return False

    monkeypatch.setattr("harness.tuning.study.is_held", is_held)

    following = mine.next()

    assert following.trial.attempt.preset == "default"
    assert [t.state for t in mine.trials()] == [State.COMPLETE, State.RUNNING]


def test_two_at_one_study_lose_no_trial_run_none_twice_and_keep_to_the_budget(tmp_path):
    of, ended = plan(tmp_path), []
    study(tmp_path, of, trials=12)

    def work():
        ended.extend(run(study(tmp_path, of, trials=12)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    opened = study(tmp_path, of, trials=12)
    numbers = [trial.number for trial in ended]
    assert sorted(numbers) == [trial.number for trial in opened.trials()]
    assert len(set(map(str, (trial.attempt for trial in ended)))) == len(ended)
    assert spent(opened.trials()) <= opened.budget
    assert opened.budget - spent(opened.trials()) < of.run_steps
    assert all(trial.state not in (State.RUNNING, State.WAITING) for trial in opened.trials())


def test_a_study_of_another_search_space_is_refused_and_left_as_it_is(tmp_path):
    of = plan(tmp_path)
    run(study(tmp_path, of, trials=2))
    journal = StudyFiles.of(tmp_path / "results", of).journal
    before = journal.read_bytes()
    other = replace(of, space={**of.space, "tau": Parameter(low=0.01, high=0.1)})

    with pytest.raises(ConfigurationError) as refused:
        study(tmp_path, other)

    said = str(refused.value)
    assert f"study {of.name} ({journal}) differs in search space: tau was low" in said
    assert "low 0.005, high 0.1, log true, now it is low 0.01, high 0.1." in said
    assert "move it aside" in said
    assert journal.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda of: replace(of, seeds=(1000, 1001)), "differs in tuning seeds: [1000, 1001, 1002]"),
        (
            lambda of: replace(of, inherited={"tau": 0.5}),
            "inherited values: tau was not there, now it is 0.5",
        ),
        (
            lambda of: replace(of, cell=replace(of.cell, budget=replace(of.cell.budget, steps=9))),
            "differs in length of a run: steps was 951, now it is 9",
        ),
    ],
)
def test_a_study_of_something_else_is_refused(tmp_path, change, says):
    of = plan(tmp_path)
    study(tmp_path, of)

    with pytest.raises(ConfigurationError) as refused:
        study(tmp_path, change(of))

    assert says in str(refused.value)


def test_another_version_of_the_code_is_another_study(tmp_path, monkeypatch):
    of = plan(tmp_path)
    study(tmp_path, of)
    monkeypatch.setattr("methods.dqn.DQN.version", "next")

    with pytest.raises(ConfigurationError, match="differs in options, data or code version"):
        study(tmp_path, of)


@pytest.mark.parametrize(
    ("content", "line"), [(b"{ half", 1), (b"\x89PNG\r\n", 1), (b'{"op_code":0}\nno\n', 2)]
)
def test_a_damaged_journal_is_refused_and_left_as_it_is(tmp_path, content, line):
    of = plan(tmp_path)
    journal = StudyFiles.of(tmp_path / "results", of).journal
    journal.parent.mkdir(parents=True)
    journal.write_bytes(content)

    with pytest.raises(ConfigurationError, match=rf"line {line} is no entry.*left as it is"):
        study(tmp_path, of)

    assert journal.read_bytes() == content


def test_a_journal_of_something_else_is_refused(tmp_path):
    of = plan(tmp_path)
    journal = StudyFiles.of(tmp_path / "results", of).journal
    journal.parent.mkdir(parents=True)
    journal.write_text('{"op_code":99,"worker_id":"x"}\n')

    with pytest.raises(ConfigurationError, match="not the journal of a study"):
        study(tmp_path, of)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_line_that_a_power_cut_left_half_is_cut_off_and_no_trial_is_lost(tmp_path, kept):
    of = plan(tmp_path)
    opened = study(tmp_path, of, trials=3)
    ended = run(opened)
    journal = opened.files.journal
    whole = journal.read_bytes()
    line = b'{"op_code":5,"worker_id":"x","study_id":0}\n'
    journal.write_bytes(whole + line[: int(len(line) * kept)])

    again = study(tmp_path, of)

    assert journal.read_bytes().startswith(whole)
    assert told(again.trials()) == told(ended)


def test_a_disk_that_is_full_leaves_no_half_line_and_loses_nothing(tmp_path, monkeypatch):
    of = plan(tmp_path)
    opened = study(tmp_path, of, trials=3)
    ended = run(opened)
    whole = opened.files.journal.read_bytes()

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    opened.grant(9 * of.trial_steps)
    with pytest.raises(StorageError, match="nothing computed so far is lost"):
        run(opened)

    monkeypatch.setattr("os.fsync", lambda file: None)
    assert opened.files.journal.read_bytes().startswith(whole)
    assert opened.files.journal.read_bytes().endswith(b"\n")
    assert told(study(tmp_path, of).trials()[: len(ended)]) == told(ended)


def test_a_lock_that_is_never_given_back_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.tuning.storage.PATIENCE_S", 0.05)
    opened = study(tmp_path)

    with (
        storage.locked(opened.files.choosing),
        pytest.raises(ConfigurationError, match=r"dqn\.choosing\.lock: locked by another process"),
    ):
        opened.next()

    assert run(opened)


def test_a_database_keeps_studies_as_well(tmp_path):
    of = plan(tmp_path)
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    files = StudyFiles.of(tmp_path / "results", of)
    opened = storage_study(of, files, url)

    ended = run(opened)

    assert told(storage_study(of, files, url).trials()) == told(ended)
    assert told(ended) == told(run(study(tmp_path / "journal", of, trials=3)))
    assert not files.journal.exists()


def storage_study(of, files, url):
    from harness.tuning.study import Study

    opened = Study(of, files, url)
    opened.grant(3 * of.trial_steps)
    return opened


@pytest.mark.parametrize("url", ["studies.db", "sqlite:////no/such/folder/x.db", "oracle9://x/y"])
def test_a_database_that_cannot_be_opened_is_named_without_its_password(tmp_path, url):
    of = plan(tmp_path)

    with pytest.raises(ConfigurationError, match=r"--storage .*cannot be opened"):
        storage_study(of, StudyFiles.of(tmp_path / "results", of), url)


@pytest.mark.parametrize(
    "parameter",
    [
        Parameter(low=1e-4, high=1e-1, log=True),
        Parameter(low=1, high=10),
        Parameter(choices=(False, True)),
        Parameter(choices=((32, 32), (64,))),
        Parameter(choices=("adam", "rmsprop")),
    ],
)
def test_what_is_drawn_is_a_value_of_the_parameter(parameter):
    drawn = distribution(parameter)
    values = parameter.choices or (parameter.low, parameter.high)

    for value in values:
        kept = drawn.to_external_repr(drawn.to_internal_repr(encoded(value)))
        assert decoded(parameter, kept) == value
        assert type(decoded(parameter, kept)) is type(value)


def test_tpe_finds_better_values_than_chance(tmp_path):
    opened = study(tmp_path, trials=40)

    ended = [t for t in run(opened) if t.attempt.preset is None and t.state is not State.CUT]

    values = [formula(trial.attempt.cell(opened.plan, 1000)) for trial in ended]
    assert sum(values[-8:]) > sum(values[:8])
