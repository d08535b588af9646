"""Graph convolution by attention over neighbors (Jiang et al., 2020, Section 4), stacked.

Per layer and head m: ``alpha_ij = softmax_{j in N_i}(q_i . k_j / sqrt(d))``, and
``h'_i = relu(W_o concat_m(sum_j alpha_ij v_j))``; queries, keys and values are ReLU layers as in
the authors' code. N_i contains i; others are masked out before the softmax.
"""

from typing import Annotated, Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from methods.nn.nets import MLP, Init, Linear, agents_first, n_networks, n_weights
from scenarios.base import Spec
from scenarios.ranges import Size

Heads: TypeAlias = Annotated[int, Size(1, 64)]


class GraphAttention(nn.Module):
    """One convolution: every agent looks at its neighbors' features."""

    def __init__(
        self,
        n_networks: int,
        units: int,
        heads: int,
        head_size: int,
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        self._heads, self._head_size = heads, head_size
        self.project = Linear(n_networks, units, 3 * heads * head_size, generator, init)
        self.out = Linear(n_networks, heads * head_size, units, generator, init)

    def forward(
        self,
        h: Float[Tensor, "agents batch units"],
        graph: Bool[Tensor, "graphs agents agents"],
    ) -> Float[Tensor, "agents batch units"]:
        """Mix each agent's features with those of its neighbors."""
        agents, batch, _ = h.shape
        qkv = torch.relu(self.project(h)).view(agents, batch, 3, self._heads, self._head_size)
        q, k, v = qkv.permute(2, 1, 3, 0, 4).contiguous()  # each [batch, heads, agents, head_size]
        mixed = masked_attention(q, k, v, graph)
        flat = mixed.permute(2, 0, 1, 3).reshape(agents, batch, -1)
        return torch.relu(self.out(flat))


class GraphNetwork(nn.Module):
    """Encoder, graph convolutions and a linear head, one network per agent or one for all.

    Args:
        n_networks: Networks in the stack: the number of agents, or 1 for shared parameters.
        n_in: Features of one agent's input.
        hidden: Widths of the encoder [units].
        layers: Graph convolutions; with 0 an agent looks at nobody.
        heads: Attention heads per convolution.
        head_size: Units of one head.
        n_out: Outputs per agent.
        skip: Whether the head sees the features of every depth, as in DGN, or of the last only.
        generator: Source of the initial weights.
        init: Distribution of the initial weights.
    """

    def __init__(
        self,
        n_networks: int,
        n_in: int,
        hidden: tuple[int, ...],
        layers: int,
        heads: int,
        head_size: int,
        n_out: int,
        *,
        skip: bool,
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        units = hidden[-1]
        self._skip = skip
        self.encoder = MLP(n_networks, (n_in, *hidden), generator, init, activate_last=True)
        self.convolutions = nn.ModuleList(
            GraphAttention(n_networks, units, heads, head_size, generator, init)
            for _ in range(layers)
        )
        width = units * (layers + 1) if skip else units
        self.head = Linear(n_networks, width, n_out, generator, init)

    def forward(
        self,
        x: Float[Tensor, "batch agents n_in"],
        graph: Bool[Tensor, "graphs agents agents"],
    ) -> Float[Tensor, "batch agents n_out"]:
        """Compute the outputs of all agents."""
        features = [self.encoder(agents_first(x))]
        for convolution in self.convolutions:
            features.append(convolution(features[-1], graph))
        top = torch.cat(features, dim=2) if self._skip else features[-1]
        return self.head(top).transpose(0, 1)


def n_graph_weights(
    n_networks: int,
    n_in: int,
    hidden: tuple[int, ...],
    layers: int,
    heads: int,
    head_size: int,
    n_out: int,
) -> int:
    """Return how many numbers a ``GraphNetwork`` has that skips none of its depths."""
    units, inside = hidden[-1], heads * head_size
    ends = n_weights(n_networks, (n_in, *hidden))
    ends += n_weights(n_networks, (units * (layers + 1), n_out))
    projected = n_weights(n_networks, (units, 3 * inside))
    return ends + layers * (projected + n_weights(n_networks, (inside, units)))


def graph_sizes(config: Any, spec: Spec, n_in: int) -> tuple[int, int]:
    """Return weights of the graph network of a Q-learner, and numbers per joint observation."""
    c, n = config, spec.n_agents
    shape = (c.layers, c.heads, c.head_size)
    stack = n_networks(c.parameters, n)
    return (
        n_graph_weights(stack, n_in, c.hidden, *shape, spec.n_actions),
        n_graph_floats(n, *shape),
    )


def n_graph_floats(n_agents: int, layers: int, heads: int, head_size: int) -> int:
    """Return about how many numbers the convolutions of one joint observation go through."""
    return layers * heads * n_agents * (n_agents + 4 * head_size)


def masked_attention(
    q: Float[Tensor, "batch heads agents size"],
    k: Float[Tensor, "batch heads agents size"],
    v: Float[Tensor, "batch heads agents size"],
    graph: Bool[Tensor, "graphs agents agents"],
) -> Float[Tensor, "batch heads agents size"]:
    """Average values over each agent's neighborhood, weighted by query-key agreement."""
    logits = (q @ k.transpose(2, 3)).mul_(q.shape[3] ** -0.5)
    return logits.masked_fill_(~graph.unsqueeze(1), -torch.inf).softmax(dim=3) @ v


class Neighborhood(NamedTuple):
    """A batch of graphs, or one graph for a whole batch, in the forms that networks use.

    Attributes:
        who: Which agent stands in each neighbor slot; in an empty one the agent itself.
        present: Which slots are taken.
        graph: Who may look at whom; every agent at itself.
    """

    who: Int64[Tensor, "graphs agents slots"]
    present: Bool[Tensor, "graphs agents slots"]
    graph: Bool[Tensor, "graphs agents agents"]

    def one_hot(self) -> Float[Tensor, "graphs agents slots agents"]:
        """Return which agent stands in each neighbor slot, all zero where a slot is empty."""
        slots = torch.zeros(*self.who.shape, self.graph.shape[1])
        return slots.scatter_(3, self.who.unsqueeze(3), self.present.unsqueeze(3).float())


def neighborhood(neighbors: Int64[Tensor, "graphs agents slots"]) -> Neighborhood:
    """Return the graphs that neighbor slots describe."""
    n_graphs, n_agents, _ = neighbors.shape
    present = neighbors >= 0
    who = torch.where(present, neighbors, torch.arange(n_agents).unsqueeze(1))
    itself = torch.eye(n_agents, dtype=torch.bool).repeat(n_graphs, 1, 1)
    return Neighborhood(who, present, itself.scatter_(2, who, value=True))
