"""What every Q-learner does, shown on DQN: targets by hand, when it updates, how it explores."""

import dataclasses

import numpy as np
import pytest
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.dqn import DQN
from methods.learners.q_learning import td_target
from support.toys import Line, fill

SETTINGS = {
    "parameters": "per_agent",
    "hidden": (16, 16),
    "warm_up": 20,
    "update_every": 1,
    "sample_size": 12,
    "batch_size": 12,
    "capacity": 100,
    "tau": 0.1,
    "discount": 0.9,
    "double": False,
}


def build(scenario, **changed):
    config = build_config("dqn", "line", "default", tuple((SETTINGS | changed).items()))
    return DQN(scenario.spec, config, method_rngs(0)), config


def test_the_target_is_reward_plus_discounted_value_unless_the_episode_terminated():
    reward = torch.tensor([[1.0, -1.0], [0.5, 0.0]])
    continues = torch.tensor([1.0, 0.0])
    next_value = torch.tensor([[10.0, 20.0], [30.0, 40.0]])

    target = td_target(reward, continues, next_value, 0.9)

    torch.testing.assert_close(target, torch.tensor([[10.0, 17.0], [0.5, 0.0]]))


@pytest.mark.parametrize(("ends", "value"), [("truncated", 0.9 * 7.0), ("terminated", 0.0)])
def test_a_stored_end_bootstraps_if_and_only_if_it_was_a_truncation(ends, value):
    scenario = Line(max_steps=1, ends=ends)
    method, _ = build(scenario, warm_up=1000)
    fill(method, scenario, 30)
    for parameter in method._target.parameters():
        parameter.data.zero_()
    method._target.layers[-1].bias.data[:] = torch.tensor([3.0, 7.0, 5.0])
    sample = method._replay.sample(12, np.random.default_rng(0))

    targets = method.targets(sample)

    torch.testing.assert_close(targets, sample["reward"] + value)


def test_a_forbidden_action_is_no_ones_best():
    scenario = Line(max_steps=1, masked=True)
    method, _ = build(scenario, warm_up=1000)
    fill(method, scenario, 30)
    for parameter in method._target.parameters():
        parameter.data.zero_()
    method._target.layers[-1].bias.data[:] = torch.tensor([3.0, 7.0, 5.0])
    sample = method._replay.sample(12, np.random.default_rng(0))

    targets = method.targets(sample)

    best = torch.where(sample["next_action_mask"][:, :, 1], 7.0, 5.0)
    torch.testing.assert_close(targets, sample["reward"] + 0.9 * best)


def test_double_q_learning_values_the_online_networks_choice_with_the_target():
    scenario = Line(max_steps=1)
    method, _ = build(scenario, warm_up=1000, double=True)
    fill(method, scenario, 30)
    for network, q in ((method._target, [3.0, 7.0, 5.0]), (method._network, [0.0, 1.0, 2.0])):
        for parameter in network.parameters():
            parameter.data.zero_()
        network.layers[-1].bias.data[:] = torch.tensor(q)
    sample = method._replay.sample(12, np.random.default_rng(0))

    targets = method.targets(sample)

    torch.testing.assert_close(targets, sample["reward"] + 0.9 * 5.0)


def test_updates_come_when_they_are_due():
    scenario = Line()
    method, _ = build(scenario, warm_up=20, update_every=4)
    world, act = np.random.default_rng(1), np.random.default_rng(2)
    ts, learned = scenario.reset(world), []

    for step in range(1, 41):
        if ts.last:
            ts = scenario.reset(world)
        actions = method.act(ts, act, explore=True)
        next_ts = scenario.step(actions)
        if method.observe(ts, actions, next_ts):
            learned.append(step)
        ts = next_ts

    assert learned == [20, 24, 28, 32, 36, 40]


def scripted(method, held_out, trained):
    """Replace what a pass costs by a script: the loss on what is held out after each pass."""
    losses = iter(held_out)
    method.loss = lambda batch, y: torch.tensor(next(losses))
    method._gradient_step = lambda batch, y: trained.append(len(y)) or 0.5


def test_an_update_call_ends_when_the_loss_on_what_is_held_out_stops_falling():
    scenario, trained = Line(), list[int]()
    fields = {"sample_size": 10, "batch_size": 4, "epochs": 9, "patience": 2, "holdout": 0.3}
    method, _ = build(scenario, warm_up=1000, **fields)
    fill(method, scenario, 30)
    scripted(method, [5.0, 4.0, 6.0, 4.0, 1.0], trained)

    metrics = method.update()

    assert metrics == {"td_loss": 0.5, "epochs": 4.0}
    assert trained == [4, 3] * 4  # seven of ten, in batches of four


def test_without_patience_all_passes_are_made():
    scenario, trained = Line(), list[int]()
    method, _ = build(scenario, warm_up=1000, sample_size=10, batch_size=4, epochs=3)
    fill(method, scenario, 30)
    scripted(method, [], trained)

    assert method.update() == {"td_loss": 0.5}
    assert trained == [4, 4, 2] * 3


def test_observations_may_be_seen_as_they_are():
    scenario = Line()
    scale = np.full_like(scenario.spec.obs_scale, 0.25)
    spec = dataclasses.replace(scenario.spec, obs_scale=scale)
    scaled, raw = (
        DQN(spec, build_config("dqn", "line", "default", (("scale_obs", seen),)), method_rngs(0))
        for seen in (True, False)
    )
    ts = scenario.reset(np.random.default_rng(0))

    seen = raw.scores(dataclasses.replace(ts, obs=ts.obs * scale))

    np.testing.assert_array_equal(seen, scaled.scores(ts))
    assert (raw.scores(ts) != seen).any()


def test_epsilon_decays_by_episode_down_to_its_least_value():
    scenario = Line(max_steps=1)
    method, _ = build(scenario, warm_up=1000, epsilon=0.8, epsilon_decay=0.5, epsilon_min=0.15)
    seen = []

    for _ in range(4):
        seen.append(method.epsilon)
        fill(method, scenario, 1)

    assert seen == pytest.approx([0.8, 0.4, 0.2, 0.15])


def test_the_config_is_frozen():
    _, config = build(Line())

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.tau = 1.0
