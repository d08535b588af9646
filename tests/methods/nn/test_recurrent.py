import pytest
import torch
from torch import nn

from methods.nn.recurrent import GRU, LSTM, Memory

AGENTS, ROWS, STEPS, N_IN, UNITS = 3, 2, 5, 4, 6


def generator():
    return torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def torch_lstm_cell(lstm, agent):
    """The agent's LSTM as torch has it: gates input, forget, candidate, output; two biases."""
    cell = nn.LSTMCell(N_IN, UNITS)
    enters, stays, leaves, candidate = range(4)
    order = torch.cat(
        [torch.arange(g * UNITS, (g + 1) * UNITS) for g in (enters, stays, candidate, leaves)]
    )
    with torch.no_grad():
        cell.weight_ih.copy_(lstm.from_input.weight[agent].T[order])
        cell.weight_hh.copy_(lstm.from_memory.weight[agent].T[order])
        cell.bias_ih.copy_(lstm.from_input.bias[agent, 0, order])
        cell.bias_hh.zero_()
    return cell


def test_the_stacked_lstm_is_a_loop_over_lstm_cells():
    lstm = LSTM(AGENTS, N_IN, UNITS, generator(), "he")
    nn.init.normal_(lstm.from_input.bias, generator=generator())
    x = normal(STEPS, AGENTS, ROWS, N_IN)
    memory = Memory(normal(AGENTS, ROWS, UNITS), normal(AGENTS, ROWS, UNITS))

    stacked = memory
    for t in range(STEPS):
        stacked = lstm(x[t], stacked)

    for i in range(AGENTS):
        cell, state = torch_lstm_cell(lstm, i), (memory.hidden[i], memory.cell[i])
        for t in range(STEPS):
            state = cell(x[t, i], state)
        torch.testing.assert_close(stacked.hidden[i], state[0], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(stacked.cell[i], state[1], atol=1e-6, rtol=1e-5)


def test_gradients_of_the_stacked_lstm_are_those_of_lstm_cells():
    lstm = LSTM(AGENTS, N_IN, UNITS, generator(), "he")
    x, blank = normal(STEPS, AGENTS, 1, N_IN), lstm.blank(AGENTS)

    memory = blank
    for t in range(STEPS):
        memory = lstm(x[t], memory)
    memory.hidden.square().sum().backward()

    for i in range(AGENTS):
        cell, state = torch_lstm_cell(lstm, i), (blank.hidden[i], blank.cell[i])
        for t in range(STEPS):
            state = cell(x[t, i], state)
        state[0].square().sum().backward()
        ours = lstm.from_memory.weight.grad[i].T.abs().sum(), lstm.from_input.bias.grad[i].norm()
        theirs = cell.weight_hh.grad.abs().sum(), cell.bias_ih.grad.norm()
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_the_stacked_gru_is_a_loop_over_gru_cells():
    gru = GRU(AGENTS, N_IN, UNITS, generator(), "he")
    x, memory = normal(STEPS, AGENTS, ROWS, N_IN), normal(AGENTS, ROWS, UNITS)

    stacked = memory
    for t in range(STEPS):
        stacked = gru(x[t], stacked)

    for i in range(AGENTS):
        cell, state = nn.GRUCell(N_IN, UNITS), memory[i]
        with torch.no_grad():
            cell.weight_ih.copy_(gru.from_input.weight[i].T)
            cell.weight_hh.copy_(gru.from_memory.weight[i].T)
            cell.bias_ih.copy_(gru.from_input.bias[i, 0])
            cell.bias_hh.copy_(gru.from_memory.bias[i, 0])
        for t in range(STEPS):
            state = cell(x[t, i], state)
        torch.testing.assert_close(stacked[i], state, atol=1e-6, rtol=1e-5)


def test_a_gru_forgets_where_an_episode_begins():
    gru = GRU(AGENTS, N_IN, UNITS, generator(), "he")
    x, first = normal(AGENTS, ROWS, STEPS, N_IN), torch.zeros(ROWS, STEPS, dtype=torch.bool)
    first[1, 3] = True  # row 1 starts anew at step 3

    memories = gru.unroll(x, first)

    none = torch.zeros(1, STEPS, dtype=torch.bool)
    whole = gru.unroll(x[:, :1], none)
    head, tail = gru.unroll(x[:, 1:, :3], none[:, :3]), gru.unroll(x[:, 1:, 3:], none[:, 3:])
    torch.testing.assert_close(memories[:, :1], whole)
    torch.testing.assert_close(memories[:, 1:], torch.cat([head, tail], dim=2))


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_shared_parameters_are_a_stack_of_equal_ones(cell):
    shared = cell(1, N_IN, UNITS, generator(), "orthogonal")
    own = cell(AGENTS, N_IN, UNITS, generator(), "orthogonal")
    for mine, common in zip(own.parameters(), shared.parameters(), strict=True):
        mine.data.copy_(common.expand_as(mine))
    x, memory = normal(AGENTS, ROWS, N_IN), normal(AGENTS, ROWS, UNITS)
    memory = Memory(memory, memory) if cell is LSTM else memory

    torch.testing.assert_close(own(x, memory), shared(x, memory))
