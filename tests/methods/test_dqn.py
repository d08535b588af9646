"""DQN's stacked learner against a plain loop over modules."""

import copy

import torch
from torch import nn
from torch.nn.functional import mse_loss

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.dqn import DQN
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
