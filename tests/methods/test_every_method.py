"""What holds for every registered method; a new one is under test as soon as it has a name.

The checks themselves are the harness's, so that `doctor` can hold a user's method to them. They
are made on toy scenarios (``Line``) with small networks that learn from the first episodes on.
"""

import numpy as np
import pytest
from harness.laws.acting_laws import be_local

from harness.checks.base import NotApplicable
from harness.checks.registry import METHOD_LAWS
from harness.checks.subject import probe, registered_method, train
from harness.config.cell import Budget, Cell
from harness.config.hparams import PRESETS, build_config
from harness.training.loop import build_method
from methods import METHODS
from methods.base import Method
from scenarios import SCENARIOS
from support import places

EVERY = sorted(METHODS)
SCORES_ARE_LOGITS = {  # their critics are looked at in tests of their own
    "neurcomm", "ia2c", "consenet", "ippo", "mappo", "ip", "lio",
}  # fmt: skip
LEARNERS = [name for name in EVERY if METHODS[name].learns]
SHARING_REWARDS = [name for name in EVERY if METHODS[name].share_out is not Method.share_out]
ALLOWED = [check for check in METHOD_LAWS if check.startswith("it_plays_allowed_actions")]


def hold(name, check, preset="default"):
    try:
        METHOD_LAWS[check](registered_method(name, preset))
    except NotApplicable as reason:
        pytest.skip(f"{name}: {reason}")


@pytest.mark.parametrize("check", METHOD_LAWS)
@pytest.mark.parametrize("name", EVERY)
def test_it_obeys(name, check):
    hold(name, check)


@pytest.mark.parametrize("check", ALLOWED)
@pytest.mark.parametrize("name", EVERY)
def test_it_obeys_at_the_settings_of_its_paper(name, check):
    hold(name, check, "paper")


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "tuned"])
@pytest.mark.parametrize("scenario_name", sorted(SCENARIOS))
@pytest.mark.parametrize("name", EVERY)
def test_it_has_hyperparameters_for_every_scenario_it_suits(name, scenario_name, preset):
    scenario = places.build(scenario_name)
    fields = ()
    if name == "reference":
        fields = (("policy", next(iter(scenario.references()))),)
    config = build_config(name, scenario_name, preset, fields)
    unsuitable = METHODS[name].unsuitable(scenario.spec, config)

    if unsuitable is None:
        cell = Cell(
            scenario=scenario_name,
            options=places.options(scenario_name),
            method=name,
            fields=fields,
            preset=preset,
            seed=0,
            budget=Budget(episodes=1, steps=0, evaluations=1, evaluation_episodes=1),
            label=name,
        )
        method = build_method(cell, scenario)
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

    be_local(method, ts, ts.graph)


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
