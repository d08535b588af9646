"""QMIX, VDN and PPO as an author would write them first: a module per agent and Python loops.

The oracle of the stacked learners, and what the benchmarks compare them with.
"""

import copy

import torch
from torch import nn
from torch.nn.functional import mse_loss


class LoopAgent(nn.Module):
    """One agent's encoder, GRU cell and head, with weights copied from a stack."""

    def __init__(self, stack, agent):
        super().__init__()
        self.encoder = nn.ModuleList(linear(layer, agent) for layer in stack.encoder.layers)
        self.cell = None if stack.gru is None else gru_cell(stack.gru, agent)
        self.head = linear(stack.head, agent)

    def encode(self, x):
        for layer in self.encoder:
            x = torch.relu(layer(x))
        return x

    def forward(self, x, next_x, first):
        """Q-values before and after each step; x is [rows, steps, n_in]."""
        before, after = [], []
        memory = None if self.cell is None else torch.zeros(len(x), self.cell.hidden_size)
        for t in range(x.shape[1]):
            features, following = self.encode(x[:, t]), self.encode(next_x[:, t])
            if self.cell is not None:
                memory = self.cell(features, memory * (~first[:, [t]]).float())
                features, following = memory, self.cell(following, memory)
            before.append(self.head(features))
            after.append(self.head(following))
        return torch.stack(before, dim=1), torch.stack(after, dim=1)


class LoopTeam(nn.Module):
    """An agent network per agent, computed one after another, and a mixer."""

    def __init__(self, network, n_agents):
        super().__init__()
        self.agents = nn.ModuleList(LoopAgent(network.agents, i) for i in range(n_agents))
        self.mixer = copy.deepcopy(network.mixer)

    def forward(self, x, next_x, first):
        both = [agent(x[i], next_x[i], first) for i, agent in enumerate(self.agents)]
        return (torch.stack(q, dim=2) for q in zip(*both, strict=True))

    def total(self, q, obs):
        steps = [self.mixer(q[:, t], obs[:, t].flatten(1)) for t in range(q.shape[1])]
        return torch.stack(steps, dim=1)


class LoopMixed:
    """The update of a VDN or QMIX whose agents have networks of their own.

    Args:
        method: The stacked learner whose weights and settings to start from; one-step targets,
            no double Q-learning, nothing burnt in.
        n_agents: Its number of agents.
    """

    def __init__(self, method, n_agents):
        self.method, self.config = method, method._config
        self.network = LoopTeam(method._network, n_agents)
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)

    def update(self, batch):
        method, c, first = self.method, self.config, batch["step"] == 0
        x = method._sequences(batch["obs"], batch["previous"])
        next_x = method._sequences(batch["next_obs"], batch["action"])
        obs, next_obs = (batch[k] * method._obs_scale for k in ("obs", "next_obs"))
        with torch.no_grad():
            _, after = self.target(x, next_x, first)
            value = self.target.total(after.amax(dim=3), next_obs)
            y = batch["reward"].mean(dim=2) + c.discount * batch["continues"] * value
        before, _ = self.network(x, next_x, first)
        taken = before.gather(3, batch["action"].unsqueeze(3)).squeeze(3)
        loss = mse_loss(self.network.total(taken, obs), y)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), c.max_gradient_norm)
        self.optimizer.step()
        with torch.no_grad():
            pairs = zip(self.target.parameters(), self.network.parameters(), strict=True)
            for mine, theirs in pairs:
                mine.lerp_(theirs, c.tau)


class LoopPPO:
    """IPPO with networks and an optimizer for each agent; every action is allowed.

    Args:
        method: The stacked IPPO whose weights and settings to start from.
        n_agents: Its number of agents.
    """

    def __init__(self, method, n_agents):
        self.config = method._config
        self.actors = [plain(method._actor, i) for i in range(n_agents)]
        self.critics = [plain(method._critic, i) for i in range(n_agents)]
        self.optimizers = [
            torch.optim.Adam([*a.parameters(), *v.parameters()], lr=self.config.learning_rate)
            for a, v in zip(self.actors, self.critics, strict=True)
        ]

    def update(self, obs, action, reward, next_obs, orders):
        """Learn from a rollout that is one unfinished episode, in the given orders of steps."""
        for i, (actor, critic) in enumerate(zip(self.actors, self.critics, strict=True)):
            x, mine = obs[:, i], action[:, [i]]
            with torch.no_grad():
                value, last = critic(x).squeeze(1), critic(next_obs[[i]]).squeeze(1)
                advantage = self._advantages(reward[:, i], torch.cat([value, last]))
                past = actor(x).log_softmax(1).gather(1, mine)
            gain = (advantage - advantage.mean()) / (advantage.std(correction=0) + 1e-5)
            for rows in orders:
                self._step(
                    i, x[rows], mine[rows], past[rows], gain[rows], (value + advantage)[rows]
                )

    def _advantages(self, reward, value):
        c, found, tail = self.config, [], 0.0
        for t in reversed(range(len(reward))):
            error = reward[t] + c.discount * value[t + 1] - value[t]
            tail = error + c.discount * c.gae_decay * tail
            found.append(tail)
        return torch.stack(found[::-1])

    def _step(self, i, x, action, past, gain, target):
        c = self.config
        log_probs = self.actors[i](x).log_softmax(1)
        ratio = (log_probs.gather(1, action) - past).exp().squeeze(1)
        paid = torch.minimum(ratio * gain, ratio.clamp(1 - c.clip, 1 + c.clip) * gain).mean()
        entropy = -(log_probs.exp() * log_probs).sum(1).mean()
        error = mse_loss(self.critics[i](x).squeeze(1), target)
        self.optimizers[i].zero_grad()
        (error - paid - c.entropy_weight * entropy).backward()
        self.optimizers[i].step()


def plain(stack, agent):
    """An MLP of torch's own layers."""
    modules = []
    for layer in stack.layers:
        modules += [linear(layer, agent), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def linear(layer, agent):
    """A layer of torch's own with the weights of one of a stack."""
    n_in, n_out = layer.weight.shape[1:]
    copied = nn.Linear(n_in, n_out)
    with torch.no_grad():
        copied.weight.copy_(layer.weight[agent].T)
        copied.bias.copy_(layer.bias[agent, 0])
    return copied


def gru_cell(gru, agent):
    """A GRU cell of torch's own with the weights of one of a stack."""
    n_in, gates = gru.from_input.weight.shape[1:]
    cell = nn.GRUCell(n_in, gates // 3)
    with torch.no_grad():
        for layer, name in ((gru.from_input, "ih"), (gru.from_memory, "hh")):
            getattr(cell, f"weight_{name}").copy_(layer.weight[agent].T)
            getattr(cell, f"bias_{name}").copy_(layer.bias[agent, 0])
    return cell
