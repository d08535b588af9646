"""Graph networks as an author would write them first: one module per agent and Python loops.

The oracle of the stacked networks, and what the benchmarks compare them with.
"""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss


class AgentNetwork(nn.Module):
    """One agent's encoder, convolutions and head, with weights copied from a stack.

    Args:
        stack: A per-agent ``GraphNetwork``.
        agent: Which of its networks to copy.
    """

    def __init__(self, stack, agent):
        super().__init__()
        self.encoder = nn.ModuleList(_linear(layer, agent) for layer in stack.encoder.layers)
        self.project = nn.ModuleList(_linear(c.project, agent) for c in stack.convolutions)
        self.out = nn.ModuleList(_linear(c.out, agent) for c in stack.convolutions)
        self.head = _linear(stack.head, agent)


class LoopNetwork(nn.Module):
    """A network per agent, each computed by itself."""

    def __init__(self, stack, n_agents):
        super().__init__()
        self.agents = nn.ModuleList(AgentNetwork(stack, i) for i in range(n_agents))
        self.skip = stack._skip
        for layer in stack.convolutions:
            self.heads, self.size = layer._heads, layer._head_size

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        h = []
        for i, agent in enumerate(self.agents):
            features = x[:, i]
            for layer in agent.encoder:
                features = torch.relu(layer(features))
            h.append(features)
        depths = [h]
        for depth in range(len(self.agents[0].project)):
            depths.append(self._convolve(depths[-1], graph, depth))
        outputs = []
        for i, agent in enumerate(self.agents):
            top = [level[i] for level in depths] if self.skip else [depths[-1][i]]
            outputs.append(agent.head(torch.cat(top, dim=1)))
        return torch.stack(outputs, dim=1)

    def _convolve(self, h, graph, depth):
        shape = (len(h[0]), 3, self.heads, self.size)
        sent = [torch.relu(a.project[depth](h[i])).view(shape) for i, a in enumerate(self.agents)]
        mixed = []
        for i, agent in enumerate(self.agents):
            mine = [j for j in range(len(h)) if graph[0, i, j]]
            heads = []
            for m in range(self.heads):
                query = sent[i][:, 0, m]
                logits = torch.stack(
                    [(query * sent[j][:, 1, m]).sum(1) / math.sqrt(self.size) for j in mine], dim=1
                )
                weights = logits.softmax(dim=1)
                heads.append(sum(weights[:, [n]] * sent[j][:, 2, m] for n, j in enumerate(mine)))
            mixed.append(torch.relu(agent.out[depth](torch.cat(heads, dim=1))))
        return mixed


class LoopDQN:
    """Independent DQN with a module, an optimizer and an update for each agent.

    Args:
        stack: The per-agent ``MLP`` whose weights to start from.
        n_agents: Its height.
        learning_rate: Step size of Adam.
        tau: Fraction of the way the target moves at each update.
        discount: Discount factor gamma.
    """

    def __init__(self, stack, n_agents, learning_rate, tau, discount):
        self.networks = [_plain(stack, i) for i in range(n_agents)]
        self.targets = copy.deepcopy(self.networks)
        self.optimizers = [_adam(net, learning_rate) for net in self.networks]
        self.tau, self.discount = tau, discount

    def update(self, x, next_x, batch):
        pairs = zip(self.networks, self.targets, self.optimizers, strict=True)
        for i, (net, target, optimizer) in enumerate(pairs):
            with torch.no_grad():
                best = target(next_x[:, i]).amax(1)
                y = batch["reward"][:, i] + self.discount * batch["continues"] * best
            taken = net(x[:, i]).gather(1, batch["action"][:, [i]]).squeeze(1)
            loss = mse_loss(taken, y) / len(self.networks)  # the mean is over agents, too
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            _move(target, net, self.tau)


class LoopDGN:
    """DGN's update with one optimizer per agent, on one graph that never changes.

    Args:
        stack: The per-agent ``GraphNetwork`` whose weights to start from.
        n_agents: Its height.
        learning_rate: Step size of Adam.
        tau: Fraction of the way the target moves at each update.
        discount: Discount factor gamma.
    """

    def __init__(self, stack, n_agents, learning_rate, tau, discount):
        self.network = LoopNetwork(stack, n_agents)
        self.target = copy.deepcopy(self.network)
        self.optimizers = [_adam(agent, learning_rate) for agent in self.network.agents]
        self.tau, self.discount = tau, discount

    def update(self, x, next_x, graph, reward, batch):
        with torch.no_grad():
            value = self.target(next_x, graph).amax(2)
            y = reward + self.discount * batch["continues"][:, None] * value
        q = self.network(x, graph)
        loss = mse_loss(q.gather(2, batch["action"][:, :, None]).squeeze(2), y)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        _move(self.target, self.network, self.tau)


class LoopLToS:
    """LToS's two updates on top of ``LoopDGN``; shares by slot are passed around as lists.

    Args:
        method: The stacked LToS whose weights, graph and settings to start from.
        n_agents: Its number of agents.
        neighbors: The one graph, as slots.
    """

    def __init__(self, method, n_agents, neighbors):
        c = method._high
        self.low = LoopDGN(method._network, n_agents, c.learning_rate, c.tau, c.discount)
        self.phi = LoopNetwork(method._phi, n_agents)
        self.phi_target = copy.deepcopy(self.phi)
        self.optimizers = [
            torch.optim.SGD(agent.parameters(), lr=c.high_level_learning_rate)
            for agent in self.phi.agents
        ]
        self.selfishness, self.slots = c.selfishness, neighbors.tolist()
        self.graph = torch.eye(n_agents, dtype=torch.bool)
        for i, row in enumerate(self.slots):
            self.graph[i, [j for j in row if j >= 0]] = True
        self.graph = self.graph.unsqueeze(0)

    def shares(self, phi, x):
        """W as rows of columns: ``rows[i][j]`` is what i gives j, [batch]."""
        logits, rows = phi(x, self.graph), []
        for i, row in enumerate(self.slots):
            present = [(k, j) for k, j in enumerate(row) if j >= 0]
            offset = math.log(self.selfishness / (1 - self.selfishness) * len(present))
            mine = [logits[:, i, 0] + offset] + [logits[:, i, 1 + k] for k, _ in present]
            weights = torch.stack(mine, dim=1).softmax(dim=1)
            given = {i: weights[:, 0]}
            given |= {j: weights[:, 1 + n] for n, (_, j) in enumerate(present)}
            rows.append(given)
        return rows

    def with_shares(self, x, rows):
        """Observations with the shares each agent receives; symmetric graphs have no rest."""
        nothing, inputs = torch.zeros(len(x)), []
        for i, row in enumerate(self.slots):
            heard = [rows[j][i] if j >= 0 else nothing for j in row]
            inputs.append(torch.stack([rows[i][i], *heard, nothing], dim=1))
        return torch.cat([x, torch.stack(inputs, dim=1)], dim=2)

    def stored(self, share):
        """Stored shares by slot in the form of ``shares``."""
        return [
            {i: share[:, i, 0]} | {j: share[:, i, 1 + k] for k, j in enumerate(row) if j >= 0}
            for i, row in enumerate(self.slots)
        ]

    def update(self, x, next_x, batch):
        with torch.no_grad():
            after = self.with_shares(next_x, self.shares(self.phi_target, next_x))
        rows = self.stored(batch["share"])
        reward = torch.stack(
            [
                sum(rows[j][i] * batch["reward"][:, j] for j in range(len(rows)) if i in rows[j])
                for i in range(len(rows))
            ],
            dim=1,
        )
        self.low.update(self.with_shares(x, rows), after, self.graph, reward, batch)

    def update_high_level(self, x, tau):
        q = self.low.network(self.with_shares(x, self.shares(self.phi, x)), self.graph)
        loss = -q.amax(2).mean()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward(inputs=list(self.phi.parameters()))
        for optimizer in self.optimizers:
            optimizer.step()
        _move(self.phi_target, self.phi, tau)


def _adam(module, learning_rate):
    return torch.optim.Adam(module.parameters(), lr=learning_rate)


@torch.no_grad()
def _move(target, online, tau):
    for mine, theirs in zip(target.parameters(), online.parameters(), strict=True):
        mine.lerp_(theirs, tau)


def _plain(stack, agent):
    modules = []
    for layer in stack.layers:
        modules += [_linear(layer, agent), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def _linear(layer, agent):
    n_in, n_out = layer.weight.shape[1:]
    linear = nn.Linear(n_in, n_out)
    with torch.no_grad():
        linear.weight.copy_(layer.weight[agent].T)
        linear.bias.copy_(layer.bias[agent, 0])
    return linear
