"""NeurComm and IA2C, and what they have from the actor-critic they share with ConseNet."""

import numpy as np
import pytest
import torch

from harness.config.cell import Budget, Cell
from harness.training.loop import Training
from support.recurrent_loops import isolated, made, path_of, play
from support.toys import Line


def test_without_edges_neurcomm_and_consenet_are_ia2c():
    scenario = Line(n_agents=4, n_neighbors=0, ends="terminated")
    figures, scores = {}, {}
    for name in ("neurcomm", "ia2c", "consenet"):
        method = made(name, scenario.spec, alpha=0.3)
        figures[name] = play(method, scenario, episodes=30)[1]
        scores[name] = method.scores(scenario.reset(np.random.default_rng(0)))

    for name in ("neurcomm", "consenet"):
        assert len(figures[name]) == len(figures["ia2c"]) > 10
        for ours, theirs in zip(figures[name], figures["ia2c"], strict=True):
            assert ours == pytest.approx(theirs, abs=1e-6)
        np.testing.assert_allclose(scores[name], scores["ia2c"], atol=1e-5)


def test_with_empty_slots_neurcomm_is_ia2c():
    """Where nothing is heard, nothing is added and nothing learned."""
    runs = {}
    for name in ("neurcomm", "ia2c"):
        scenario = Line(n_agents=4)
        method = made(name, scenario.spec, alpha=0.5)
        runs[name] = play(method, scenario, episodes=30, seen=isolated)[1]

    for ours, theirs in zip(runs["neurcomm"], runs["ia2c"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_with_edges_neurcomm_is_not_ia2c_even_on_own_rewards():
    """The messages remain, so alpha = 0 alone does not make agents independent."""
    runs = {}
    for name in ("neurcomm", "ia2c"):
        scenario = Line(n_agents=4)
        runs[name] = play(made(name, scenario.spec, alpha=0.0), scenario, episodes=10)[1]

    assert runs["neurcomm"][-1] != pytest.approx(runs["ia2c"][-1], abs=1e-3)


def test_news_travel_one_hop_per_step():
    n, steps = 5, 6
    scenario, seen = path_of(n, 4, 3, steps)
    network = made("neurcomm", scenario.spec, hidden=(32,))._network
    first = torch.zeros(steps, dtype=torch.bool)

    memories = network.unroll(seen, network.blank(), first)

    for t in range(steps):
        for i in range(n):
            (gradient,) = torch.autograd.grad(
                memories[t].hidden[i].sum(), seen.obs, retain_graph=True
            )
            for t_then in range(steps):
                for j in range(n):
                    known = t - t_then >= max(abs(i - j) - 1, 0)
                    assert gradient[t_then, j].any() == known, (i, t, j, t_then)


def test_ia2c_hears_nothing_but_observations_of_its_neighbors():
    scenario, seen = path_of(5, 4, 3, 4)
    network = made("ia2c", scenario.spec, hidden=(32,))._network

    memories = network.unroll(seen, network.blank(), torch.zeros(4, dtype=torch.bool))

    (gradient,) = torch.autograd.grad(memories[3].hidden[0].sum(), seen.obs)
    assert gradient[:, :2].abs().sum(dim=2).all()
    assert not gradient[:, 2:].any()


def test_messages_and_fingerprints_of_a_finished_episode_are_forgotten():
    """Nothing before a step that opens an episode moves what comes after."""
    scenario, seen = path_of(4, 4, 3, 5)
    network = made("neurcomm", scenario.spec, hidden=(32,))._network
    first = torch.tensor([True, False, False, True, False])

    memories = network.unroll(seen, network.blank(), first)

    (gradient,) = torch.autograd.grad(memories[4].hidden.sum(), seen.obs)
    assert not gradient[:3].any()
    assert gradient[3:].any()


def test_fingerprints_are_the_policies_of_the_step_before():
    scenario = Line(n_agents=4, max_steps=5, masked=True)
    method = made("neurcomm", scenario.spec, rollout=50)
    rng, act = np.random.default_rng(0), np.random.default_rng(1)
    ts, expected = scenario.reset(rng), [np.full((4, 3), 1 / 3)]
    while not ts.last:
        logits = np.where(ts.action_mask, method.scores(ts), -np.inf)
        probability = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected.append(probability / probability.sum(axis=1, keepdims=True))
        actions = method.act(ts, act, explore=True)
        next_ts = scenario.step(actions)
        method.observe(ts, actions, next_ts)
        ts = next_ts

    stored = method._rollout.take().extra["policy"]

    np.testing.assert_allclose(stored, expected[:-1], atol=1e-6)


def test_what_goes_over_an_edge_is_counted():
    spec = Line(n_agents=8).spec  # 4 features, 3 actions
    neurcomm, ia2c = (made(name, spec, alpha=0.5) for name in ("neurcomm", "ia2c"))

    assert ia2c.communication.execution == 4
    assert ia2c.communication.training == 4 + 1 + 8
    assert neurcomm.communication.execution == 4 + 3 + 6
    assert neurcomm.communication.training == 4 + 3 + 6 + 6 + 1 + 8
    assert made("ia2c", spec, alpha=0.0).communication.training == 4 + 1


def test_networks_have_the_sizes_of_the_source():
    """MA2C_NC per agent: three encoders of 64 units, an LSTM of 192 inputs and 64 units, heads."""
    spec = Line(n_agents=8).spec
    f, a, k, h = 4, 3, 2, 64
    encoders = (f * (1 + k) + 1) * h + (a * k + 1) * h + (h * k + 1) * h
    lstm = (3 * h + h + 1) * 4 * h
    heads = (h + 1) * a + (h + a * k + 1)

    assert made("neurcomm", spec, hidden=(64,)).n_parameters == 8 * (encoders + lstm + heads)


@pytest.mark.learning
@pytest.mark.parametrize(("alpha", "expected"), [(1.0, 0.97), (0.0, 0.49), (0.3, 0.49)])
@pytest.mark.parametrize("name", ["neurcomm", "ia2c"])
def test_prisoners_cooperate_if_and_only_if_they_weigh_both_rewards_alike(name, alpha, expected):
    finals = []
    for seed in range(3):
        cell = Cell(
            scenario="prisoner",
            options=(),
            method=name,
            fields=(("alpha", alpha),),
            preset="default",
            seed=seed,
            budget=Budget(episodes=0, steps=6000, evaluations=1, evaluation_episodes=20),
            label=name,
        )
        finals.append(Training(cell).advance()["metrics"]["return"])

    assert finals == pytest.approx([expected] * 3, abs=0.01)
