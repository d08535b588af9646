"""DQN's equations by hand, and its stacked learner against a plain loop over modules."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from harness.hparams import build_config
from harness.seeding import method_rngs
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


def test_ten_updates_equal_a_loop_over_modules():
    scenario = Line(n_agents=4)
    method, config = build(scenario)
    fill(method, scenario, config.warm_up - 1)
    loop = LoopOverModules(method, config)
    samples = copy.deepcopy(method._rngs.replay)

    for _ in range(10):
        method.update()
        loop.update(method._replay.sample(config.sample_size, samples))

    seen = torch.rand(6, 4, scenario.spec.n_features, generator=torch.Generator().manual_seed(3))
    stacked = method._network(seen.transpose(0, 1))
    plain = torch.stack([net(seen[:, i]) for i, net in enumerate(loop.networks)])
    torch.testing.assert_close(stacked, plain, rtol=0, atol=1e-6)
    stacked = method._target(seen.transpose(0, 1))
    plain = torch.stack([net(seen[:, i]) for i, net in enumerate(loop.targets)])
    torch.testing.assert_close(stacked, plain, rtol=0, atol=1e-6)


class LoopOverModules:
    """Independent DQN as one would write it first: a module and an optimizer for each agent."""

    def __init__(self, method, config):
        self.config, self.obs_scale = config, method._obs_scale
        self.networks = [plain(method._network, i) for i in range(4)]
        self.targets = copy.deepcopy(self.networks)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr=config.learning_rate) for net in self.networks
        ]

    def update(self, sample):
        obs, next_obs = sample["obs"] * self.obs_scale, sample["next_obs"] * self.obs_scale
        for i, (net, target) in enumerate(zip(self.networks, self.targets, strict=True)):
            with torch.no_grad():
                best = target(next_obs[:, i]).amax(1)
                y = sample["reward"][:, i] + self.config.discount * sample["continues"] * best
            taken = net(obs[:, i]).gather(1, sample["action"][:, i : i + 1]).squeeze(1)
            loss = mse_loss(taken, y) / 4  # the mean is over agents, too
            self.optimizers[i].zero_grad()
            loss.backward()
            self.optimizers[i].step()
            with torch.no_grad():
                for old, new in zip(target.parameters(), net.parameters(), strict=True):
                    old += self.config.tau * (new - old)


def plain(stack, i):
    """The i-th network of a stack as an ordinary module."""
    modules = []
    for layer in stack.layers:
        linear = nn.Linear(*layer.weight.shape[1:])
        linear.weight.data = layer.weight.data[i].T.clone()
        linear.bias.data = layer.bias.data[i, 0].clone()
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


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
