"""Sharing weights: where rewards go, and that none is made or lost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.learners.sharing import (
    even_shares,
    initial_softmax,
    received,
    share_matrix,
    share_rewards,
)
from methods.nn.attention import neighborhood
from support.strategies import neighbor_slots

PATH = torch.tensor([[[1, -1], [0, 2], [1, -1]]])  # three agents in a row


def test_shares_and_rewards_by_hand():
    around = neighborhood(PATH)
    shares = torch.tensor([[[0.6, 0.4, 0.0], [0.5, 0.2, 0.3], [1.0, 0.0, 0.0]]])
    expected = torch.tensor([[[0.6, 0.4, 0.0], [0.2, 0.5, 0.3], [0.0, 0.0, 1.0]]])

    matrix = share_matrix(shares, around)
    shaped = share_rewards(matrix, torch.tensor([[1.0, 10.0, 100.0]]))

    torch.testing.assert_close(matrix, expected)
    # r^W_0 = .6 * 1 + .2 * 10; r^W_1 = .4 * 1 + .5 * 10; r^W_2 = .3 * 10 + 1 * 100
    torch.testing.assert_close(shaped, torch.tensor([[2.6, 5.4, 103.0]]))
    # own, then by slot (agent 1 hears of 0, then 2), then what comes from others
    torch.testing.assert_close(
        received(matrix, around),
        torch.tensor([[[0.6, 0.2, 0.0, 0.0], [0.5, 0.4, 0.0, 0.0], [1.0, 0.3, 0.0, 0.0]]]),
    )


def test_shares_from_agents_that_are_not_ones_own_neighbors_are_summed():
    # Everybody looks at agent 0; agent 0 looks at agent 1 only.
    around = neighborhood(torch.tensor([[[1], [0], [0], [0]]]))
    shares = torch.tensor([[[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]])

    share_in = received(share_matrix(shares, around), around)

    torch.testing.assert_close(share_in[0, 0], torch.tensor([0.9, 0.2, 0.7]))


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), selfishness=st.floats(0.01, 0.99))
def test_sharing_redistributes_rewards_and_makes_none(data, seed, selfishness):
    """Proposition 4.1 rests on it: sum_i r^W_i = sum_i r_i for any graph and any shares."""
    n = data.draw(st.integers(1, 6))
    slots = data.draw(st.integers(0, n - 1))
    neighbors = torch.from_numpy(data.draw(neighbor_slots(n, slots))).unsqueeze(0)
    around, g = neighborhood(neighbors), torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(1, n, slots + 1, generator=g)
    reward = 10 * torch.randn(1, n, generator=g)

    matrix = share_matrix(initial_softmax(logits, around.present, selfishness), around)

    torch.testing.assert_close(matrix.sum(2), torch.ones(1, n))
    assert (matrix >= -1e-6).all()
    assert (matrix[~around.graph] == 0).all()
    torch.testing.assert_close(
        share_rewards(matrix, reward).sum(1), reward.sum(1), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(received(matrix, around).sum(2), matrix.sum(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("selfishness", [0.1, 0.5, 0.8])
def test_at_zero_logits_every_agent_keeps_the_initial_selfishness_whatever_its_degree(selfishness):
    slots = torch.tensor([[[1, 2, 3], [0, -1, -1], [0, 1, -1], [-1, -1, -1]]])
    around = neighborhood(slots)

    shares = initial_softmax(torch.zeros(1, 4, 4), around.present, selfishness)

    kept = torch.tensor([selfishness] * 3 + [1.0])
    torch.testing.assert_close(shares[0, :, 0], kept)
    torch.testing.assert_close(shares[0, 0, 1:], torch.full((3,), (1 - selfishness) / 3))
    torch.testing.assert_close(shares, even_shares(around.present, selfishness))
