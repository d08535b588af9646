"""The mean field that intention propagation settles on, and the learner that amortizes it."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.intention_propagation import IntentionPropagation, credit, others
from methods.nn.attention import neighborhood
from support.social_games import MarkovField
from support.toys import Line

PAIR = np.array([[1], [0]])
CHAIN = np.array([[1, -1], [0, 2], [1, -1]])
FIELDS = [  # field, neighbors, q(+1) of the mean field; the exact marginals are .6418; .690 ...
    ((0.2, 0.2), PAIR, (0.6824, 0.6824)),
    ((0.4, 0.0, 0.0), CHAIN, (0.7544, 0.6612, 0.5799)),
]
COUPLING = 0.5


def made(scenario, seed=0, **fields):
    config = build_config("ip", "none", "default", tuple(sorted(fields.items())))
    return IntentionPropagation(scenario.spec, config, method_rngs(seed))


def play(method, scenario, steps, seed=0):
    world, act = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    played = 0
    while played < steps:
        ts = scenario.reset(world)
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            method.observe(ts, actions, next_ts)
            ts, played = next_ts, played + 1


def joint_actions(n_agents):
    return torch.tensor(list(itertools.product(range(2), repeat=n_agents)))


def rewards(field, neighbors, actions):
    """Rewards of joint actions, agent by agent, slot by slot."""
    sign = (2 * actions - 1).double()
    reward = torch.tensor(field, dtype=torch.float64) * sign
    for i, row in enumerate(neighbors.tolist()):
        for j in row:
            if j >= 0:
                reward[:, i] += COUPLING / 2 * sign[:, i] * sign[:, j]
    return reward


@pytest.mark.parametrize(("field", "neighbors", "expected"), FIELDS)
def test_with_true_critics_the_policy_loss_has_the_mean_field_as_its_fixed_point(
    field, neighbors, expected
):
    n, taken = len(field), joint_actions(len(field))
    around = neighborhood(torch.from_numpy(neighbors)[None])
    slots = around.one_hot().double()
    value = torch.zeros(len(taken), n, 2, dtype=torch.float64)
    of_neighbor = torch.zeros(len(taken), n, neighbors.shape[1], 2, dtype=torch.float64)
    for i, a in itertools.product(range(n), range(2)):
        changed = taken.clone()
        changed[:, i] = a
        reward = rewards(field, neighbors, changed)
        value[:, i, a] = reward[:, i]
        for j, k in zip(*np.nonzero(neighbors == i), strict=True):
            of_neighbor[:, j, k, a] = reward[:, j]
    value = value + credit(of_neighbor, slots)

    q = torch.full((n, 2), 0.5, dtype=torch.float64)
    for _ in range(200):
        chance = torch.ones(len(taken), dtype=torch.float64)
        for i in range(n):
            chance = chance * q[i, taken[:, i]]
        expectation = (chance[:, None, None] * value).sum(0)
        q = torch.softmax(expectation, dim=1)

    np.testing.assert_allclose(q[:, 1].numpy(), expected, atol=6e-5)


@pytest.mark.parametrize(("field", "neighbors", "expected"), FIELDS)
def test_it_learns_the_mean_field_and_not_the_exact_marginals(field, neighbors, expected):
    """The exact marginals are at least .038 away."""
    game = MarkovField(field, COUPLING, neighbors)
    method = made(
        game,
        parameters="per_agent",
        hidden=(16,),
        temperature=1.0,
        target_entropy=0.0,
        learning_rate=2e-3,
        critic_learning_rate=5e-3,
        tau=0.05,
        warm_up=100,
        update_every=1,
        batch_size=128,
    )
    seen = game.reset(np.random.default_rng(0))
    play(method, game, 900)

    learned = []
    for _ in range(8):
        play(method, game, 50)
        logits = torch.from_numpy(method.scores(seen))
        learned.append(logits.softmax(1)[:, 1].numpy())

    np.testing.assert_allclose(np.mean(learned, axis=0), expected, atol=0.019)


class PlainSoftActorCritic:
    """One agent by itself, in plain modules: what IP must be without rounds or neighbors."""

    def __init__(self, method, i):
        policy, critic = method._policy, method._critic
        self.temperature = method.temperature
        c = method._config
        self.discount, self.tau = c.discount, c.tau
        self.actor = plain([*policy.encoder.layers, policy.head], i)
        self.critic = plain([*critic.encoder.layers, critic.own, critic.head], i)
        self.silence = critic.heard.bias.detach()[i, 0].clone().requires_grad_()
        self.target = plain([*critic.encoder.layers, critic.own, critic.head], i)
        self.target_silence = self.silence.detach().clone()
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=c.learning_rate)
        self.critic_optimizer = torch.optim.Adam(
            [*self.critic.parameters(), self.silence], lr=c.critic_learning_rate
        )

    @staticmethod
    def q(critic, silence, obs):
        """Nobody is heard: of the neighbors' part, a bias remains."""
        *body, own, _, head = critic
        h = obs
        for layer in body:
            h = layer(h)
        return head(torch.relu(own(h) + silence))

    def update(self, obs, action, reward, next_obs, continues):
        with torch.no_grad():
            pi = self.actor(next_obs).softmax(1)
            q = self.q(self.target, self.target_silence, next_obs)
            value = (pi * (q - self.temperature * pi.log())).sum(1)
            y = reward + self.discount * continues * value
            advantage = self.q(self.critic, self.silence, obs)
        q = self.q(self.critic, self.silence, obs)
        loss = F.mse_loss(q[torch.arange(len(q)), action], y)
        self.critic_optimizer.zero_grad()
        loss.backward()
        pi = self.actor(obs).softmax(1)
        loss = (pi * (self.temperature * pi.log() - advantage)).sum(1).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()
        self.critic_optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.critic.parameters(), strict=True):
                slow += self.tau * (fast - slow)
            self.target_silence += self.tau * (self.silence - self.target_silence)


def plain(layers, i):
    """Agent i's part of stacked layers, with ReLU between them."""
    modules = []
    for layer in layers:
        one = nn.Linear(*layer.weight.shape[1:])
        one.weight.data = layer.weight.data[i].T.clone()
        one.bias.data = layer.bias.data[i, 0].clone()
        modules += [one, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def test_without_rounds_and_neighbors_it_is_independent_soft_actor_critic():
    """Gradients differ by the number of agents in the mean, which Adam does not see."""
    line = Line(n_agents=3, n_neighbors=0)
    method = made(
        line,
        parameters="per_agent",
        hidden=(8, 8),
        rounds=0,
        warm_up=10**9,
        tau=0.1,
        batch_size=16,
        target_entropy=0.0,
        learning_rate=3e-3,
    )
    agents = [PlainSoftActorCritic(method, i) for i in range(3)]
    play(method, line, 60)
    twin = method_rngs(0).replay  # sees the batches that the method sees

    for _ in range(20):
        method.update()
        batch = method._replay.sample(16, twin)
        scale = torch.from_numpy(line.spec.obs_scale)
        for i, agent in enumerate(agents):
            agent.update(
                batch["obs"][:, i] * scale,
                batch["action"][:, i],
                batch["reward"][:, i],
                batch["next_obs"][:, i] * scale,
                batch["continues"],
            )

    ts = line.reset(np.random.default_rng(5))
    scores = method.scores(ts)
    for i, agent in enumerate(agents):
        own = agent.actor(torch.from_numpy(ts.obs[i : i + 1] * line.spec.obs_scale))[0]
        np.testing.assert_allclose(scores[i], own.detach().numpy(), atol=2e-5)


@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
def test_an_agent_hears_as_many_hops_far_as_there_are_rounds_and_no_farther(rounds):
    line = Line(n_agents=9)
    method = made(line, hidden=(32,), rounds=rounds)
    ts = line.reset(np.random.default_rng(0))
    scores = method.scores(ts)

    heard = []
    for j in range(9):
        obs = ts.obs.copy()
        obs[j] += 1.0
        changed = method.scores(dataclasses.replace(ts, obs=obs))
        heard.append((changed != scores).any(axis=1))

    distance = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    np.testing.assert_array_equal(np.array(heard), distance <= rounds)


def a_batch(line, n=4):
    seen = [line.reset(np.random.default_rng(k)) for k in range(n)]
    obs = torch.stack([torch.from_numpy(ts.obs) for ts in seen])
    neighbors = torch.stack([torch.from_numpy(ts.neighbors) for ts in seen])
    taken = torch.from_numpy(np.random.default_rng(9).integers(3, size=(n, line.spec.n_agents)))
    return obs, neighbors, taken


@pytest.mark.parametrize("parameters", ["shared", "per_agent"])
@pytest.mark.parametrize("n_neighbors", [None, 3])
def test_an_action_is_worth_the_sum_of_q_of_everyone_who_sees_it(parameters, n_neighbors):
    line = Line(n_agents=6, n_neighbors=n_neighbors)
    method = made(line, parameters=parameters, hidden=(8,))
    obs, neighbors, taken = a_batch(line)
    around = neighborhood(neighbors)

    views = method._critic.encode(obs)
    value = method.neighborhood_value(views, taken, around)

    for i, a in itertools.product(range(6), range(3)):
        changed = taken.clone()
        changed[:, i] = a
        q = method._critic(views, changed, others(around)).gather(2, changed[:, :, None])[:, :, 0]
        sees = around.graph[:, :, i].float()
        torch.testing.assert_close(value[:, i, a], (q * sees).sum(1), atol=1e-5, rtol=1e-4)


def test_the_critic_ignores_who_is_not_a_neighbor():
    line = Line(n_agents=6)
    method = made(line, hidden=(8,))
    obs, neighbors, taken = a_batch(line)
    graph = others(neighborhood(neighbors))
    views = method._critic.encode(obs)
    q = method._critic(views, taken, graph)
    changed = taken.clone()
    changed[:, 5] = (taken[:, 5] + 1) % 3

    other = method._critic(views, changed, graph)

    assert torch.equal(other[:, :4], q[:, :4])  # agent 5's neighbor is 4
    assert not torch.equal(other[:, 4], q[:, 4])
    assert torch.equal(other[:, 5], q[:, 5])  # all own actions are scored, none is an input


@pytest.mark.parametrize(("ends", "bootstraps"), [("terminated", False), ("truncated", True)])
def test_the_target_bootstraps_after_truncation_only(ends, bootstraps):
    line = Line(n_agents=3, max_steps=1, ends=ends)
    method = made(line, warm_up=10**9, temperature=0.5)
    play(method, line, 20)
    batch = method._replay.sample(8, np.random.default_rng(0))

    y = method.targets(batch)

    assert torch.equal(y, batch["reward"]) is not bootstraps


@pytest.mark.parametrize(("target_entropy", "rises"), [(1.0, True), (0.01, False)])
def test_the_temperature_follows_the_target_entropy(target_entropy, rises):
    line = Line(n_agents=3)
    method = made(
        line,
        temperature=0.1,
        target_entropy=target_entropy,
        temperature_learning_rate=0.01,
        warm_up=10,
        update_every=1,
        learning_rate=1e-5,
    )

    play(method, line, 20)

    assert (method.temperature > 0.1) is rises
