"""IP and LIO: agents as a tensor axis against a loop over agents, and against DGN.

The loops compute the same numbers from the same batch, which is asserted first. Sizes: traffic
6x6 (N = 36) and jungle (N = 20), Table 5 of paper 000 and DGN's code.
"""

import time

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.intention_propagation import others
from methods.learners.rollout import Rollout
from methods.lio import discounting, neighbors_of, received
from methods.nn.attention import neighborhood
from methods.nn.policy import log_probabilities, sample_with
from support.toys import Line

PLACES = {  # agents, features, neighbors, width, batch
    "traffic": (36, 28, None, 32, 20),
    "jungle": (20, 486, 3, 128, 10),
}
pytestmark = pytest.mark.bench


def build(name, place, **fields):
    n_agents, n_features, n_neighbors, width, batch = PLACES[place]
    scenario = Line(n_agents=n_agents, n_features=n_features, n_neighbors=n_neighbors, max_steps=60)
    plain = {
        "parameters": "per_agent",
        "hidden": (width, width),
        "capacity": 1000,
        "warm_up": 60,
        "update_every": 1,
        "batch_size": batch,
        "sample_size": batch,
        "incentive_hidden": (32,),
        "target_entropy": 0.0,
    }
    known = METHODS[name].Config.__dataclass_fields__
    chosen = {field: value for field, value in (plain | fields).items() if field in known}
    config = build_config(name, "line", "default", tuple(sorted(chosen.items())))
    return scenario, METHODS[name](scenario.spec, config, method_rngs(0))


def play(method, scenario, seed=0):
    """One training episode; return the seconds that the method took per step, and its steps."""
    world, act = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    ts, seconds, steps = scenario.reset(world), 0.0, []
    while not ts.last:
        started = time.process_time()
        actions = method.act(ts, act, explore=True)
        seconds += time.process_time() - started
        next_ts = scenario.step(actions)
        started = time.process_time()
        method.observe(ts, actions, next_ts)
        seconds += time.process_time() - started
        steps.append((ts, actions, next_ts))
        ts = next_ts
    return seconds / len(steps), steps


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("name", ["ip", "lio"])
def test_a_step_of_training_costs_at_most_five_times_dgn(name, place, capsys):
    torch.set_num_threads(1)
    cost = {}
    for which in ("dgn", name):
        scenario, method = build(which, place)
        play(method, scenario)  # fills replay
        cost[which] = min(play(method, scenario, seed)[0] for seed in range(1, 4))

    ratio = cost[name] / cost["dgn"]

    with capsys.disabled():
        print(f"\n{name}, {place}: {1e3 * cost[name]:.2f} ms per step, {ratio:.1f} times DGN")
    assert ratio <= 5


class LoopIP:
    """The two losses of IP, agent by agent and neighbor by neighbor."""

    def __init__(self, method):
        self.method = method
        self.n = method._spec.n_agents

    @staticmethod
    def layer(layer, i, x):
        return x @ layer.weight[i] + layer.bias[i, 0]

    def encoded(self, network, i, obs):
        for layer in network.encoder.layers:
            obs = torch.relu(self.layer(layer, i, obs))
        return obs

    def log_q(self, obs, graph, allowed):
        policy = self.method._policy
        first = mu = [self.encoded(policy, i, obs[:, i]) for i in range(self.n)]
        for _ in range(self.method.hops):
            heard = [
                sum(graph[:, i, j, None] * mu[j] for j in graph.any(0)[i].nonzero()[:, 0])
                for i in range(self.n)
            ]
            mu = [
                torch.relu(
                    self.layer(policy.own, i, first[i]) + self.layer(policy.heard, i, heard[i])
                )
                for i in range(self.n)
            ]
        logits = [self.layer(policy.head, i, mu[i]) for i in range(self.n)]
        return log_probabilities(torch.stack(logits, 1), allowed)

    def q(self, critic, i, obs, taken, graph):
        heard = 0.0
        for j in graph.any(0)[i].nonzero()[:, 0].tolist():
            h = self.layer(critic.situation, j, self.encoded(critic, j, obs[:, j]))
            said = torch.relu(h + critic.action.weight[j][taken[:, j]] + critic.action.bias[j, 0])
            heard = heard + graph[:, i, j, None] * said
        own = self.layer(critic.own, i, self.encoded(critic, i, obs[:, i]))
        return self.layer(critic.head, i, torch.relu(own + self.layer(critic.heard, i, heard)))

    @torch.no_grad()
    def value(self, i, obs, taken, graph):
        critic, values = self.method._critic, []
        for a in range(self.method._spec.n_actions):
            changed = taken.clone()
            changed[:, i] = a
            total = self.q(critic, i, obs, changed, graph)[:, a]
            for j in graph.any(0)[:, i].nonzero()[:, 0].tolist():
                q = self.q(critic, j, obs, changed, graph)
                total = total + graph[:, j, i] * q.gather(1, taken[:, j, None])[:, 0]
            values.append(total)
        return torch.stack(values, 1)

    def losses(self, batch, generator):
        m, n = self.method, self.n
        graphs = []
        for prefix in ("", "next_"):
            graph = others(neighborhood(batch[f"{prefix}neighbors"].long()))
            graphs.append(graph.expand(len(batch["reward"]), -1, -1))
        obs, next_obs = (m._scaled(batch[f"{p}obs"]) for p in ("", "next_"))
        with torch.no_grad():
            log_q = self.log_q(next_obs, graphs[1], batch["next_action_mask"])
            taken = sample_with(log_q, generator)
            q = [self.q(m._target, i, next_obs, taken, graphs[1]) for i in range(n)]
            soft = (log_q.exp() * (torch.stack(q, 1) - m.temperature * log_q)).sum(2)
            y = batch["reward"] + m._config.discount * batch["continues"][:, None] * soft
        q = [self.q(m._critic, i, obs, batch["action"], graphs[0]) for i in range(n)]
        q = torch.stack(q, 1).gather(2, batch["action"].unsqueeze(2)).squeeze(2)
        log_q = self.log_q(obs, graphs[0], batch["action_mask"])
        taken = sample_with(log_q, generator)
        value = torch.stack([self.value(i, obs, taken, graphs[0]) for i in range(n)], 1)
        soft = (log_q.exp() * (value - m.temperature * log_q)).sum(2).mean()
        return mse_loss(q, y), -soft

    def update(self, batch, generator):
        losses = self.losses(batch, generator)
        self.method._optimizer.zero_grad()
        sum(losses).backward()
        self.method._optimizer.step()


def rate(update, seconds=2.0):
    """Calls per second of processor time, after a warm-up."""
    update()
    started, calls = time.process_time(), 0
    while time.process_time() - started < seconds:
        update()
        calls += 1
    return calls / (time.process_time() - started)


def report(capsys, name, place, stacked, loop):
    with capsys.disabled():
        print(
            f"\n{name}, {place}: {stacked:.0f} joint updates/s stacked, {loop:.2f} in a loop, "
            f"ratio {stacked / loop:.0f}"
        )


@pytest.mark.parametrize("place", sorted(PLACES))
def test_ip_learns_faster_than_a_loop_over_agents(place, capsys):
    torch.set_num_threads(1)
    scenario, method = build("ip", place)
    play(method, scenario)
    loop, twin = LoopIP(method), torch.Generator()
    twin.set_state(method._rngs.learn.get_state())
    batch = method._replay.sample(PLACES[place][4], np.random.default_rng(0))
    found = [loss.item() for loss in loop.losses(batch, twin)]
    torch.testing.assert_close(torch.tensor(found), torch.stack(method.losses(batch)[:2]).detach())

    stacked = rate(method.update)
    looped = rate(lambda: loop.update(batch, twin))

    report(capsys, "ip", place, stacked, looped)
    assert stacked / looped >= 10


def gradients_in_a_loop(method, before, first, second):
    """What every agent's incentives are worth to it: one inner step per pair of agents."""
    n = method._spec.n_agents
    with torch.no_grad():
        benefit = method.advantage(second, None)
        given = method.given(first)
        advantage = method.advantage(first, received(given, neighbors_of(first)))
    worth = torch.zeros(len(first.reward), n, n)

    def log_prob(weights, rollout, j):
        (*body, last) = zip(weights[::2], weights[1::2], strict=True)
        h = method._scaled(rollout.seen["obs"])[:, j]
        for w, b in body:
            h = torch.relu(h @ w + b)
        pi = (1 - method._epsilon) * (h @ last[0] + last[1]).softmax(1)
        log_pi = (pi + method._epsilon / method._spec.n_actions).log()
        return log_pi, log_pi.gather(1, rollout.action[:, j, None]).squeeze(1)

    for j in range(n):
        weights = [v[j].squeeze(0).requires_grad_() for v in before.values()]
        own = advantage[:, j].clone().requires_grad_()
        log_pi, taken = log_prob(weights, first, j)
        entropy = -(log_pi.exp() * log_pi).sum()
        objective = (taken * own).sum() + method._config.entropy * entropy
        gradient = torch.autograd.grad(objective, weights, create_graph=True)
        step = method._config.learning_rate
        after = [w + step * g for w, g in zip(weights, gradient, strict=True)]
        _, later = log_prob(after, second, j)
        for i in range(n):
            if i != j:
                (influence,) = torch.autograd.grad(
                    (later * benefit[:, i]).sum(), own, retain_graph=True
                )
                worth[:, i, j] = discounting(first, method._config.discount).T @ influence
    return worth


@pytest.mark.parametrize("place", sorted(PLACES))
def test_lio_learns_faster_than_a_loop_over_agents(place, capsys):
    torch.set_num_threads(1)
    scenario, method = build("lio", place, rollout=1000)
    segments = []
    for seed in (1, 2):
        rollout = Rollout(30, scenario.spec)
        for step in play(method, scenario, seed)[1][:30]:
            rollout.add(*step)
        segments.append(rollout.take())
    first, second = segments
    before = {name: w.detach().clone() for name, w in method._policy.named_parameters()}

    def worth():
        with torch.no_grad():
            benefit = method.advantage(second, None)
            given = method.given(first)
            advantage = method.advantage(first, received(given, neighbors_of(first)))
        return method.worth(before, first, second, advantage, benefit)

    in_a_loop = gradients_in_a_loop(method, before, first, second)
    torch.testing.assert_close(worth(), in_a_loop, atol=1e-6, rtol=1e-3)

    stacked = rate(worth)
    looped = rate(lambda: gradients_in_a_loop(method, before, first, second))

    report(capsys, "lio", place, stacked, looped)
    assert stacked / looped >= (10 if place == "traffic" else 0.7)  # jungle: large layers
