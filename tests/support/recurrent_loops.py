"""NeurComm, IA2C and ConseNet: how tests play them, and what the stacked ones are held against.

``LoopAgents`` is each of them agent by agent, edges and messages included; ``LoneAgent`` with
``lone_losses`` is the A2C of a textbook, step by step, for agents without neighbors.
"""

import dataclasses

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.learners.a2c import SQUARE_DECAY, SQUARE_OFFSET, Seen
from methods.nn.attention import neighborhood
from support.toys import Line, graph_of_slots


def made(name, spec, **fields):
    fields = {"hidden": (6,), "rollout": 7} | fields
    config = build_config(name, "prisoner", "paper", tuple(sorted(fields.items())))
    return METHODS[name](spec, config, method_rngs(0))


def play(method, scenario, episodes, *, seen=lambda ts: ts):
    """Train; return the steps and the figures of each update. ``seen`` may alter timesteps."""
    world, act, steps, figures = np.random.default_rng(1), np.random.default_rng(2), [], []
    for _ in range(episodes):
        ts = seen(scenario.reset(world))
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = seen(scenario.step(actions))
            steps.append((ts, actions, next_ts))
            if row := method.observe(ts, actions, next_ts):
                figures.append(row)
            ts = next_ts
    return steps, figures


def isolated(ts):
    """The same, had nobody a neighbor: all slots empty."""
    empty = np.full_like(ts.neighbors, -1)
    return dataclasses.replace(ts, neighbors=empty, graph=graph_of_slots(empty))


def path_of(n_agents, n_features, n_actions, steps):
    """Observations to differentiate by, on a path of agents."""
    scenario = Line(n_agents=n_agents, n_features=n_features)
    slots = neighborhood(torch.from_numpy(scenario.reset(np.random.default_rng(0)).neighbors[None]))
    obs = torch.rand(steps, n_agents, n_features, generator=torch.Generator().manual_seed(0))
    policy = torch.full((steps, n_agents, n_actions), 1 / n_actions)
    return scenario, Seen(obs.requires_grad_(), slots.one_hot(), policy)


class LoneAgent(nn.Module):
    """One agent's A2C as a textbook has it: an encoder, an LSTM cell, two heads."""

    def __init__(self, network, agent, n_features, n_actions, units):
        super().__init__()
        self.encoder, self.cell = nn.Linear(n_features, units), nn.LSTMCell(units, units)
        self.actor, self.critic = nn.Linear(units, n_actions), nn.Linear(units, 1)
        self.cell.bias_hh.requires_grad_(requires_grad=False).zero_()
        i, f, o, g = (torch.arange(k * units, (k + 1) * units) for k in range(4))
        order = torch.cat([i, f, g, o])  # torch has the candidate third
        with torch.no_grad():
            encoder = network.encoder.layers[0]
            self.encoder.weight.copy_(encoder.weight[agent].T)
            self.encoder.bias.zero_()
            self.cell.weight_ih.copy_(network.lstm.from_input.weight[agent].T[order])
            self.cell.weight_hh.copy_(network.lstm.from_memory.weight[agent].T[order])
            self.cell.bias_ih.zero_()
            for head in ("actor", "critic"):
                getattr(self, head).weight.copy_(getattr(network, head).weight[agent].T)
                getattr(self, head).bias.zero_()

    def forward(self, obs, state):
        state = self.cell(torch.relu(self.encoder(obs)).unsqueeze(0), state)
        return self.actor(state[0][0]).log_softmax(0), self.critic(state[0][0])[0], state


def lone_losses(agent, start, steps, index, scale, c):
    """One agent's losses on one segment, step by step; also its state at the segment's end."""
    log_probs, values, rewards, bootstraps, spreads = [], [], [], [], []
    state = start
    for ts, actions, next_ts in steps:
        if ts.first:
            state = (torch.zeros_like(start[0]), torch.zeros_like(start[1]))
        logs, value, state = agent(torch.from_numpy(ts.obs[index] * scale), state)
        log_probs.append(logs[int(actions[index])])
        spreads.append(-(logs.exp() * logs).sum())
        values.append(value)
        rewards.append(float(next_ts.reward[index]))
        with torch.no_grad():
            _, following, _ = agent(torch.from_numpy(next_ts.obs[index] * scale), state)
        bootstraps.append(0.0 if next_ts.terminated else float(following))
    policy_loss = value_loss = 0.0
    for t in range(len(steps)):
        target, factor = 0.0, 1.0
        for u in range(t, len(steps)):
            target += factor * rewards[u]
            factor *= c.discount
            if steps[u][2].last or u == len(steps) - 1:
                target += factor * bootstraps[u]
                break
        error = target - values[t]
        policy_loss = policy_loss - log_probs[t] * error.detach() / len(steps)
        value_loss = value_loss + c.value_weight / 2 * error**2 / len(steps)
    return policy_loss, value_loss, torch.stack(spreads).mean(), [s.detach() for s in state]


def linear(stacked, agent):
    weight = stacked.weight[agent].detach()
    layer = nn.Linear(*weight.shape, bias=stacked.bias is not None)
    layer.weight.data.copy_(weight.T)
    if stacked.bias is not None:
        layer.bias.data.copy_(stacked.bias[agent, 0])
    return layer


def lstm_cell(network, agent):
    """The agent's cell, its input weights being those of observation, fingerprints, messages."""
    parts = [network.lstm.from_input]
    if hasattr(network, "messages"):
        parts += [network.from_fingerprints, network.from_messages]
    inputs = torch.cat([part.weight[agent].detach() for part in parts])
    hidden = network.lstm.from_memory.weight[agent].detach()
    units = hidden.shape[0]
    cell = nn.LSTMCell(len(inputs), units)
    enters, stays, leaves, candidate = torch.arange(4 * units).chunk(4)
    order = torch.cat([enters, stays, candidate, leaves])
    cell.weight_ih.data.copy_(inputs.T[order])
    cell.weight_hh.data.copy_(hidden.T[order])
    cell.bias_ih.data.copy_(network.lstm.from_input.bias[agent, 0, order])
    cell.bias_hh.data.zero_()
    cell.bias_hh.requires_grad_(requires_grad=False)
    return cell


class LoopAgents(nn.Module):
    """All agents of one method, one module each."""

    def __init__(self, network, n_agents, config):
        super().__init__()
        self.talks, self.listens = hasattr(network, "messages"), network._listens
        self.config = config
        self.agents = nn.ModuleList()
        for i in range(n_agents):
            parts = {
                "encoder": linear(network.encoder.layers[0], i),
                "cell": lstm_cell(network, i),
                "actor": linear(network.actor, i),
                "critic": linear(network.critic, i),
            }
            if self.talks:
                parts["fingerprints"] = linear(network.fingerprints, i)
                parts["messages"] = linear(network.messages, i)
            self.agents.append(nn.ModuleDict(parts))
        self.adjusted = [p for p in self.parameters() if p.requires_grad]
        self.optimizer = torch.optim.RMSprop(
            self.adjusted, lr=config.learning_rate, alpha=SQUARE_DECAY, eps=SQUARE_OFFSET
        )

    def forward(self, obs, neighbors, policy, action, first, start):
        """Return logits [steps, agents, actions] and values [steps, agents] of a segment."""
        units, n_actions = start[0].shape[1], policy.shape[2]
        acted = F.one_hot(action, n_actions).float()
        memory = [(hidden[None], cell[None]) for hidden, cell in zip(*start, strict=True)]
        logits, values = [], []
        for t in range(len(obs)):
            if first[t]:
                memory = [(torch.zeros(1, units),) * 2 for _ in memory]
            slots, then = neighbors[t if len(neighbors) > 1 else 0].tolist(), memory
            memory = []
            for i, agent in enumerate(self.agents):
                x = (
                    torch.cat([obs[t, i], gathered(obs[t], slots[i])])
                    if self.listens
                    else obs[t, i]
                )
                parts = [torch.relu(agent["encoder"](x))]
                if self.talks:
                    said = gathered([m[0][0] for m in then], slots[i])
                    parts.append(torch.relu(agent["fingerprints"](gathered(policy[t], slots[i]))))
                    parts.append(torch.relu(agent["messages"](said)))
                memory.append(agent["cell"](torch.cat(parts)[None], then[i]))
                hidden = memory[i][0][0]
                logits.append(agent["actor"](hidden))
                values.append(agent["critic"](torch.cat([hidden, gathered(acted[t], slots[i])])))
        shape = (len(obs), len(self.agents))
        return torch.stack(logits).view(*shape, n_actions), torch.stack(values).view(*shape)

    def update(self, segment, obs, returns):
        """One gradient step on one segment, given its returns; the losses per agent."""
        c, start = self.config, (segment.extra["hidden"][0], segment.extra["cell"][0])
        logits, values = self(
            obs,
            segment.seen["neighbors"],
            segment.extra["policy"],
            segment.action,
            segment.first.tolist(),
            start,
        )
        log_probs, error = logits.log_softmax(2), returns - values
        taken = log_probs.gather(2, segment.action[:, :, None])[:, :, 0]
        policy_loss = -(taken * error.detach()).mean(0).sum()
        value_loss = c.value_weight / 2 * error.square().mean(0).sum()
        spread = -(log_probs.exp() * log_probs).sum(2).mean(0).sum()
        self.optimizer.zero_grad()
        (policy_loss + value_loss - c.entropy_weight * spread).backward()
        nn.utils.clip_grad_norm_(self.adjusted, c.max_gradient_norm)
        self.optimizer.step()
        n = len(self.agents)
        return [x.item() / n for x in (policy_loss, value_loss, spread)]


def gathered(rows, slots):
    """What stands in the slots, side by side, zeros in empty ones."""
    found = [rows[j] if j >= 0 else torch.zeros_like(rows[0]) for j in slots]
    return torch.cat(found) if found else torch.zeros(0)
