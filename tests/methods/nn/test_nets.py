"""Stacked networks against a loop over ordinary ones."""

import pytest
import torch
from torch import nn

from methods.nn.nets import MLP, Linear, agents_first, n_networks, soft_update

AGENTS, ROWS, SIZES = 3, 5, (4, 6, 2)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def twins(stack):
    """One ordinary network per network of the stack, with the same parameters."""
    found = []
    for i in range(len(stack.layers[0].weight)):
        modules = []
        for layer in stack.layers:
            linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[2])
            linear.weight.data = layer.weight.data[i].T.clone()
            linear.bias.data = layer.bias.data[i, 0].clone()
            modules += [linear, nn.ReLU()]
        found.append(nn.Sequential(*modules[:-1]))
    return found


@pytest.fixture(params=["per_agent", "shared"])
def parameters(request):
    return request.param


@pytest.fixture
def stack(parameters):
    mlp = MLP(n_networks(parameters, AGENTS), SIZES, stream(), "he")
    for layer in mlp.layers:  # biases start at zero: give them values, or they go untested
        layer.bias.data = torch.randn(layer.bias.shape, generator=stream(1))
    return mlp


def test_a_stack_computes_what_a_loop_over_networks_computes(stack, parameters):
    x = torch.randn(AGENTS, ROWS, SIZES[0], generator=stream(2))
    loop = twins(stack) * (AGENTS if parameters == "shared" else 1)

    expected = torch.stack([network(rows) for network, rows in zip(loop, x, strict=True)])

    torch.testing.assert_close(stack(x), expected, rtol=1e-6, atol=1e-6)


def test_a_stack_has_the_gradients_of_a_loop_over_networks(stack, parameters):
    x = torch.randn(AGENTS, ROWS, SIZES[0], generator=stream(2))
    ordinary = twins(stack)
    loop = ordinary * (AGENTS if parameters == "shared" else 1)

    stack(x).square().sum().backward()
    sum(network(rows).square().sum() for network, rows in zip(loop, x, strict=True)).backward()

    for i, network in enumerate(ordinary):
        for layer, linear in zip(stack.layers, network[::2], strict=True):
            torch.testing.assert_close(layer.weight.grad[i].T, linear.weight.grad)
            torch.testing.assert_close(layer.bias.grad[i, 0], linear.bias.grad)


def test_networks_of_a_stack_start_different_from_each_other(stack, parameters):
    first = stack.layers[0].weight

    assert len(first) == (1 if parameters == "shared" else AGENTS)
    assert len({network.detach().numpy().tobytes() for network in first}) == len(first)


def test_one_agent_is_served_the_same_by_both_layouts():
    """With one agent a stack of one is both."""
    linear = Linear(1, 4, 3, stream(), "he")
    x = torch.randn(2, ROWS, 4, generator=stream(1))

    folded, alone = linear(x), linear(x[:1])

    torch.testing.assert_close(folded[:1], alone)


@pytest.mark.parametrize(("init", "std"), [("normal", 0.05), ("he", (2 / 400) ** 0.5)])
def test_initial_weights_have_the_stated_spread(init, std):
    """The standard error of the spread of 160,000 normal draws is std / 566; 5 of them."""
    linear = Linear(1, 400, 400, stream(), init)

    assert abs(linear.weight.std().item() - std) < 5 * std / 566
    assert abs(linear.weight.mean().item()) < 5 * std / 400
    assert not linear.bias.any()


def test_activation_after_the_last_layer_is_an_option():
    x = torch.randn(AGENTS, ROWS, SIZES[0], generator=stream(2))
    plain = MLP(AGENTS, SIZES, stream(), "he")
    activated = MLP(AGENTS, SIZES, stream(), "he", activate_last=True)

    assert (plain(x) < 0).any()
    torch.testing.assert_close(activated(x), plain(x).relu())


def test_agents_come_first_inside_networks():
    obs = torch.arange(2 * 3 * 4.0).view(2, 3, 4)

    assert agents_first(obs).shape == (3, 2, 4)
    assert torch.equal(agents_first(obs)[1, 0], obs[0, 1])


def test_the_target_moves_the_stated_fraction_of_the_way():
    target, online = nn.Linear(1, 1), nn.Linear(1, 1)
    target.weight.data[:], online.weight.data[:] = 1.0, 5.0
    target.bias.data[:], online.bias.data[:] = 0.0, -2.0

    soft_update(list(target.parameters()), list(online.parameters()), 0.25)

    assert target.weight.item() == pytest.approx(2.0)
    assert target.bias.item() == pytest.approx(-0.5)
    assert online.weight.item() == 5.0


def test_orthogonal_layers_have_orthogonal_rows_or_columns():
    network = MLP(2, (3, 5, 2), torch.Generator().manual_seed(0), "orthogonal")

    wide, tall = (layer.weight.detach() for layer in network.layers)

    torch.testing.assert_close(wide @ wide.mT, 2 * torch.eye(3).expand(2, 3, 3))
    torch.testing.assert_close(tall.mT @ tall, 2 * torch.eye(2).expand(2, 2, 2))
