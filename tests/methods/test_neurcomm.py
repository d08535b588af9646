"""NeurComm and IA2C, and what they have from the actor-critic they share with ConseNet."""

import numpy as np
import pytest
import torch

<<<<<<< HEAD
from harness.config.cell import Budget, Cell
from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from harness.training.loop import Training
from methods import METHODS, a2c, consenet
from methods.learners.actor_critic import Seen
from methods.learners.rewards import hop_distances, spatial
from methods.learners.rollout import n_step_returns
from methods.nn.attention import neighborhood
from methods.nn.nets import MLP
from support.recurrent_loops import LoopAgents
from support.toys import Line, graph_of_slots


def made(name, spec, **fields):
    fields = {"hidden": (6,), "rollout": 7} | fields
    config = build_config(name, "prisoner", "paper", tuple(sorted(fields.items())))
    return METHODS[name](spec, config, method_rngs(0))


def play(method, scenario, episodes, *, seen=lambda ts: ts):
    """Train; return the steps and the figures of each update. ``seen`` may alter timesteps."""
    world, act, steps, figures = np.random.default_rng(1), np.random.default_rng(2), [], []
    for _ in range(episodes):
        ts = seen(scenario.reset(world))
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = seen(scenario.step(actions))
            steps.append((ts, actions, next_ts))
            if row := method.observe(ts, actions, next_ts):
                figures.append(row)
            ts = next_ts
    return steps, figures


def isolated(ts):
    """The same, had nobody a neighbor: all slots empty."""
    empty = np.full_like(ts.neighbors, -1)
    return dataclasses.replace(ts, neighbors=empty, graph=graph_of_slots(empty))


class LoneAgent(nn.Module):
    """One agent's A2C as a textbook has it: an encoder, an LSTM cell, two heads."""

    def __init__(self, network, agent, n_features, n_actions, units):
        super().__init__()
        self.encoder, self.cell = nn.Linear(n_features, units), nn.LSTMCell(units, units)
        self.actor, self.critic = nn.Linear(units, n_actions), nn.Linear(units, 1)
        self.cell.bias_hh.requires_grad_(requires_grad=False).zero_()
        i, f, o, g = (torch.arange(k * units, (k + 1) * units) for k in range(4))
        order = torch.cat([i, f, g, o])  # torch has the candidate third
        with torch.no_grad():
            encoder = network.encoder.layers[0]
            self.encoder.weight.copy_(encoder.weight[agent].T)
            self.encoder.bias.zero_()
            self.cell.weight_ih.copy_(network.lstm.from_input.weight[agent].T[order])
            self.cell.weight_hh.copy_(network.lstm.from_memory.weight[agent].T[order])
            self.cell.bias_ih.zero_()
            for head in ("actor", "critic"):
                getattr(self, head).weight.copy_(getattr(network, head).weight[agent].T)
                getattr(self, head).bias.zero_()

    def forward(self, obs, state):
        state = self.cell(torch.relu(self.encoder(obs)).unsqueeze(0), state)
        return self.actor(state[0][0]).log_softmax(0), self.critic(state[0][0])[0], state


def lone_losses(agent, start, steps, index, scale, c):
    """One agent's losses on one segment, step by step; also its state at the segment's end."""
    log_probs, values, rewards, bootstraps, spreads = [], [], [], [], []
    state = start
    for ts, actions, next_ts in steps:
        if ts.first:
            state = (torch.zeros_like(start[0]), torch.zeros_like(start[1]))
        logs, value, state = agent(torch.from_numpy(ts.obs[index] * scale), state)
        log_probs.append(logs[int(actions[index])])
        spreads.append(-(logs.exp() * logs).sum())
        values.append(value)
        rewards.append(float(next_ts.reward[index]))
        with torch.no_grad():
            _, following, _ = agent(torch.from_numpy(next_ts.obs[index] * scale), state)
        bootstraps.append(0.0 if next_ts.terminated else float(following))
    policy_loss = value_loss = 0.0
    for t in range(len(steps)):
        target, factor = 0.0, 1.0
        for u in range(t, len(steps)):
            target += factor * rewards[u]
            factor *= c.discount
            if steps[u][2].last or u == len(steps) - 1:
                target += factor * bootstraps[u]
                break
        error = target - values[t]
        policy_loss = policy_loss - log_probs[t] * error.detach() / len(steps)
        value_loss = value_loss + c.value_weight / 2 * error**2 / len(steps)
    return policy_loss, value_loss, torch.stack(spreads).mean(), [s.detach() for s in state]


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
=======
from harness.cell import Budget, Cell
from harness.runner import Training
from support.recurrent_loops import isolated, made, path_of, play
from support.toys import Line
>>>>>>> b794f05a62e3f69ac6619ff499e4b5716b3e19f4


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
