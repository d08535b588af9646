import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.nn.policy import (
    entropy,
    epsilon_greedy,
    greedy,
    log_probabilities,
    sample,
    sample_with,
    taken,
)

LOGITS = torch.tensor([[1.0, 2.0, 0.0], [0.5, 0.5, 9.0]])
ALLOWED = torch.tensor([[True, True, True], [True, True, False]])


def test_forbidden_actions_have_probability_zero_and_the_others_add_up_to_one():
    probabilities = log_probabilities(LOGITS, ALLOWED).exp()

    expected = torch.stack([LOGITS[0].softmax(0), torch.tensor([0.5, 0.5, 0.0])])
    torch.testing.assert_close(probabilities, expected)


def test_entropy_of_equal_chances_is_the_logarithm_of_their_number():
    logits = torch.zeros(1, 4)
    allowed = torch.tensor([[True, True, True, False]])

    torch.testing.assert_close(
        entropy(log_probabilities(logits, allowed)), torch.tensor([3.0]).log()
    )


def test_forbidden_actions_leave_gradients_finite():
    logits = LOGITS.clone().requires_grad_()

    log_probs = log_probabilities(logits, ALLOWED)
    (entropy(log_probs).sum() + taken(log_probs, torch.tensor([0, 1])).sum()).backward()

    assert logits.grad.isfinite().all()
    assert logits.grad[1, 2] == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_samples_are_allowed(seed):
    logits, allowed = LOGITS.numpy(), ALLOWED.numpy()

    actions = sample(logits, allowed, np.random.default_rng(seed))

    assert allowed[np.arange(2), actions].all()
    assert greedy(logits, allowed).tolist() == [1, 0]


def test_samples_have_the_policies_frequencies():
    """5 standard errors: one false alarm in 10^6 runs, and the stream is fixed."""
    n, rng = 10_000, np.random.default_rng(0)
    probability = log_probabilities(LOGITS, ALLOWED).exp()
    rows = log_probabilities(LOGITS, ALLOWED).expand(n, -1, -1)

    by_numpy = np.array([sample(LOGITS.numpy(), ALLOWED.numpy(), rng) for _ in range(n)])
    by_torch = sample_with(rows, torch.Generator().manual_seed(0)).numpy()

    for drawn in (by_numpy, by_torch):
        for agent in range(2):
            share = np.bincount(drawn[:, agent], minlength=3) / n
            error = 5 * np.sqrt(probability[agent].numpy() * (1 - probability[agent].numpy()) / n)
            assert (np.abs(share - probability[agent].numpy()) <= error).all()


def test_greedy_takes_the_best_allowed_action_and_the_lower_index_on_ties():
    scores = np.array([[1, 3, 2], [5, 5, 0], [9, 1, 2]], np.float32)
    allowed = np.array([[1, 1, 1], [1, 1, 1], [0, 1, 1]], np.bool_)

    assert greedy(scores, allowed).tolist() == [1, 0, 2]


def test_epsilon_greedy_gambles_as_often_as_it_says_and_each_agent_for_itself():
    """Of n gambles a third falls on the greedy action: 5 sigma bounds, fixed seed."""
    rng, n, epsilon = np.random.default_rng(0), 4000, 0.6
    scores = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    allowed = np.ones((n, 3), np.bool_)

    actions = epsilon_greedy(scores, allowed, epsilon, rng)

    for action, chance in ((0, 0.2), (1, 0.2), (2, 0.6)):
        bound = 5 * (n * chance * (1 - chance)) ** 0.5
        assert abs((actions == action).sum() - n * chance) < bound


@pytest.mark.parametrize(("bad", "says"), [(np.nan, "NaN"), (np.inf, "inf")])
@pytest.mark.parametrize(
    "choose",
    [
        greedy,
        lambda scores, allowed: sample(scores, allowed, np.random.default_rng(0)),
        lambda scores, allowed: epsilon_greedy(scores, allowed, 1.0, np.random.default_rng(0)),
    ],
    ids=["greedy", "sample", "epsilon_greedy"],
)
def test_a_score_that_is_not_finite_is_refused_unless_its_action_is_forbidden(bad, says, choose):
    scores, allowed = np.zeros((4, 3), np.float32), np.ones((4, 3), np.bool_)
    scores[2, 1] = bad

    with pytest.raises(FloatingPointError, match=f"^score of agent 2 is {says}$"):
        choose(scores, allowed)
    allowed[2, 1] = False
    choose(scores, allowed)
