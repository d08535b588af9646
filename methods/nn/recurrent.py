"""Stacked recurrent layers: the agents' memories as one tensor, without a loop over agents.

Inside a network the agents come first, as in ``methods.nn.nets``: ``[agents, rows, units]``. What
the gates take from the inputs does not wait for the past: ``from_input`` computes it for a whole
sequence in one matmul, and only ``from_memory`` stays in the loop over time.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from methods.nn.nets import Init, Linear


class GRU(nn.Module):
    """A gated recurrent unit per network of the stack (Cho et al., 2014).

    Args:
        n_networks: Networks in the stack: the number of agents, or 1 for shared parameters.
        n_in: Input units.
        units: Units of the memory.
        generator: Source of the initial weights; biases start at zero.
        init: Distribution of the initial weights.
    """

    def __init__(
        self, n_networks: int, n_in: int, units: int, generator: torch.Generator, init: Init
    ) -> None:
        super().__init__()
        self.from_input = Linear(n_networks, n_in, 3 * units, generator, init)
        self.from_memory = Linear(n_networks, units, 3 * units, generator, init)

    def forward(
        self, x: Float[Tensor, "agents rows n_in"], memory: Float[Tensor, "agents rows units"]
    ) -> Float[Tensor, "agents rows units"]:
        """Return the memories after one more input."""
        return self._gated(self.from_input(x), memory)

    def unroll(
        self,
        x: Float[Tensor, "agents rows steps n_in"],
        first: Bool[Tensor, "rows steps"],
    ) -> Float[Tensor, "agents rows steps units"]:
        """Return the memories after each input, from empty ones on.

        Args:
            x: Inputs.
            first: Where an episode begins: the memory is emptied before that input.
        """
        agents, rows, steps, n_in = x.shape
        gates = self.from_input(x.reshape(agents, rows * steps, n_in))
        gates = gates.view(agents, rows, steps, -1)
        memory = x.new_zeros(agents, rows, gates.shape[3] // 3)
        kept = (~first).to(x.dtype)
        memories = []
        for t, gates_now in enumerate(gates.unbind(2)):  # slices would cost steps^2 backward
            memory = self._gated(gates_now, memory * kept[:, t].unsqueeze(1))
            memories.append(memory)
        return torch.stack(memories, dim=2)

    def _gated(
        self,
        from_input: Float[Tensor, "agents rows gates"],
        memory: Float[Tensor, "agents rows units"],
    ) -> Float[Tensor, "agents rows units"]:
        reset_in, update_in, new_in = from_input.chunk(3, dim=2)
        reset_mem, update_mem, new_mem = self.from_memory(memory).chunk(3, dim=2)
        update = torch.sigmoid(update_in + update_mem)
        new = torch.tanh(new_in + torch.sigmoid(reset_in + reset_mem) * new_mem)
        return torch.lerp(new, memory, update)


class Memory(NamedTuple):
    """What an LSTM remembers."""

    hidden: Float[Tensor, "agents rows units"]
    cell: Float[Tensor, "agents rows units"]


class LSTM(nn.Module):
    """Long short-term memory per network of the stack (Hochreiter and Schmidhuber, 1997).

    Gates stand in the order input, forget, output, candidate, with one bias.

    Args:
        n_networks: Networks in the stack: the number of agents, or 1 for shared parameters.
        n_in: Input units.
        units: Units of the hidden state, and of the cell state.
        generator: Source of the initial weights; biases start at zero.
        init: Distribution of the initial weights.
    """

    def __init__(
        self, n_networks: int, n_in: int, units: int, generator: torch.Generator, init: Init
    ) -> None:
        super().__init__()
        self._units = units
        self.from_input = Linear(n_networks, n_in, 4 * units, generator, init)
        self.from_memory = Linear(n_networks, units, 4 * units, generator, init, bias=False)

    def forward(self, x: Float[Tensor, "agents rows n_in"], memory: Memory) -> Memory:
        """Return the memories after one more input."""
        return self.advance(self.from_input(x), memory)

    def advance(self, from_input: Float[Tensor, "agents rows gates"], memory: Memory) -> Memory:
        """Return the memories after one more step, given the inputs' part of the gates."""
        gates = from_input + self.from_memory(memory.hidden)
        opened = torch.sigmoid(gates[..., : 3 * self._units])
        enters, stays, leaves = opened.chunk(3, dim=2)
        cell = stays * memory.cell + enters * torch.tanh(gates[..., 3 * self._units :])
        return Memory(leaves * torch.tanh(cell), cell)

    def blank(self, n_agents: int) -> Memory:
        """Return the memories, one row per agent, with which an episode begins: zeros."""
        zeros = torch.zeros(n_agents, 1, self._units)
        return Memory(zeros, zeros)
