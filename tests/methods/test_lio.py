"""What LIO's incentives are worth: by hand, by finite differences and in small games."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.learners.rollout import Rollout, Segment
from methods.lio import LIO, discounting, log_mixture, neighbors_of, received
from support.social_games import EscapeRoom, IteratedPrisonersDilemma
from support.toys import Line


def made(scenario, seed=0, **fields):
    plain = {"whole_episodes": True, "rollout": 1, "advantage": "return"} | fields
    config = build_config("lio", "none", "default", tuple(sorted(plain.items())))
    return LIO(scenario.spec, config, method_rngs(seed))


def episodes(method, scenario, n, seed=0):
    """Play n episodes as in training; yield each one's transitions before the last is observed."""
    world, act = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    for _ in range(n):
        ts, steps = scenario.reset(world), []
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            steps.append((ts, actions, next_ts))
            if next_ts.last:
                yield steps
            method.observe(ts, actions, next_ts)
            ts = next_ts


class OneLogit(nn.Module):
    """Cooperate with chance sigmoid(theta), whatever is seen."""

    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64).view(-1, 1, 1))

    def forward(self, x):
        cooperate = self.theta.expand(*x.shape[:2], 1)
        return torch.cat([cooperate, torch.zeros_like(cooperate)], dim=2)


THETA, ETA, BETA = (0.2, -0.4), (0.3, 0.1), 0.5
JOINT = torch.tensor(list(itertools.product(range(2), repeat=2)))
PAYOFF = torch.from_numpy(IteratedPrisonersDilemma.REWARD).double()


def chances(theta):
    cooperate = torch.sigmoid(torch.tensor(theta, dtype=torch.float64))
    return torch.where(JOINT == 0, cooperate, 1 - cooperate).prod(1)


def segment_of(obs, action, reward, first, ends, **more):
    """A rollout of agents that are all neighbors, with as many features as actions allow."""
    n_agents = action.shape[1]
    others = [[j for j in range(n_agents) if j != i] for i in range(n_agents)]
    plain = {
        "seen": {
            "obs": obs,
            "neighbors": torch.tensor(others).view(1, n_agents, n_agents - 1),
            "action_mask": torch.ones(*action.shape, 2, dtype=torch.bool),
        },
        "action": action,
        "reward": reward,
        "first": torch.tensor(first),
        "extra": {},
        "ends": torch.tensor(ends),
        "after": {"obs": obs[ends]},
        "continues": torch.zeros(len(ends), dtype=reward.dtype),
    }
    return Segment(**(plain | more))


def test_the_worth_of_an_incentive_is_the_closed_form():
    """A prisoner's dilemma once; agent 0 gives agent 1 .3 for cooperation and .1 for defection.

    d J_0 / d eta_C = beta p (1 - p) p' (1 - p') 2, p' the recipient's chance after the inner step.
    """
    method = made(
        IteratedPrisonersDilemma(max_steps=1),
        learning_rate=BETA,
        entropy=0.0,
        epsilon=0.0,
        epsilon_min=0.0,
    )
    method._policy = OneLogit(THETA)
    reward = torch.stack([PAYOFF[JOINT[:, 0], JOINT[:, 1]], PAYOFF[JOINT[:, 1], JOINT[:, 0]]], 1)
    obs = torch.ones(4, 2, 5, dtype=torch.float64)
    rows = segment_of(obs, JOINT, reward, [True] * 4, [0, 1, 2, 3])  # each its own episode
    before = dict(method._policy.named_parameters())
    eta = torch.tensor(ETA, dtype=torch.float64)
    given = torch.stack([torch.zeros(4, dtype=torch.float64), eta[JOINT[:, 1]]], 1)
    weighted = chances(THETA).unsqueeze(1) * (reward + given)  # expectations in place of samples
    after = method.inner_step(before, rows, weighted)["theta"].flatten().tolist()
    benefit = chances(after).unsqueeze(1) * reward

    worth = method.worth(before, rows, rows, weighted, benefit)

    assert after[1] == pytest.approx(-0.4961, abs=1e-4)
    gradient = (worth[:, 0, 1] * chances(THETA))[JOINT[:, 1] == 0].sum().item()
    assert gradient == pytest.approx(0.0565159, abs=5e-8)
    step = 1e-5
    ahead, behind = (expected_payoff(ETA[0] + d, ETA[1]) for d in (step, -step))
    assert gradient == pytest.approx((ahead - behind) / (2 * step), abs=1e-9)


def expected_payoff(eta_cooperate, eta_defect):
    """The giver's payoff after the recipient's step, worked out without the method."""
    p, other = (1 / (1 + math.exp(-theta)) for theta in (THETA[1], 0.0))
    theta = THETA[1] + BETA * p * (1 - p) * (eta_cooperate - eta_defect - 1)
    p_after = 1 / (1 + math.exp(-theta))
    return sum(
        mine * his * PAYOFF[a, b].item()
        for a, mine in enumerate((other, 1 - other))
        for b, his in enumerate((p_after, 1 - p_after))
    )


def two_rollouts(method, scenario, seed=3, each=3):
    """Rollouts before and after the inner step, the parameters before it; all in float64."""
    for network in (method._policy, method._incentive, method._critic):
        network.double()
    before = {name: p.detach().clone() for name, p in method._policy.named_parameters()}
    segments = []
    for second in (False, True):
        rollout = Rollout(each * scenario.spec.max_steps, scenario.spec)
        for k in range(each):
            world, act = np.random.default_rng(seed), np.random.default_rng([seed, second, k])
            ts = scenario.reset(world)
            while not ts.last:
                actions = act.integers(scenario.spec.n_actions, size=scenario.spec.n_agents)
                next_ts = scenario.step(actions)
                rollout.add(ts, actions, next_ts)
                ts = next_ts
        segment = rollout.take()
        seen, after = (
            known | {"obs": known["obs"].double()} for known in (segment.seen, segment.after)
        )
        reward = segment.reward.double()
        segments.append(dataclasses.replace(segment, seen=seen, after=after, reward=reward))
    return before, *segments


def objective_of_giver(method, i, before, first, second, benefit):
    """sum_{j != i} sum_s log pi_{theta'_j(eta)}(a'_s) G_i,s, all of theta' depending on eta."""
    with torch.no_grad():
        advantage = method.advantage(first, received(method.given(first), neighbors_of(first)))
    log_prob = method.log_prob(method.inner_step(before, first, advantage), second).detach()
    others = [j for j in range(log_prob.shape[1]) if j != i]
    return (log_prob[:, others] * benefit[:, i : i + 1]).sum().item()


@pytest.mark.parametrize("incentive", ["edge", "positional"])
@pytest.mark.parametrize("advantage", ["return", "critic"])
def test_the_gradient_of_incentives_agrees_with_finite_differences(incentive, advantage):
    """Three agents, so that what one gives changes policies that others pay as well."""
    room = EscapeRoom(n_agents=3, needed=2)
    method = made(
        room,
        incentive=incentive,
        advantage=advantage,
        hidden=(4,),
        incentive_hidden=(3,),
        learning_rate=0.1,
        cost=0.0,
        entropy=0.1,
        epsilon=0.2,
    )
    before, first, second = two_rollouts(method, room)
    loss = method.incentive_loss(before, first, second)
    loss.backward(inputs=list(method._incentive.parameters()))
    with torch.no_grad():
        benefit = method.advantage(second, None)

    for weight in method._incentive.parameters():
        for i in range(3):
            flat = weight.data[i].view(-1)
            for k in range(0, len(flat), max(len(flat) // 3, 1)):
                at, h = flat[k].item(), 1e-5
                found = []
                for moved in (at + h, at - h):
                    flat[k] = moved
                    found.append(objective_of_giver(method, i, before, first, second, benefit))
                flat[k] = at
                slope = (found[0] - found[1]) / (2 * h)
                assert -weight.grad[i].view(-1)[k].item() == pytest.approx(slope, abs=1e-7)


def incentive_gradient(method, room):
    before, first, second = two_rollouts(method, room)
    method.incentive_loss(before, first, second).backward(
        inputs=list(method._incentive.parameters())
    )
    return max(p.grad.abs().max().item() for p in method._incentive.parameters())


def test_without_an_inner_step_incentives_are_worth_nothing():
    room = EscapeRoom()

    assert incentive_gradient(made(room, learning_rate=0.0, cost=0.0), room) == 0.0
    assert incentive_gradient(made(room, learning_rate=0.1, cost=0.0), room) > 1e-4


def test_the_gradient_reaches_incentives_through_the_inner_step_alone(monkeypatch):
    """The same policies, cut from what was given: nothing is left."""
    room = EscapeRoom()
    method = made(room, learning_rate=0.1, cost=0.0)
    whole = method.inner_step

    def cut(weights, rollout, advantage):
        after = whole(weights, rollout, advantage)
        return {name: w.detach() + 0.0 * advantage.sum() for name, w in after.items()}

    monkeypatch.setattr(method, "inner_step", cut)

    assert incentive_gradient(method, room) == 0.0


def test_the_cost_is_proportional_to_what_is_given():
    room = EscapeRoom()
    method = made(room, learning_rate=0.0, cost=0.5)
    before, first, second = two_rollouts(method, room)

    loss = method.incentive_loss(before, first, second)

    torch.testing.assert_close(loss, 0.5 * method.given(first).sum())


class PlainPolicyGradient:
    """One agent by itself: REINFORCE on its own rewards, in plain modules."""

    def __init__(self, method, i):
        self.method, self.i = method, i
        self.weights = [
            (layer.weight.data[i].clone(), layer.bias.data[i, 0].clone())
            for layer in method._policy.layers
        ]
        self.weights = [(w.requires_grad_(), b.requires_grad_()) for w, b in self.weights]

    def logits(self, obs):
        for w, b in self.weights[:-1]:
            obs = torch.relu(obs @ w + b)
        w, b = self.weights[-1]
        return obs @ w + b

    def update(self, steps):
        c, objective, ret = self.method._config, 0.0, 0.0
        for ts, actions, next_ts in reversed(steps):
            ret = float(next_ts.reward[self.i]) + c.discount * ret
            pi = self.logits(torch.from_numpy(ts.obs[self.i])).softmax(0)
            pi = (1 - c.epsilon) * pi + c.epsilon / len(pi)
            objective = objective + ret * pi[actions[self.i]].log()
            objective = objective - c.entropy * (pi * pi.log()).sum()
        leaves = [x for pair in self.weights for x in pair]
        for x, g in zip(leaves, torch.autograd.grad(objective, leaves), strict=True):
            x.data += c.learning_rate * g


def test_with_nothing_to_give_it_is_policy_gradient():
    """Every other episode: the one after the inner step is for incentives."""
    room = EscapeRoom(n_agents=3, needed=2)
    method = made(room, r_max=0.0, hidden=(8, 8), learning_rate=0.01, epsilon=0.3, epsilon_min=0.3)
    agents = [PlainPolicyGradient(method, i) for i in range(3)]

    for k, steps in enumerate(episodes(method, room, 40)):
        if k % 2 == 0:
            for agent in agents:
                agent.update(steps)

    scores = method.scores(room.reset(np.random.default_rng(0)))
    obs = torch.from_numpy(room.reset(np.random.default_rng(0)).obs)
    for i, agent in enumerate(agents):
        own = agent.logits(obs[i]).detach().numpy()
        np.testing.assert_allclose(scores[i], own, atol=1e-5)
    start = made(room, r_max=0.0, hidden=(8, 8)).scores(room.reset(np.random.default_rng(0)))
    assert np.abs(scores - start).max() > 1e-2


@pytest.mark.parametrize("incentive", ["edge", "positional"])
def test_incentives_go_to_neighbors_alone_and_stay_below_their_maximum(incentive):
    line = Line(n_agents=5)
    method = made(line, incentive=incentive, r_max=0.5)
    _, first, _ = two_rollouts(method, line)

    given = method.given(first)

    neighbors = neighbors_of(first)
    present = neighbors >= 0
    assert not present.all()
    assert (given[~present] == 0).all()
    assert (given[present] > 0).all()
    assert (given[present] < 0.5).all()
    gifts = received(given, neighbors)
    torch.testing.assert_close(gifts[:, 0], given[:, 1, neighbors[0, 1] == 0].squeeze(1))


def test_an_edge_incentive_depends_on_giver_recipient_and_its_action_only():
    line = Line(n_agents=5)
    method = made(line, parameters="shared")
    _, first, _ = two_rollouts(method, line)
    given = method.given(first)
    action = first.action.clone()
    action[:, 0] = (action[:, 0] + 1) % 3

    changed = method.given(dataclasses.replace(first, action=action)) != given

    to_agent_0 = neighbors_of(first) == 0
    assert torch.equal(changed, to_agent_0)


def test_returns_end_with_their_episode():
    reward = torch.tensor([[1.0], [2.0], [4.0], [8.0], [16.0]], dtype=torch.float64)
    nothing = torch.zeros(5, 1, dtype=torch.int64)
    first = [True, False, False, True, False]
    segment = segment_of(reward.unsqueeze(2), nothing, reward, first, [2, 4])

    returns = discounting(segment, 0.5) @ reward

    assert returns[:, 0].tolist() == [3.0, 4.0, 4.0, 16.0, 16.0]


@pytest.mark.parametrize(
    ("continues", "expected"),
    [
        (0.0, [0.5, 0.0]),  # terminated: 1 + .5 - 1, 1 - 1
        (1.0, [1.0, 1.0]),  # truncated or cut: 1 + .5 (1 + .5 * 2) - 1, 1 + .5 * 2 - 1
    ],
)
def test_returns_bootstrap_where_the_game_would_go_on(continues, expected):
    line = Line(n_agents=2)
    method = made(line, advantage="critic", discount=0.5)
    method._value = lambda obs: obs[..., :1].expand(-1, -1, 2) * torch.tensor([1.0, 7.0])
    segment = segment_of(
        torch.ones(2, 2, 4),
        torch.zeros(2, 2, dtype=torch.int64),
        torch.ones(2, 2),
        [True, False],
        [1],
        after={"obs": torch.full((1, 2, 4), 2.0)},
        continues=torch.tensor([continues]),
    )

    advantage = method.advantage(segment, None)

    assert advantage[:, 0].tolist() == expected


def test_forbidden_actions_have_no_chance_in_the_mixture():
    logits = torch.tensor([[[9.0, 0.0, 0.0]]])
    allowed = torch.tensor([[[False, True, True]]])

    pi = log_mixture(logits, allowed, 0.5).exp()

    torch.testing.assert_close(pi, torch.tensor([[[0.0, 0.5, 0.5]]]))


def test_both_rollouts_of_a_pair_explore_alike():
    """The authors' code leaves the exploration out of the second."""
    room = EscapeRoom()
    method = made(room, epsilon=1.0, epsilon_min=0.0, epsilon_episodes=10)

    shares = [method._epsilon for _ in episodes(method, room, 6)]

    assert shares == pytest.approx([1.0, 1.0, 0.8, 0.8, 0.6, 0.6])


def learned(game, seed, steps, **fields):
    """Train, and return the mean outcome of a hundred episodes without exploration."""
    method = made(game, seed=seed, **fields)
    world, act = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    played = 0
    while played < steps:
        ts = game.reset(world)
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = game.step(actions)
            method.observe(ts, actions, next_ts)
            ts, played = next_ts, played + 1
    returns = []
    for _ in range(100):
        ts = game.reset(world)
        while not ts.last:
            ts = game.step(method.act(ts, act, explore=False))
        returns.append(game.metrics()["return"])
    return float(np.mean(returns))


ESCAPE = {
    "hidden": (64, 32),  # the authors' code, as r_max and discount
    "incentive_hidden": (64, 16),
    "r_max": 2.0,
    "cost": 0.0,
    "discount": 0.99,
    "rollout": 8,
    "learning_rate": 3e-4,
    "incentive_learning_rate": 1e-2,
    "epsilon": 0.5,
    "epsilon_min": 0.1,
    "epsilon_episodes": 4000,
    "evaluation": "sample",
}
DILEMMA = {
    "hidden": (16, 8),  # the authors' code, as r_max, discount and entropy
    "incentive_hidden": (16, 8),
    "r_max": 3.0,
    "cost": 0.0,
    "discount": 0.99,
    "entropy": 0.1,
    "rollout": 5,
    "learning_rate": 1e-3,
    "incentive_learning_rate": 3e-3,
    "epsilon": 0.5,
    "epsilon_min": 0.05,
    "epsilon_episodes": 3000,
    "evaluation": "sample",
}


@pytest.mark.learning
def test_somebody_is_paid_to_hold_the_lever():
    """The best is 9. If one seed in ten fails, the median of three does in less than 3 %."""
    outcomes = [learned(EscapeRoom(), seed, 60_000, **ESCAPE) for seed in (2, 4, 5)]

    assert np.median(outcomes) >= 8.5


@pytest.mark.learning
def test_unpaid_nobody_holds_the_lever():
    """Policy gradient without incentives; the median fails as rarely as above."""
    outcomes = [
        learned(EscapeRoom(), seed, 20_000, **{**ESCAPE, "r_max": 0.0}) for seed in (2, 4, 5)
    ]

    assert np.median(outcomes) < 5.0


@pytest.mark.learning
def test_prisoners_pay_each_other_to_cooperate():
    """Defection is -2 a step and agent, cooperation -1; the median fails as rarely as above."""
    steps = 2 * 5  # agents, steps of an episode
    outcomes = [
        learned(IteratedPrisonersDilemma(), seed, 20_000, **DILEMMA) / steps for seed in (1, 2, 3)
    ]

    assert np.median(outcomes) > -1.2
