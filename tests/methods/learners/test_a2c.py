"""The recurrent actor-critic, through the methods on it: slow twins, and its bookkeeping."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from methods import consenet
from methods.learners import a2c
from methods.learners.a2c import Seen
from methods.learners.rewards import hop_distances, spatial
from methods.learners.rollout import n_step_returns
from methods.nn.attention import neighborhood
from support.recurrent_loops import LoneAgent, LoopAgents, lone_losses, made, path_of, play
from support.toys import Line


@pytest.mark.parametrize("ends", ["truncated", "terminated"])
@pytest.mark.parametrize("name", ["neurcomm", "ia2c", "consenet"])
def test_without_edges_agents_are_independent_recurrent_actor_critics(name, ends):
    scenario = Line(n_agents=3, n_neighbors=0, max_steps=5, ends=ends)
    method = made(name, scenario.spec, alpha=0.0)
    c = method._config
    agents = [LoneAgent(method._network, i, 4, 3, 6) for i in range(3)]
    adjusted = [p for agent in agents for p in agent.parameters() if p.requires_grad]
    optimizer = torch.optim.RMSprop(adjusted, lr=c.learning_rate, alpha=0.99, eps=1e-5)
    states = [(torch.zeros(1, 6), torch.zeros(1, 6)) for _ in agents]

    steps, figures = play(method, scenario, episodes=21)

    assert len(figures) == 15
    for k, row in enumerate(figures):
        segment = steps[7 * k : 7 * k + 7]
        losses = [
            lone_losses(agent, states[i], segment, i, scenario.spec.obs_scale, c)
            for i, agent in enumerate(agents)
        ]
        policy, value, spread = (sum(x[j] for x in losses) for j in range(3))
        assert row["policy_loss"] == pytest.approx(policy.item() / 3, abs=1e-5)
        assert row["value_loss"] == pytest.approx(value.item() / 3, abs=1e-5)
        assert row["entropy"] == pytest.approx(spread.item() / 3, abs=1e-5)
        optimizer.zero_grad()
        (policy + value - c.entropy_weight * spread).backward()
        nn.utils.clip_grad_norm_(adjusted, c.max_gradient_norm)
        optimizer.step()
        states = [x[3] for x in losses]


@pytest.mark.parametrize("graph", ["path", "drawn"])
@pytest.mark.parametrize("name", ["neurcomm", "ia2c", "consenet"])
def test_stacked_agents_learn_as_a_loop_over_agents(name, graph, monkeypatch):
    """Edges, messages and fingerprints included; returns are taken from the stacked side."""
    scenario = Line(n_agents=4, max_steps=5, n_neighbors=2 if graph == "drawn" else None)
    method = made(name, scenario.spec, alpha=0.0)
    loop = LoopAgents(method._network, 4, method._config)
    monkeypatch.setattr(consenet, "mix", lambda parameters, weights: None)
    learn, scale = method._update, torch.from_numpy(scenario.spec.obs_scale)
    returns, both = [], []

    def noted(*arguments):
        returns.append(n_step_returns(*arguments))
        return returns[-1]

    def compared(segment):
        ours = learn(segment)
        both.append((ours, loop.update(segment, segment.seen["obs"] * scale, returns[-1])))
        return ours

    monkeypatch.setattr(a2c, "n_step_returns", noted)
    monkeypatch.setattr(method, "_update", compared)

    play(method, scenario, episodes=12)

    assert len(both) == 8
    for ours, theirs in both:
        assert list(ours.values()) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_what_is_learned_from_is_the_scaled_spatial_reward_of_the_graph_acted_on(normalize):
    scenario = Line(n_agents=5, n_neighbors=2, max_steps=6)
    method = made(
        "ia2c", scenario.spec, alpha=0.5, reward_scale=2.0, rollout=100, normalize=normalize
    )

    steps, _ = play(method, scenario, episodes=3)

    stored = method._rollout.take().reward
    for t, (ts, _, next_ts) in enumerate(steps):
        distance = hop_distances(ts.graph)
        expected = 2 * spatial(next_ts.reward, distance, 0.5, normalize=normalize)
        np.testing.assert_allclose(stored[t], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["neurcomm", "ia2c"])
def test_two_windows_are_one_long_pass(name):
    scenario, seen = path_of(4, 4, 3, 9)
    network = made(name, scenario.spec)._network
    first = torch.zeros(9, dtype=torch.bool)
    head, tail = (Seen(seen.obs[k], seen.slots, seen.policy[k]) for k in (slice(5), slice(5, 9)))

    whole = network.unroll(seen, network.blank(), first)
    one = network.unroll(head, network.blank(), first[:5])
    two = network.unroll(tail, one[-1], first[5:])

    for memory, split in zip(whole, one + two, strict=True):
        torch.testing.assert_close(memory.hidden, split.hidden)
        torch.testing.assert_close(memory.cell, split.cell)


@pytest.mark.parametrize("graph", ["path", "drawn"])
@pytest.mark.parametrize("name", ["neurcomm", "ia2c", "consenet"])
def test_learning_repeats_what_acting_went_through(name, graph, monkeypatch):
    """The memory advances once per step, also across a segment's boundary and an episode's."""
    drawn = {"n_neighbors": 2} if graph == "drawn" else {}
    scenario = Line(n_agents=4, max_steps=5, **drawn)
    method = made(name, scenario.spec, learning_rate=0.0)
    segments, memories = [], []
    take, unroll = method._rollout.take, method._network.unroll
    monkeypatch.setattr(method._rollout, "take", lambda: segments.append(take()) or segments[-1])
    monkeypatch.setattr(
        method._network, "unroll", lambda *a: memories.append(unroll(*a)) or memories[-1]
    )

    play(method, scenario, episodes=14)

    assert len(segments) == 10
    stored = torch.cat([segment.extra["hidden"] for segment in segments])  # before each step
    first = torch.cat([segment.first for segment in segments])
    repeated = torch.cat([m.hidden[:, 0].detach().unsqueeze(0) for ms in memories for m in ms])
    expected = torch.where(first[1:, None, None], torch.zeros(()), repeated[:-1])
    torch.testing.assert_close(stored[1:], expected)
    assert first.sum() == 14


@pytest.mark.parametrize("name", ["neurcomm", "ia2c"])
def test_scores_depend_on_the_past_of_an_episode_and_on_no_other(name):
    scenario = Line(n_agents=4, max_steps=5)
    method, act = made(name, scenario.spec), np.random.default_rng(0)
    ts = scenario.reset(np.random.default_rng(0))
    fresh = method.scores(ts)
    second = scenario.step(method.act(ts, act, explore=True))

    later = method.scores(second)
    again = method.scores(ts)

    without_past = method.scores(dataclasses.replace(second, step=0))
    assert not np.allclose(later, without_past, atol=1e-4)
    np.testing.assert_array_equal(again, fresh)


def test_a_value_depends_on_what_neighbors_do_and_on_nobody_else():
    scenario, seen = path_of(4, 4, 3, 1)
    network = made("neurcomm", scenario.spec)._network
    hidden = network.unroll(seen, network.blank(), torch.tensor([True]))[0].hidden
    action = torch.zeros(1, 4, dtype=torch.int64)
    value = network.value(hidden, seen.slots, action, 3)

    other = action.clone()
    other[0, 0] = 1
    changed = network.value(hidden, seen.slots, other, 3) != value

    assert changed.tolist() == [[False, True, False, False]]


def first_values(method, scenario):
    """Values at a first timestep, each neighbor taking action 0."""
    ts = scenario.reset(np.random.default_rng(7))
    network, n = method._network, scenario.spec.n_agents
    slots = neighborhood(torch.from_numpy(ts.neighbors).unsqueeze(0)).one_hot()
    obs = torch.from_numpy(ts.obs * scenario.spec.obs_scale).unsqueeze(0)
    seen = Seen(obs, slots, torch.full((1, n, 3), 1 / 3))
    with torch.no_grad():
        memory = network.unroll(seen, network.blank(), torch.tensor([True]))[0]
        action = torch.zeros(1, n, dtype=torch.int64)
        return network.value(memory.hidden, slots, action, 3)


@pytest.mark.parametrize("name", ["neurcomm", "ia2c", "consenet"])
def test_truncation_bootstraps_and_termination_does_not(name):
    """Rewards lie in [0, 1]; one step is worth at most 1, an endless sequence more."""
    values = {}
    for ends in ("truncated", "terminated"):
        scenario = Line(n_agents=3, max_steps=1, ends=ends)
        method = made(name, scenario.spec, alpha=0.0, discount=0.9, learning_rate=0.02, rollout=4)
        play(method, scenario, episodes=300)
        values[ends] = first_values(method, scenario)

    assert values["terminated"].max() < 1.5
    assert values["truncated"].min() > 2


def test_learning_draws_from_its_own_stream_only():
    scenario = Line(n_agents=3)
    method = made("neurcomm", scenario.spec)
    learn, init = method._rngs.learn.get_state(), method._rngs.init.get_state()
    outside = torch.get_rng_state()

    play(method, scenario, episodes=5)

    assert not torch.equal(method._rngs.learn.get_state(), learn)
    assert torch.equal(method._rngs.init.get_state(), init)
    assert torch.equal(torch.get_rng_state(), outside)


@pytest.mark.parametrize("greedy", ["mode", "sample"])
def test_without_exploration_it_plays_as_configured(greedy):
    scenario = Line(n_agents=8)
    method = made("ia2c", scenario.spec, greedy=greedy)
    ts, rng = scenario.reset(np.random.default_rng(0)), np.random.default_rng(1)
    likeliest = method.scores(ts).argmax(axis=1)

    played = np.array([method.act(ts, rng, explore=False) for _ in range(50)])

    assert (played == likeliest).all() == (greedy == "mode")


def test_acting_for_an_evaluation_leaves_a_segment_half_full_as_it_was():
    scenario = Line(n_agents=4, max_steps=5)
    method = made("neurcomm", scenario.spec, rollout=7)
    play(method, scenario, episodes=3)  # 15 steps: one is waiting
    undisturbed = copy.deepcopy(method)

    ts = scenario.reset(np.random.default_rng(0))
    while not ts.last:
        ts = scenario.step(method.act(ts, np.random.default_rng(0), explore=False))

    ours, theirs = (play(m, scenario, episodes=5)[1] for m in (method, undisturbed))
    assert ours == theirs


def test_gradients_are_clipped_over_all_agents_jointly(monkeypatch):
    scenario = Line(n_agents=3)
    method = made("ia2c", scenario.spec, max_gradient_norm=1e-3)
    norms, step = [], method._optimizer.step

    def recorded():
        grads = [p.grad.flatten() for p in method._network.parameters()]
        norms.append(torch.cat(grads).norm().item())
        step()

    monkeypatch.setattr(method._optimizer, "step", recorded)

    play(method, scenario, episodes=5)

    assert norms == pytest.approx([1e-3] * 3, rel=1e-3)
