"""A session: who gets the next run, who waits for whom, and what the user is told."""

import io
from concurrent.futures import Future

import pytest
from rich.console import Console

from harness.config.grid import load_grid
from harness.errors import ConfigurationError
from harness.tuning.plan import HELD_OUT_SEEDS
from harness.tuning.progress import LogView, Standing, draw
from harness.tuning.runner import ScoringWorkers, Session, StudyRunner
from harness.tuning.study import StudyStore, finished
from harness.tuning.trial import State
from support.studies import STEPS, formula, scored, write_grid

N_HELD_OUT = 2


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)


class Fake:
    """Workers whose runs end when they are asked about, the last begun first."""

    def __init__(self, size=1, value=formula):
        self.size, self.value, self.cells, self.open = size, value, [], []
        self.stopped = False

    def submit(self, cell):
        self.cells.append(cell)
        future = Future()
        outcome = self.value(cell)
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(scored(outcome) if isinstance(outcome, float) else outcome)
        return future

    def stop(self):
        self.stopped = True


@pytest.fixture
def tuned(tmp_path):
    """Run a session on a grid of these methods; returns its store, its workers and its log."""

    def tuned(*methods, fake=None, only=None, trials=3, signals=None):
        grid = load_grid(write_grid(tmp_path / "small.toml", *methods))
        store, fake, said = StudyStore(grid, tmp_path), fake or Fake(), io.StringIO()
        plans = [plan for plan in store.plans if only is None or plan.method in only]
        budgets = {f"{p.task}/{p.method}": trials * p.trial_steps for p in plans}
        view = LogView(Console(file=said, width=300), budgets, fake.size)
        runners = [StudyRunner(p, store, view, trials * p.trial_steps, N_HELD_OUT) for p in plans]
        team = ScoringWorkers(fake.size, fake.submit, fake.stop)
        Session(runners, team, view, [] if signals is None else signals).run()
        return store, fake, said.getvalue()

    return tuned


def studies(store):
    return {plan.method: store.study(plan) for plan in store.plans}


def test_every_study_is_tuned_and_compared_with_the_defaults(tuned):
    store, fake, said = tuned("dqn", "vdn", "random")

    opened = studies(store)
    assert opened.keys() == {"dqn", "vdn"}
    assert all(map(finished, opened.values()))
    held_out = [c for c in fake.cells if c.seed >= HELD_OUT_SEEDS]
    assert {c.seed for c in held_out} == {HELD_OUT_SEEDS, HELD_OUT_SEEDS + 1}
    assert all(c.seed in (1000, 1001, 1002) for c in fake.cells if c not in held_out)
    assert said.count("finished") == 2
    assert "trial 1 (paper)  return" in said


def test_a_second_session_finds_nothing_to_do(tuned):
    tuned("dqn")

    _, fake, said = tuned("dqn")

    assert fake.cells == []
    assert "finished" in said


def test_all_studies_of_a_task_get_the_same_budget(tuned):
    store, _, _ = tuned("dqn", "dgn", "fixed_ltos", "qmix")

    assert {study.budget for study in studies(store).values()} == {3 * 3 * (STEPS + 49)}


def test_heirs_take_over_all_that_their_parent_found_and_search_the_rest_only(tuned):
    store, fake, _ = tuned("ltos", "dgn", "fixed_ltos", trials=5)

    opened = studies(store)
    found = opened["dgn"].best().attempt.cell(opened["dgn"].plan, 1000).config
    assert opened["fixed_ltos"].plan.space.keys() == {"selfishness"}
    for heir in ("fixed_ltos", "ltos"):
        runs = [c for c in fake.cells if c.method == heir and c.seed < HELD_OUT_SEEDS]
        assert len({cell.config.selfishness for cell in runs}) > 2
        for cell in runs:
            config = cell.config
            assert all(getattr(config, k) == v for k, v in opened[heir].plan.inherited.items())
            assert config.learning_rate == found.learning_rate
            assert config.hidden == found.hidden
    first = [c.method for c in fake.cells if c.seed < HELD_OUT_SEEDS]
    assert first.index("fixed_ltos") > max(n for n, m in enumerate(first) if m == "dgn")


def test_what_an_heir_found_is_compared_with_the_plain_defaults(tuned):
    _, fake, _ = tuned("dgn", "fixed_ltos")

    held_out = [c for c in fake.cells if c.seed >= HELD_OUT_SEEDS and c.method == "fixed_ltos"]

    assert [c for c in held_out if c.preset == "default" and not c.fields]


def test_an_heir_alone_finds_its_parent_s_study_or_says_what_is_missing(tuned):
    with pytest.raises(ConfigurationError, match="inherits from dgn, whose study is not finished"):
        tuned("dgn", "ltos", only=["ltos"])

    tuned("dgn", "ltos", only=["dgn"])
    store, _, _ = tuned("dgn", "ltos", only=["ltos"])

    assert finished(studies(store)["ltos"])


def test_an_heir_whose_parent_the_grid_does_not_have_is_refused(tuned):
    with pytest.raises(ConfigurationError, match=r"inherits from dgn, which the grid does not"):
        tuned("ltos")


def test_with_as_many_studies_as_workers_every_study_goes_on_as_if_alone(tuned, tmp_path):
    alone = tuned("dqn", "vdn", trials=12)[0]
    whole = {m: [(t.attempt, t.value) for t in s.trials()] for m, s in studies(alone).items()}
    for path in (tmp_path / "small" / "tune").rglob("*.log"):
        path.unlink()

    store, _, _ = tuned("dqn", "vdn", trials=12, fake=Fake(size=2))

    again = {m: [(t.attempt, t.value) for t in s.trials()] for m, s in studies(store).items()}
    assert again == whole


def test_more_workers_than_studies_keep_to_the_budget(tuned):
    store, fake, _ = tuned("dqn", trials=6, fake=Fake(size=5))

    (study,) = studies(store).values()
    assert finished(study)
    assert sum(t.steps for t in study.trials()) <= study.budget
    runs = [(c.preset, c.fields, c.seed) for c in fake.cells]
    assert len(runs) == len(set(runs))


def test_a_stopped_run_is_taken_up_again(tuned):
    signals = []

    def until_stopped(cell):
        if len(fake.cells) == 5:
            signals.append(2)
            return None
        return formula(cell)

    fake = Fake(value=until_stopped)
    _, _, said = tuned("dqn", fake=fake, signals=signals)
    n = len(fake.cells)
    store, fake, _ = tuned("dqn")

    assert "stopping" in said
    assert n == 5
    assert (fake.cells[0].preset, fake.cells[0].seed) == ("default", 1001)
    assert finished(studies(store)["dqn"])


def test_a_run_whose_worker_was_killed_is_charged_all_it_might_have_used(tuned):
    def value(cell):
        killed = cell.preset == "paper" and cell.seed == 1001
        return OSError("worker gone") if killed else formula(cell)

    store, _, said = tuned("dqn", fake=Fake(value=value))

    first = studies(store)["dqn"].trials()[0]
    assert first.state is State.FAILED
    assert first.steps == STEPS + 1 + STEPS + 49
    assert "OSError: worker gone" in said


def test_a_study_whose_trials_all_fail_is_given_up_and_the_others_go_on(tuned):
    def value(cell):
        return scored(None, 1, "boom") if cell.method == "dgn" else formula(cell)

    store, _, said = tuned("dgn", "ltos", "vdn", fake=Fake(value=value), trials=20)

    opened = {plan.method: store.study(plan) for plan in store.plans if plan.method != "ltos"}
    assert len(opened["dgn"].trials()) == 10
    assert finished(opened["vdn"])
    assert "given up: 10 trials failed in a row, the last with boom" in said
    assert "ltos: left alone: it inherits from dgn, not finished" in said


def test_the_table_fits_the_terminal_and_shows_what_goes_on_first():
    rows = [
        Standing(
            name=f"jungle,n_agents=10,episodes=60,evaluations=20/method_{n}",
            counts={State.COMPLETE: n, State.PRUNED: 1} if n else {},
            best=0.5 if n else None,
            spent=1000 * n,
            budget=10_000,
            wall_s=10.0 * n,
        )
        for n in range(20)
    ]
    out = Console(file=io.StringIO(), width=80, height=12, force_terminal=True)

    out.print(draw(rows, "3 of 20 studies, 1,000 of 200,000 steps, about 30 min left", 80, 12))

    lines = out.file.getvalue().splitlines()
    assert len(lines) <= 12
    assert "about 30 min left" in lines[0]
    assert "method_1" in lines[2]
    assert "and 12 more" in lines[-1]
