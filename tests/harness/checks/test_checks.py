"""Every check notices what it is there for: a fault planted in something that passes them all."""

import copy
import dataclasses
import itertools
from functools import partial

import numpy as np
import pytest
import torch

from harness.checks.base import CheckFailed, run_checks
from harness.checks.registry import METHOD_CHECKS, SCENARIO_CHECKS
from harness.checks.subject import NoToy, Subject
from harness.config.hparams import build_config, preset_values
from methods.base import Communication, Rngs
from methods.dqn import DQN
from support.toys import Line


class Shown(Line):
    """A line whose timesteps go through ``show`` before anybody sees them."""

    def _timestep(self, reward):
        return self.show(super()._timestep(reward))

    def show(self, ts):
        return ts


def changed(**changes):
    """A line that shows something else than it should, from a later step on or always."""

    class Changed(Shown):
        def show(self, ts):
            wrong = copy.copy(ts)
            for name, change in changes.items():
                object.__setattr__(wrong, name, change(ts))  # else its types would be checked
            return wrong

    return Changed


class Undescribed(Line):
    description = ""


class Unsure(Line):
    def __init__(self, **options):
        super().__init__(**options)
        self.bound = {"return": -1.0}


class Quiet(Line):
    deterministic = True


class Secretive(Line):
    def metrics(self):
        return {**super().metrics(), "more": 1.0}


class Infinite(Line):
    def metrics(self):
        return {"return": float("inf")}


class Stubborn(Line):
    def __init__(self):
        super().__init__(masked=True)

    def references(self):
        return {"forbidden": lambda ts, rng: ts.action_mask.argmin(axis=1)}


class Lenient(Line):
    """Takes any action at any time."""

    def __init__(self):
        super().__init__(masked=True)

    def step(self, actions):
        self._mask[:] = True
        if self._step == self._spec.max_steps:
            return self._timestep(np.zeros(self._spec.n_agents, np.float32))
        return super().step(np.clip(actions, 0, self._spec.n_actions - 1))


class Mumbling(Line):
    """Refuses without saying what."""

    def step(self, actions):
        if actions.min() < 0:
            raise ValueError("no")
        return super().step(actions)


class Remembering(Line):
    """Counts its episodes into the observations."""

    n_episodes = 0

    def reset(self, rng):
        self.n_episodes += 1
        self._table = self._table + np.float32(self.n_episodes)
        return super().reset(rng)


class Reusing(Shown):
    """Hands out one array all the time."""

    def show(self, ts):
        if ts.first:
            self._kept = ts.obs.copy()
        self._kept[:] = ts.obs
        return dataclasses.replace(ts, obs=self._kept)


class Trusting(Shown):
    """Counts on the array that it has handed out."""

    def show(self, ts):
        self._kept = ts.obs.copy() if ts.first else self._kept
        return dataclasses.replace(ts, obs=self._kept)


class Gaping(Shown):
    """Leaves a gap before the last slot."""

    def show(self, ts):
        return dataclasses.replace(ts, neighbors=ts.neighbors[:, ::-1].copy())


TRANSPOSED = changed(obs=lambda ts: ts.obs.T.copy())
BROKEN_SCENARIOS = (
    (Undescribed, "it_is_a_scenario_and_describes_itself", "description is empty"),
    (object, "it_is_a_scenario_and_describes_itself", "lacks .*spec.*reset"),
    (Unsure, "the_bound_is_better_than_the_floor", "return: floor 0.0, bound -1.0"),
    (TRANSPOSED, "timesteps_keep_the_contract", r"obs is float32 \(4, 8\), not float32 \(8, 4\)"),
    (
        changed(reward=lambda ts: ts.reward.astype(float)),
        "timesteps_keep_the_contract",
        "reward is float64",
    ),
    (
        changed(action_mask=lambda ts: ts.action_mask & (np.arange(8) > 0)[:, None]),
        "timesteps_keep_the_contract",
        "no action is allowed to agent 0 at step 0",
    ),
    (
        changed(obs=lambda ts: ts.obs / 0),
        "timesteps_keep_the_contract",
        "observation of agent 0 is inf at step 0",
    ),
    (changed(step=lambda ts: ts.step + 1), "timesteps_keep_the_contract", "its count says 1"),
    (changed(truncated=lambda ts: False), "timesteps_keep_the_contract", "goes on beyond"),
    (
        changed(terminated=lambda ts: ts.truncated),
        "timesteps_keep_the_contract",
        "terminated and truncated",
    ),
    (changed(reward=lambda ts: ts.reward + 1), "nothing_is_earned_by_a_reset", "not 0"),
    (changed(truncated=lambda ts: True), "nothing_is_earned_by_a_reset", "is over"),
    (
        changed(graph=lambda ts: ts.graph & ~np.eye(8, dtype=bool)),
        "slots_and_graph_say_the_same_and_each_agent_is_its_own_neighbor",
        "diagonal",
    ),
    (Gaping, "slots_and_graph_say_the_same_and_each_agent_is_its_own_neighbor", "a gap"),
    (Reusing, "what_was_handed_out_never_changes", "step 0 was changed"),
    (Trusting, "a_reader_who_scribbles_on_a_timestep_changes_nothing", "from step 1 on"),
    (Quiet, "it_draws_from_its_stream_if_and_only_if_it_says_so", "deterministic = True"),
    (Secretive, "every_figure_is_known_and_finite", "'more'"),
    (Infinite, "every_figure_is_known_and_finite", "return not finite"),
    (Stubborn, "reference_policies_play_allowed_actions", "forbidden, step 0"),
    (Lenient, "a_forbidden_action_is_refused", "was accepted"),
    (Lenient, "a_step_after_the_end_is_refused", "was accepted"),
    *((Remembering, f"same_seed_same_episode_also_after_another_one, seed {n}", "step 0 on")
      for n in range(3)),
    *((Lenient, f"an_action_out_of_range_is_refused, {s}", "accepted") for s in ("below", "above")),
    (Mumbling, "an_action_out_of_range_is_refused, below", "says 'no'"),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize(("build", "check", "reason"), BROKEN_SCENARIOS)
def test_a_fault_of_a_scenario_fails_its_check(build, check, reason):
    with pytest.raises(CheckFailed, match=reason):
        SCENARIO_CHECKS[check](build)


def test_every_check_of_scenarios_has_a_fault_planted():
    assert {check for _, check, _ in BROKEN_SCENARIOS} == SCENARIO_CHECKS.keys()


class Untitled(DQN):
    title = ""


class Unsettled(DQN):
    """Its Config can be changed while it runs."""

    Config = dataclasses.make_dataclass("Config", [("hidden", tuple)])


class Costless(DQN):
    @property
    def communication(self):
        return Communication(execution=2.0, training=1.0)


class Wide(DQN):
    def scores(self, ts):
        return super().scores(ts).astype(np.float64)


class Wavering(DQN):
    """Changes with every question, or with every evaluation."""

    def scores(self, ts):
        self._steps += 1
        return super().scores(ts) + np.float32(self._steps)

    def act(self, ts, rng, *, explore):
        return np.zeros(len(ts.obs), np.int64)


class Watched(DQN):
    def act(self, ts, rng, *, explore):
        self._steps += not explore
        return super().act(ts, rng, explore=explore)


class Brief(DQN):
    def traces(self):
        return {"trace": np.zeros(3)}


class Global(DQN):
    def act(self, ts, rng, *, explore):
        np.random.random()  # noqa: NPY002
        return super().act(ts, rng, explore=explore)


class GlobalTorch(DQN):
    def act(self, ts, rng, *, explore):
        torch.rand(1)
        return super().act(ts, rng, explore=explore)


class Willful(DQN):
    def act(self, ts, rng, *, explore):
        return np.random.default_rng().integers(3, size=len(ts.obs))


class Idle(DQN):
    def observe(self, ts, actions, next_ts):
        return {}


class Dizzy(DQN):
    def observe(self, ts, actions, next_ts):
        return {"loss": float("nan")}


class Deaf(DQN):
    """Drops its seed."""

    def __init__(self, spec, config, rngs):
        fixed = Rngs(init=torch.Generator().manual_seed(7), replay=rngs.replay, learn=rngs.learn)
        super().__init__(spec, config, fixed)


class Masked(DQN):
    """Plays what is forbidden, where it can."""

    def act(self, ts, rng, *, explore):
        return ts.action_mask.argmin(axis=1)


class Nosy(DQN):
    """Knows what everybody sees."""

    def scores(self, ts):
        return super().scores(ts) + np.float32(ts.obs.mean())


class Ranked(DQN):
    """Knows which agent it serves."""

    def scores(self, ts):
        return super().scores(ts) + np.arange(len(ts.obs), dtype=np.float32)[:, None]


class Forgetful(DQN):
    def load_state_dict(self, state):
        kept = self._optimizer.state_dict()
        super().load_state_dict(state)
        self._optimizer.load_state_dict(kept)


COUNTER = itertools.count()


class Fickle(DQN):
    """Another one each time."""

    def __init__(self, spec, config, rngs):
        super().__init__(spec, config, rngs)
        self._steps = next(COUNTER)


BROKEN_METHODS = (
    (Untitled, "it_describes_itself", "title is missing or empty"),
    (Unsettled, "it_describes_itself", "Config is not a frozen dataclass"),
    (Costless, "it_says_what_it_costs", "training includes execution"),
    (Wide, "scores_are_finite_one_per_agent_and_action", r"float64 \(8, 3\), not float32"),
    (Wavering, "scores_are_pure", "two answers"),
    (Brief, "traces_have_one_row_per_agent", "trace has 3 rows for 8 agents"),
    (Global, "exploration_draws_from_the_stream_it_is_given", "NumPy's global stream"),
    (GlobalTorch, "exploration_draws_from_the_stream_it_is_given", "torch's global stream"),
    (Willful, "exploration_draws_from_the_stream_it_is_given", "other actions"),
    (Idle, "it_learns", "8 episodes change no score"),
    (Dizzy, "its_figures_are_finite", "loss: not finite"),
    (Willful, "same_seed_same_run", "differ at evaluation 1"),
    (Fickle, "same_seed_same_run", "two runs of one seed"),
    (Deaf, "every_seed_is_a_sample_of_its_own", "5 seeds make 1"),
    (Watched, "evaluation_leaves_training_alone", "after 6 evaluations"),
    *((Masked, f"it_plays_allowed_actions, {how}", "episode 0, step 0")
      for how in ("exploring", "greedy")),
    *((broken, f"{check}, {graph} graph", reason)
      for graph in ("path", "drawn")
      for broken, check, reason in (
          (Nosy, "nobody_knows_more_than_hops_allow", "more than 0 hops away"),
          (Ranked, "with_shared_parameters_agents_are_exchangeable", "other scores"),
          (Forgetful, "save_and_load_continue_bit_for_bit", "what is loaded is not"),
      )),
)  # fmt: skip


def subject(method):
    configure = partial(build_config, "dqn", "line", "default")
    values = preset_values("dqn", "line", "default")
    return Subject(method=method, values=values, configure=configure)


@pytest.mark.parametrize(("method", "check", "reason"), BROKEN_METHODS)
def test_a_fault_of_a_method_fails_its_check(method, check, reason):
    with pytest.raises(CheckFailed, match=reason):
        METHOD_CHECKS[check](subject(method))


def test_every_check_of_methods_has_a_fault_planted():
    assert {check for _, check, _ in BROKEN_METHODS} == METHOD_CHECKS.keys()


class Picky(DQN):
    @classmethod
    def unsuitable(cls, spec, config):
        return f"{spec.n_agents} agents are too many" if spec.n_agents > 1 else None


def test_a_method_is_looked_at_with_as_many_agents_as_it_can_play():
    method, scenario = subject(Picky).made()

    assert scenario.spec.n_agents == 1
    assert isinstance(method, Picky)


def test_a_method_that_can_play_nothing_says_so(monkeypatch):
    monkeypatch.setattr(Picky, "unsuitable", lambda spec, config: "never")

    with pytest.raises(NoToy, match=r"\[8, 2, 1\] agents were tried"):
        subject(Picky).made()


def test_findings_name_the_check_and_where_an_unexpected_error_came_from():
    checks = {"first_check": lambda _: None, "second_check": lambda _: [][1]}

    fine, broken = run_checks(checks, None)

    assert (fine.name, fine.verdict, fine.detail) == ("first check", "ok", "")
    assert broken.verdict == "failed"
    assert broken.detail.startswith("IndexError: list index out of range (test_checks.py, line ")
