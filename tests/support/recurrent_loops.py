"""NeurComm, IA2C and ConseNet written agent by agent: what the stacked ones are held against."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from methods.learners.a2c import SQUARE_DECAY, SQUARE_OFFSET


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
