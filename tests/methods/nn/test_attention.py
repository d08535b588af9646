"""Graph attention and the graphs it looks along."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.nn.attention import masked_attention, neighborhood
from support.toys import Line


def test_attention_by_hand():
    # One head of size 4: logits are q . k / 2. Agent 0 sees 0 and 1 with logits 0 and ln 3, so
    # with weights 1/4 and 3/4; agent 1 sees itself alone.
    q = torch.zeros(1, 1, 2, 4)
    k = torch.zeros(1, 1, 2, 4)
    q[0, 0, 0, 0], k[0, 0, 1, 0] = 2.0, math.log(3)
    v = torch.tensor([[[[4.0, 0.0, 0.0, 0.0], [8.0, 4.0, 0.0, 0.0]]]])
    graph = torch.tensor([[[True, True], [False, True]]])

    mixed = masked_attention(q, k, v, graph)

    expected = torch.tensor([[[[7.0, 3.0, 0.0, 0.0], [8.0, 4.0, 0.0, 0.0]]]])
    torch.testing.assert_close(mixed, expected)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_attention_weights_are_a_distribution_over_the_neighborhood(seed):
    g = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, 3, 2, 5, 5, generator=g)
    graph = (torch.rand(3, 5, 5, generator=g) < 0.4) | torch.eye(5, dtype=torch.bool)
    identity = torch.eye(5).expand(3, 2, 5, 5)

    weights = masked_attention(q, k, identity, graph)  # values one-hot: out come the weights

    torch.testing.assert_close(weights.sum(3), torch.ones(3, 2, 5))
    assert (weights.masked_select(~graph.unsqueeze(1)) == 0).all()


def test_a_neighborhood_is_the_graph_of_its_slots():
    ts = Line(n_agents=6, n_neighbors=2).reset(np.random.default_rng(0))
    slots = torch.from_numpy(ts.neighbors).unsqueeze(0)

    around = neighborhood(slots)

    np.testing.assert_array_equal(around.graph[0].numpy(), ts.graph)
    np.testing.assert_array_equal(around.one_hot()[0].argmax(2).numpy(), ts.neighbors)
