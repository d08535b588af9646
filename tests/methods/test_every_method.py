"""Checks that every registered method passes; a new one is under test as soon as it has a name.

The checks themselves are in ``harness.checks``, so that `doctor` can run them on a user's method.
They look at it on toy scenarios (``Line``) with small networks that learn from the first episode
on.
"""

import numpy as np
import pytest

from harness.checks.acting import require_local
from harness.checks.base import NotApplicable
from harness.checks.registry import METHOD_CHECKS
from harness.checks.subject import probe, registered_method, train
from harness.config.cell import Budget, Cell
from harness.config.hparams import PRESETS, build_config
from harness.training.loop import make_method
from methods import METHODS
from methods.base import Method
from scenarios import SCENARIOS
from support import tasks

EVERY = sorted(METHODS)
SCORES_ARE_LOGITS = {  # their critics are looked at in tests of their own
    "neurcomm", "ia2c", "consenet", "ippo", "mappo", "ip", "lio",
}  # fmt: skip
LEARNERS = [name for name in EVERY if METHODS[name].learns]
SHARING_REWARDS = [name for name in EVERY if METHODS[name].share_out is not Method.share_out]
ALLOWED = [check for check in METHOD_CHECKS if check.startswith("it_plays_allowed_actions")]


def run(name, check, preset="default"):
    try:
        METHOD_CHECKS[check](registered_method(name, preset))
    except NotApplicable as reason:
        pytest.skip(f"{name}: {reason}")


@pytest.mark.parametrize("check", METHOD_CHECKS)
@pytest.mark.parametrize("name", EVERY)
def test_it_passes(name, check):
    run(name, check)


@pytest.mark.parametrize("check", ALLOWED)
@pytest.mark.parametrize("name", EVERY)
def test_it_passes_at_the_settings_of_its_paper(name, check):
    run(name, check, "paper")


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "tuned"])
@pytest.mark.parametrize("place", sorted(SCENARIOS))
@pytest.mark.parametrize("name", EVERY)
def test_it_has_hyperparameters_for_every_scenario_it_suits(name, place, preset):
    scenario = tasks.build(place)
    fields = ()
    if name == "reference":
        fields = (("policy", next(iter(scenario.references()))),)
    config = build_config(name, place, preset, fields)
    unsuitable = METHODS[name].unsuitable(scenario.spec, config)

    if unsuitable is None:
        cell = Cell(
            scenario=place,
            options=tasks.options(place),
            method=name,
            fields=fields,
            preset=preset,
            seed=0,
            budget=Budget(episodes=1, steps=0, evaluations=1, evaluation_episodes=1),
            label=name,
        )
        method = make_method(METHODS[cell.method], cell.config, cell.seed, scenario)
        scores = method.scores(scenario.reset(np.random.default_rng(0)))
        assert scores.shape == (scenario.spec.n_agents, scenario.spec.n_actions)
        assert np.isfinite(scores).all()
    else:
        assert unsuitable, "a reason is text"


@pytest.mark.parametrize("name", [n for n in ("dqn", "dgn") if n in METHODS])
def test_who_shares_nothing_is_heard_only_by_listeners(name):
    method, scenario = registered_method(name).made(n_agents=20, n_neighbors=2)
    train(method, scenario, episodes=3)
    ts = scenario.reset(np.random.default_rng(4))

    require_local(method, ts, ts.graph)


@pytest.mark.parametrize("name", sorted({*LEARNERS} - SCORES_ARE_LOGITS))
def test_truncation_bootstraps_and_termination_does_not(name):
    """Rewards lie in [0, 1]: in one-step episodes only who bootstraps expects more than 1."""
    expected = {}
    quick = {"learning_rate": 0.01, "tau": 0.5, "hidden": (32,)}
    for ends in ("truncated", "terminated"):
        method, scenario = registered_method(name).made(ends=ends, max_steps=1, more=quick)
        train(method, scenario, episodes=100 if method.n_parameters else 2000)  # tables take longer
        expected[ends] = probe(method, scenario).mean()

    assert expected["terminated"] < 1 < expected["truncated"]


@pytest.mark.parametrize("name", SHARING_REWARDS)
@pytest.mark.parametrize("options", [{}, {"n_neighbors": 2}], ids=["line", "drawn graph"])
def test_what_agents_keep_and_give_adds_up_and_goes_to_neighbors_only(name, options):
    method, scenario = registered_method(name).made(**options)
    train(method, scenario, episodes=4)
    ts, act = scenario.reset(np.random.default_rng(0)), np.random.default_rng(0)
    while not ts.last:
        actions = method.act(ts, act, explore=False)
        share = method.share_out(ts)
        assert share.shape == (scenario.spec.n_agents, scenario.spec.n_neighbors + 1)
        np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-5)
        assert (share[:, 1:][ts.neighbors < 0] == 0).all()
        assert (share >= 0).all()
        ts = scenario.step(actions)
