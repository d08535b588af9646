"""The training loop, as a method sees it that writes down every call."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.config.cell import Budget, Cell
from harness.training import loop as runner
from harness.training.loop import Training
from methods import METHODS
from methods.nn.policy import greedy
from methods.reference import RandomPolicy
from scenarios import SCENARIOS
from support.toys import Line

STEPS = 3  # of every episode


class Spy(RandomPolicy):
    """Plays at random, claims to learn, and keeps a list of what is asked of it."""

    learns = True

    def __init__(self, spec, config, rngs):
        super().__init__(spec, config, rngs)
        self.calls = []
        self.loss = 0.5

    def act(self, ts, rng, *, explore):
        self.calls.append(("explore" if explore else "greedy", ts))
        return super().act(ts, rng, explore=explore)

    def observe(self, ts, actions, next_ts):
        self.calls.append(("observe", ts))
        return {"loss": self.loss}

    def traces(self):
        return {"height": np.arange(8, dtype=np.float32)}

    def kinds(self):
        return [kind for kind, _ in self.calls]

    def worlds(self, kind):
        """First observations of the episodes played that way."""
        return [ts.obs.tobytes() for what, ts in self.calls if what == kind and ts.first]


@pytest.fixture(autouse=True)
def _spy_on_a_line(monkeypatch):
    monkeypatch.setattr(runner, "SCENARIOS", {**SCENARIOS, "line": Line})
    monkeypatch.setattr(runner, "METHODS", {**METHODS, "random": Spy, "asleep": RandomPolicy})
    monkeypatch.setattr(Cell, "config", METHODS["random"].Config())


def cell(*, method="random", seed=0, **budget):
    usual = {"episodes": 6, "steps": 0, "evaluations": 3, "evaluation_episodes": 2}
    return Cell(
        scenario="line",
        options=(("max_steps", STEPS),),
        method=method,
        fields=(),
        preset="default",
        seed=seed,
        budget=Budget(**(usual | budget)),
        label="spy",
    )


def finish(training):
    rows = []
    while not training.done:
        rows.append(training.advance())
    return rows


def test_training_explores_and_learns_and_evaluation_does_neither():
    training = Training(cell())

    training.advance()

    trained, evaluated = ["explore", "observe"] * STEPS * 2, ["greedy"] * STEPS * 2
    assert training.method.kinds() == trained + evaluated


def test_evaluations_are_spread_evenly_and_the_last_one_closes_the_run():
    rows = finish(Training(cell(episodes=7, evaluations=3)))

    assert [row["evaluation"] for row in rows] == [1, 2, 3]
    assert [row["episode"] for row in rows] == [3, 5, 7]
    assert [row["step"] for row in rows] == [9, 15, 21]


def test_training_goes_on_until_both_episodes_and_steps_are_reached():
    rows = finish(Training(cell(episodes=2, steps=31, evaluations=2)))

    assert [row["episode"] for row in rows] == [6, 11]


def test_every_evaluation_plays_the_same_worlds_and_training_other_ones():
    training = Training(cell())
    finish(training)

    evaluated, trained = (training.method.worlds(kind) for kind in ("greedy", "explore"))

    assert evaluated == evaluated[:2] * 3
    assert evaluated[0] != evaluated[1]
    assert len(set(trained)) == 6
    assert not set(trained) & set(evaluated)


def test_every_seed_has_worlds_of_its_own():
    once, again = Training(cell(seed=0)), Training(cell(seed=1))

    once.advance()
    again.advance()

    assert not set(once.method.worlds("greedy")) & set(again.method.worlds("greedy"))
    assert not set(once.method.worlds("explore")) & set(again.method.worlds("explore"))


def test_a_row_has_means_over_evaluation_episodes_and_over_what_was_reported():
    row = Training(cell()).advance()

    assert row["train"] == {"loss": 0.5}
    assert len(row["episodes"]["return"]) == 2
    assert row["metrics"]["return"] == pytest.approx(np.mean(row["episodes"]["return"]))


def test_traces_are_summed_up_and_the_last_evaluation_keeps_them():
    rows = finish(Training(cell()))

    assert all(row["metrics"]["height_mean"] == pytest.approx(3.5) for row in rows)
    assert rows[0]["metrics"]["height_sd"] == pytest.approx(np.std(np.arange(8)))
    assert [("traces" in row) for row in rows] == [False, False, True]
    assert np.array(rows[-1]["traces"]["height"]).shape == (STEPS, 8)


def test_who_does_not_learn_is_evaluated_once_and_not_trained():
    (row,) = finish(Training(cell(method="asleep")))

    assert (row["evaluation"], row["episode"], row["step"]) == (1, 0, 0)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_figure_that_is_not_finite_stops_the_run_and_says_where(loss):
    training = Training(cell())
    training.advance()
    training.method.loss = loss

    with pytest.raises(FloatingPointError, match=r"loss is (nan|inf) at .* step 7, .* episode 3"):
        training.advance()


def at_step(training, when, **changes):
    """Change what the scenario shows at the so manieth timestep from now, counted from 1."""
    calls, show = iter(range(1, 1000)), training.scenario._timestep

    def changed(*arguments):
        ts = show(*arguments)
        return replace(ts, **changes) if next(calls) == when else ts

    training.scenario._timestep = changed


NAN = float("nan")
ODD = np.where(np.arange(8) == 5, NAN, 0).astype(np.float32)  # of agent 5


@pytest.mark.parametrize(
    ("when", "at"),
    [
        (1, "step 0, training episode 1"),
        (STEPS + 4, "step 2, training episode 2"),
        (2 * (STEPS + 1), "step 3, training episode 2"),
        (2 * (STEPS + 1) + 1, "step 0, evaluation 1, episode 1"),
        (3 * (STEPS + 1) + 3, "step 2, evaluation 1, episode 2"),
    ],
)
@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        (
            {"obs": np.ones((8, 4), np.float32) + ODD[:, None]},
            FloatingPointError,
            "observation of agent 5 is NaN",
        ),
        ({"reward": ODD}, FloatingPointError, "reward of agent 5 is NaN"),
        (
            {"reward": -np.inf * np.ones(8, np.float32)},
            FloatingPointError,
            "reward of agent 0 is -inf",
        ),
        (
            {"action_mask": np.isfinite(ODD)[:, None] & np.ones((8, 3), bool)},
            ValueError,
            "no action is allowed to agent 5",
        ),
    ],
)
def test_what_is_not_sound_stops_the_run_where_it_enters(when, at, changes, error, says):
    training = Training(cell())
    at_step(training, when, **changes)

    with pytest.raises(error) as caught:
        training.advance()

    assert str(caught.value) == f"{says} at {at}"


def test_who_is_at_an_end_needs_no_action():
    training = Training(cell())
    at_step(
        training, STEPS + 1, action_mask=np.zeros((8, 3), bool), terminated=True, truncated=False
    )

    training.advance()

    assert training.evaluation == 1


def test_agents_are_called_by_the_names_that_they_have():
    scenario = Line(max_steps=STEPS)
    scenario.agent_names = [f"agent_{i}" for i in range(8)]
    training = Training(cell(), (scenario, Training(cell()).method))
    at_step(training, 2, reward=ODD)

    with pytest.raises(FloatingPointError, match="reward of agent_5 is NaN at step 1, training"):
        training.advance()


def test_a_method_whose_scores_are_not_finite_stops_the_run_and_says_where(monkeypatch):
    def act(method, ts, rng, *, explore):
        return greedy(
            np.zeros((8, 3), np.float32) + (ODD[:, None] if ts.step == 1 else 0), ts.action_mask
        )

    monkeypatch.setattr(Spy, "act", act)

    with pytest.raises(FloatingPointError) as caught:
        Training(cell()).advance()

    assert str(caught.value) == "score of agent 5 is NaN at step 1, training episode 1"


def test_a_metric_that_is_not_finite_stops_the_run_and_says_where(monkeypatch):
    monkeypatch.setattr(Line, "metrics", lambda self: {"return": NAN})

    with pytest.raises(FloatingPointError, match="return is nan at the end, evaluation 1, episode"):
        Training(cell()).advance()


def test_between_two_evaluations_a_run_can_be_saved_and_goes_on_bit_for_bit():
    whole, interrupted, file = Training(cell()), Training(cell()), io.BytesIO()
    expected = finish(whole)
    rows = [interrupted.advance()]
    torch.save(interrupted.state_dict(), file)
    file.seek(0)
    resumed = Training(cell())

    resumed.load_state_dict(torch.load(file, weights_only=True))

    assert rows + finish(resumed) == expected
