"""What every scenario lets its players do, and what it refuses."""

from typing import Literal

import numpy as np

from harness.laws import Build, LawBroken, NotApplicable, require
from harness.laws.episodes import STEPS, allowed, episode
from scenarios.base import Actions, Scenario


def reference_policies_play_allowed_actions(build: Build) -> None:
    """One per agent, from the stream they are given."""
    scenario = build()
    for name, policy in scenario.references().items():
        rng = np.random.default_rng(1)
        ts = scenario.reset(np.random.default_rng(0))
        while not ts.last and ts.step < STEPS:
            actions = policy(ts, rng)
            require(allowed(ts, actions), f"{name}, step {ts.step}: plays {actions.tolist()}")
            ts = scenario.step(actions)


def an_action_out_of_range_is_refused(build: Build, side: Literal["below", "above"]) -> None:
    """With a ``ValueError`` that names the agent."""
    scenario = build()
    actions = scenario.reset(np.random.default_rng(0)).action_mask.argmax(axis=1)
    actions[-1] = -1 if side == "below" else scenario.spec.n_actions
    _refused(scenario, actions, f"agent {len(actions) - 1} plays {actions[-1]}, outside")


def a_forbidden_action_is_refused(build: Build) -> None:
    """With a ``ValueError`` that says it is masked."""
    scenario = build()
    ts = scenario.reset(np.random.default_rng(0))
    if ts.action_mask.all():
        raise NotApplicable("everything is allowed at the first step")
    agent, action = np.argwhere(~ts.action_mask)[0]
    actions = ts.action_mask.argmax(axis=1)
    actions[agent] = action
    _refused(scenario, actions, "masked")


def a_step_after_the_end_is_refused(build: Build) -> None:
    """With a ``ValueError`` that says the episode is over."""
    scenario = build()
    *_, last = episode(scenario, seed=0, steps=None)
    _refused(scenario, last.action_mask.argmax(axis=1), "over")


def _refused(scenario: Scenario, actions: Actions, says: str) -> None:
    try:
        scenario.step(actions)
    except ValueError as error:
        require(says in str(error), f"the ValueError says {str(error)!r}, without {says!r}")
    else:
        raise LawBroken(f"{actions.tolist()} was accepted")
