"""A session: who gets the next run, who waits for whom, and what the user is told."""

import io
from concurrent.futures import Future

import pytest
from rich.console import Console

from harness.config.grid import load_grid
from harness.errors import ConfigurationError
from harness.tuning.plan import UNSEEN_SEEDS
from harness.tuning.progress import LogView, Standing, draw
from harness.tuning.runner import Desk, Session
from harness.tuning.study import Shelf, finished
from harness.tuning.trial import Fate
from support.studies import STEPS, formula, scored, write_grid

N_UNSEEN = 2


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)


class Fake:
    """A crew whose runs end when they are asked about, the last begun first."""

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
    """Run a session on a grid of these methods; returns its shelf, its crew and its log."""

    def tuned(*methods, crew=None, only=None, trials=3, signals=None):
        grid = load_grid(write_grid(tmp_path / "small.toml", *methods))
        shelf, crew, said = Shelf(grid, tmp_path), crew or Fake(), io.StringIO()
        plans = [plan for plan in shelf.plans if only is None or plan.method in only]
        budgets = {f"{p.task}/{p.method}": trials * p.trial_steps for p in plans}
        view = LogView(Console(file=said, width=300), budgets, crew.size)
        desks = [Desk(p, shelf, view, trials * p.trial_steps, N_UNSEEN) for p in plans]
        Session(desks, crew, view, [] if signals is None else signals).run()
        return shelf, crew, said.getvalue()

    return tuned


def studies(shelf):
    return {plan.method: shelf.study(plan) for plan in shelf.plans}


def test_every_study_is_tuned_and_compared_with_the_defaults(tuned):
    shelf, crew, said = tuned("dqn", "vdn", "random")

    opened = studies(shelf)
    assert opened.keys() == {"dqn", "vdn"}
    assert all(map(finished, opened.values()))
    unseen = [c for c in crew.cells if c.seed >= UNSEEN_SEEDS]
    assert {c.seed for c in unseen} == {UNSEEN_SEEDS, UNSEEN_SEEDS + 1}
    assert all(c.seed in (1000, 1001, 1002) for c in crew.cells if c not in unseen)
    assert said.count("finished") == 2
    assert "trial 1 (paper)  return" in said


def test_a_second_session_finds_nothing_to_do(tuned):
    tuned("dqn")

    _, crew, said = tuned("dqn")

    assert crew.cells == []
    assert "finished" in said


def test_all_studies_of_a_place_get_the_same_budget(tuned):
    shelf, _, _ = tuned("dqn", "dgn", "fixed_ltos", "qmix")

    assert {study.budget for study in studies(shelf).values()} == {3 * 3 * (STEPS + 49)}


def test_heirs_take_over_all_that_their_parent_found_and_search_the_rest_only(tuned):
    shelf, crew, _ = tuned("ltos", "dgn", "fixed_ltos", trials=5)

    opened = studies(shelf)
    found = load_config(opened["dgn"].best().attempt.cell(opened["dgn"].plan, 1000))
    assert opened["fixed_ltos"].plan.space.keys() == {"selfishness"}
    for heir in ("fixed_ltos", "ltos"):
        runs = [c for c in crew.cells if c.method == heir and c.seed < UNSEEN_SEEDS]
        assert len({cell.config.selfishness for cell in runs}) > 2
        for cell in runs:
            config = cell.config
            assert all(getattr(config, k) == v for k, v in opened[heir].plan.inherited.items())
            assert config.learning_rate == found.learning_rate
            assert config.hidden == found.hidden
    first = [c.method for c in crew.cells if c.seed < UNSEEN_SEEDS]
    assert first.index("fixed_ltos") > max(n for n, m in enumerate(first) if m == "dgn")


def test_what_an_heir_found_is_compared_with_the_plain_defaults(tuned):
    _, crew, _ = tuned("dgn", "fixed_ltos")

    unseen = [c for c in crew.cells if c.seed >= UNSEEN_SEEDS and c.method == "fixed_ltos"]

    assert [c for c in unseen if c.preset == "default" and not c.fields]


def test_an_heir_alone_finds_its_parent_s_study_or_says_what_is_missing(tuned):
    with pytest.raises(ConfigurationError, match="inherits from dgn, whose study is not finished"):
        tuned("dgn", "ltos", only=["ltos"])

    tuned("dgn", "ltos", only=["dgn"])
    shelf, _, _ = tuned("dgn", "ltos", only=["ltos"])

    assert finished(studies(shelf)["ltos"])


def test_an_heir_whose_parent_the_grid_does_not_have_is_refused(tuned):
    with pytest.raises(ConfigurationError, match=r"inherits from dgn, which the grid does not"):
        tuned("ltos")


def test_with_as_many_studies_as_workers_every_study_goes_on_as_if_alone(tuned, tmp_path):
    alone = tuned("dqn", "vdn", trials=12)[0]
    whole = {m: [(t.attempt, t.value) for t in s.trials()] for m, s in studies(alone).items()}
    for path in (tmp_path / "small" / "tune").rglob("*.log"):
        path.unlink()

    shelf, _, _ = tuned("dqn", "vdn", trials=12, crew=Fake(size=2))

    again = {m: [(t.attempt, t.value) for t in s.trials()] for m, s in studies(shelf).items()}
    assert again == whole


def test_more_workers_than_studies_keep_to_the_budget(tuned):
    shelf, crew, _ = tuned("dqn", trials=6, crew=Fake(size=5))

    (study,) = studies(shelf).values()
    assert finished(study)
    assert sum(t.steps for t in study.trials()) <= study.budget
    runs = [(c.preset, c.fields, c.seed) for c in crew.cells]
    assert len(runs) == len(set(runs))


def test_a_stopped_run_is_taken_up_again(tuned):
    signals = []

    def until_stopped(cell):
        if len(crew.cells) == 5:
            signals.append(2)
            return None
        return formula(cell)

    crew = Fake(value=until_stopped)
    _, _, said = tuned("dqn", crew=crew, signals=signals)
    n = len(crew.cells)
    shelf, crew, _ = tuned("dqn")

    assert "stopping" in said
    assert n == 5
    assert (crew.cells[0].preset, crew.cells[0].seed) == ("default", 1001)
    assert finished(studies(shelf)["dqn"])


def test_a_run_whose_worker_was_killed_is_charged_all_it_might_have_used(tuned):
    def value(cell):
        killed = cell.preset == "paper" and cell.seed == 1001
        return OSError("worker gone") if killed else formula(cell)

    shelf, _, said = tuned("dqn", crew=Fake(value=value))

    first = studies(shelf)["dqn"].trials()[0]
    assert first.fate is Fate.FAILED
    assert first.steps == STEPS + 1 + STEPS + 49
    assert "OSError: worker gone" in said


def test_a_study_whose_trials_all_fail_is_given_up_and_the_others_go_on(tuned):
    def value(cell):
        return scored(None, 1, "boom") if cell.method == "dgn" else formula(cell)

    shelf, _, said = tuned("dgn", "ltos", "vdn", crew=Fake(value=value), trials=20)

    opened = {plan.method: shelf.study(plan) for plan in shelf.plans if plan.method != "ltos"}
    assert len(opened["dgn"].trials()) == 10
    assert finished(opened["vdn"])
    assert "given up: 10 trials failed in a row, the last with boom" in said
    assert "ltos: left alone: it inherits from dgn, not finished" in said


def test_the_table_fits_the_terminal_and_shows_what_goes_on_first():
    rows = [
        Standing(
            name=f"jungle,n_agents=10,episodes=60,evaluations=20/method_{n}",
            counts={Fate.COMPLETE: n, Fate.PRUNED: 1} if n else {},
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
