import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.consenet import mix, mixing_matrix
from support import recurrent_loops
from support.recurrent_loops import play
from support.strategies import graphs
from support.toys import Line

PATH = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=np.bool_)


def made(spec, **fields):
    return recurrent_loops.made("consenet", spec, **({"hidden": (5,), "rollout": 5} | fields))


def weights_of(method):
    return {name: p.detach().clone() for name, p in method._network.named_parameters()}


@given(graphs(), st.sampled_from(["uniform", "metropolis"]))
@settings(deadline=None)
def test_rows_add_up_to_one_and_lie_on_the_graph(graph, mixing):
    weights = mixing_matrix(graph, mixing)

    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights >= -1e-7).all()
    assert not weights[~graph].any()
    assert (weights[graph & ~np.eye(len(graph), dtype=bool)] > 0).all()


@given(graphs())
@settings(deadline=None)
def test_metropolis_weights_are_doubly_stochastic_where_listening_is_mutual(graph):
    weights = mixing_matrix(graph | graph.T, "metropolis")

    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)


@given(graphs(), st.sampled_from(["uniform", "metropolis"]))
@settings(deadline=None)
def test_everybody_is_averaged_at_once(graph, mixing):
    n = len(graph)
    weights = torch.from_numpy(mixing_matrix(graph, mixing))
    before = torch.randn(n, 2, 3, generator=torch.Generator().manual_seed(0))
    after = before.clone()

    mix([after], weights)

    for i in range(n):
        expected = sum(weights[i, j] * before[j] for j in range(n))
        torch.testing.assert_close(after[i], expected)


@pytest.mark.parametrize(
    ("mixing", "limit"), [("uniform", (2 / 7, 3 / 7, 2 / 7)), ("metropolis", (1 / 3,) * 3)]
)
def test_consensus_is_the_stationary_average(mixing, limit):
    """Averaging in place, one agent after the other, would lead to .2, .4, .4."""
    scenario = Line(n_agents=3)
    method = made(scenario.spec, learning_rate=0.0, mixing=mixing)
    start = weights_of(method)

    play(method, scenario, episodes=60)

    reached = weights_of(method)
    shares = torch.tensor(limit).view(3, 1, 1)
    for name in ("lstm.from_input.weight", "lstm.from_memory.weight"):
        expected = (shares * start[name]).sum(dim=0)
        for i in range(3):
            torch.testing.assert_close(reached[name][i], expected, atol=1e-5, rtol=1e-4)


def test_on_a_complete_graph_one_update_makes_all_lstms_one():
    scenario = Line(n_agents=3, n_neighbors=2)  # each looks at both others
    method = made(scenario.spec)

    play(method, scenario, episodes=1)

    weights = weights_of(method)
    for name in ("lstm.from_input.weight", "lstm.from_input.bias", "lstm.from_memory.weight"):
        torch.testing.assert_close(weights[name], weights[name][:1].expand_as(weights[name]))
    assert not torch.allclose(weights["actor.weight"][0], weights["actor.weight"][1])


def test_mixing_the_lstm_leaves_encoder_and_heads_alone():
    scenario = Line(n_agents=4)
    method = made(scenario.spec, learning_rate=0.0, mix="lstm")
    start = weights_of(method)

    play(method, scenario, episodes=3)

    changed = {name for name, p in weights_of(method).items() if not torch.equal(p, start[name])}
    assert changed == {"lstm.from_input.weight", "lstm.from_memory.weight"}  # the bias is zero


def test_mixing_the_critic_leaves_actors_alone():
    scenario = Line(n_agents=4)
    method = made(scenario.spec, learning_rate=0.0, mix="critic")
    start = weights_of(method)

    play(method, scenario, episodes=3)

    for name, p in weights_of(method).items():
        if name.startswith("actor"):
            assert torch.equal(p, start[name])
        elif name.startswith("critic"):
            assert torch.equal(p, start[name]) == name.endswith("bias")
        else:  # the first half of the stack acts, the second half judges
            assert torch.equal(p[:4], start[name][:4])
            assert torch.equal(p[4:], start[name][4:]) == name.endswith("bias")


def test_a_separate_critic_does_not_disturb_the_actor():
    """The critic's loss reaches the second half of the stack only, the policy's the first."""
    scenario = Line(n_agents=4)
    method = made(scenario.spec, mix="critic", value_weight=0.0, entropy_weight=0.0, rollout=50)
    start = weights_of(method)
    ts = scenario.reset(np.random.default_rng(0))

    play(method, scenario, episodes=10)

    moved = weights_of(method)["encoder.layers.0.weight"]
    assert not torch.equal(moved[:4], start["encoder.layers.0.weight"][:4])
    weights = torch.from_numpy(mixing_matrix(ts.graph, "uniform"))
    judged = torch.einsum("ij,jkl->ikl", weights, start["encoder.layers.0.weight"][4:])
    torch.testing.assert_close(moved[4:], judged)


def test_mixing_survives_loading():
    scenario = Line(n_agents=3)
    method, loaded = (made(scenario.spec, mix="critic") for _ in range(2))
    play(method, scenario, episodes=3)

    loaded.load_state_dict(copy.deepcopy(method.state_dict()))
    for one in (method, loaded):
        play(one, scenario, episodes=3)

    for name, p in weights_of(method).items():
        assert torch.equal(p, weights_of(loaded)[name])


def test_agents_observe_nobody_and_send_parameters_once_per_update():
    spec = Line(n_agents=8).spec
    lstm = 5 * 20 + 5 * 20 + 20
    critic = (4 * 5 + 5) + lstm + (5 + 2 * 3 + 1)

    assert made(spec).communication.execution == 0
    assert made(spec).communication.training == lstm / 5 + 1
    assert made(spec, mix="critic").communication.training == critic / 5 + 1
    assert made(spec).hops == 0


class Chain:
    """A fixed policy's Markov chain of five states, linear features, a reward per agent."""

    discount = 0.8

    def __init__(self):
        rng = np.random.default_rng(1)
        self.transition = rng.dirichlet(np.ones(5), size=5)
        self.features = rng.normal(size=(5, 3))
        self.reward = rng.normal(size=(3, 5)) * np.array([[1.0], [2.0], [3.0]])
        share = np.linalg.matrix_power(self.transition, 200)[0]
        change = self.features - self.discount * self.transition @ self.features
        self.pull = self.features.T @ (share[:, None] * change)
        self.push = (share * self.reward) @ self.features  # one row per agent

    def alone(self, agent):
        """The fixed point of TD on one agent's reward."""
        return np.linalg.solve(self.pull, self.push[agent])

    def together(self):
        """The fixed point of TD on the average reward."""
        return np.linalg.solve(self.pull, self.push.mean(axis=0))

    def assert_agreed(self, critics):
        for agent, critic in enumerate(critics.numpy()):
            apart = np.linalg.norm(self.alone(agent) - self.together())
            assert np.linalg.norm(critic - self.together()) < 0.1 * apart


def test_linear_critics_agree_on_the_value_of_the_average_reward():
    """Zhang et al., 2018, Theorem 4.6: three agents on a ring, a fixed policy, TD(0) and mixing.

    Each critic learns from its own agent's reward on one long trajectory.
    """
    chain, rng, state = Chain(), np.random.default_rng(0), 0
    weights = torch.from_numpy(mixing_matrix(np.ones((3, 3), np.bool_), "metropolis"))
    features, reward = (torch.from_numpy(x).float() for x in (chain.features, chain.reward))
    critics, cumulative = torch.zeros(3, 3), chain.transition.cumsum(axis=1)

    for t, draw in enumerate(rng.random(20_000)):
        after = min(int(np.searchsorted(cumulative[state], draw)), 4)
        error = (
            reward[:, state]
            + chain.discount * critics @ features[after]
            - critics @ features[state]
        )
        critics += 0.3 / (1 + t / 300) * error.unsqueeze(1) * features[state]
        mix([critics], weights)
        state = after

    chain.assert_agreed(critics)


def test_on_a_path_linear_critics_agree_too():
    """Expected TD steps: with doubly stochastic mixing the mean critic is TD of the mean reward."""
    chain = Chain()
    weights = torch.from_numpy(mixing_matrix(PATH, "metropolis")).double()
    pull, push = torch.from_numpy(chain.pull), torch.from_numpy(chain.push)
    critics = torch.zeros(3, 3, dtype=torch.float64)

    for t in range(10_000):
        critics += 0.2 / (1 + t / 2000) * (push - critics @ pull.T)
        mix([critics], weights)

    chain.assert_agreed(critics)
