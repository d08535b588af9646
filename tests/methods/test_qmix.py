"""QMIX and VDN: what their mixers can and cannot say, and that they learn what is published."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.qmix import MonotonicMixer, Sum, remembered
from support.games import MatrixGame, TwoStepGame
from support.team_loops import LoopMixed
from support.toys import Line

SMALL = {
    "hidden": (16,),
    "warm_up": 16,
    "sample_size": 8,
    "batch_size": 8,
    "update_every": 1,
    "capacity": 500,
}


def build(name, scenario, seed=0, **fields):
    names = {f: v for f, v in (SMALL | fields).items() if not (name == "dqn" and f in ONLY_MIXED)}
    config = build_config(name, "line", "default", tuple(names.items()))
    return METHODS[name](scenario.spec, config, method_rngs(seed))


ONLY_MIXED = ("agent_id", "last_action", "recurrent", "max_gradient_norm")


def play(method, scenario, episodes, world=1, act=2):
    world, act = np.random.default_rng(world), np.random.default_rng(act)
    for _ in range(episodes):
        ts = scenario.reset(world)
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            method.observe(ts, actions, next_ts)
            ts = next_ts


def inputs(method, batch):
    """What the agents' networks are given of runs of steps: before, after, first steps."""
    x = method._sequences(batch["obs"], batch["previous"])
    return x, method._sequences(batch["next_obs"], batch["action"]), batch["step"] == 0


def mixer_after_training():
    scenario = Line(n_agents=3)
    method = build("qmix", scenario, parameters="per_agent")
    play(method, scenario, episodes=20)
    return method._network.mixer, scenario.spec


def random_case(spec, rows, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q = 5 * torch.randn(rows, spec.n_agents, generator=generator)
    return q, torch.randn(rows, spec.n_agents * spec.n_features, generator=generator)


def test_the_teams_value_rises_with_every_agents_value():
    mixer, spec = mixer_after_training()
    q, state = random_case(spec, 500)
    q.requires_grad_()

    (slope,) = torch.autograd.grad(mixer(q, state).sum(), q)

    assert (slope >= 0).all()
    assert (slope > 0).float().mean() > 0.99
    for i in range(spec.n_agents):
        step = 0.5 * torch.eye(spec.n_agents)[i]
        with torch.no_grad():
            assert (mixer(q + step, state) - mixer(q, state) >= -1e-5).all()


def test_the_agents_own_best_actions_are_the_teams():
    mixer, spec = mixer_after_training()
    joint = list(itertools.product(range(3), repeat=3))

    for seed in range(30):
        q, state = random_case(spec, 3, seed)  # [actions, agents]
        values = torch.stack([q[list(actions), range(3)] for actions in joint])
        with torch.no_grad():
            total = mixer(values, state[:1].expand(len(joint), -1))
        assert total[joint.index(tuple(q.argmax(dim=0).tolist()))] == total.max()


CASES = torch.tensor([(0, 0), (0, 1), (1, 0), (1, 1)])  # joint actions of two agents


def test_a_monotonic_mix_can_say_and():
    mixer = MonotonicMixer(2, 1, 1, (), torch.Generator(), "he")
    said = {
        "weight_1.layers.0.bias": 1.0,
        "bias_1.bias": -30.0,
        "weight_2.layers.0.bias": 1 / 11,
        "value.layers.1.bias": 1 / 11,
    }
    for name, parameter in mixer.named_parameters():
        parameter.data.fill_(said.get(name, 0.0))

    with torch.no_grad():
        both = mixer(20.0 * CASES, torch.ones(4, 1))

    torch.testing.assert_close(both, torch.tensor([0.0, 0.0, 0.0, 1.0]), rtol=0, atol=1e-5)


def test_a_monotonic_mix_cannot_say_exclusive_or():
    """Of [[0, 1], [1, 0]], rising in both values, the last 0 must not be below the two 1s.

    At best the three take their mean 2/3: an error of ((2/3)^2 + 2 (1/3)^2) / 4 = 1/6. Without
    the absolute values the same fit ends near 0.
    """
    mixer = MonotonicMixer(2, 1, 8, (), torch.Generator().manual_seed(0), "he")
    values = torch.tensor([[0.0, 4.0], [0.0, 4.0]], requires_grad=True)  # [agents, actions]
    optimizer = torch.optim.Adam([values, *mixer.parameters()], lr=0.1, fused=True)

    for _ in range(300):
        q = torch.stack([values[0, CASES[:, 0]], values[1, CASES[:, 1]]], dim=1)
        total = mixer(q, torch.ones(4, 1))
        loss = F.mse_loss(total, torch.tensor([0.0, 1.0, 1.0, 0.0]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert 1 / 6 - 1e-6 <= loss.item() < 0.3


def test_vdn_adds_values_up():
    q = torch.tensor([[1.0, 2.0, 4.0], [0.0, -1.0, 0.5]])

    assert Sum()(q, torch.zeros(2, 5)).tolist() == [7.0, -0.5]


def test_vdn_fits_a_game_as_well_as_a_sum_can():
    """The least-squares fit of [[0, 1], [1, 8]] by u(a) + v(b) under uniform play."""
    scenario = MatrixGame([[0, 1], [1, 8]])
    exact = {"hidden": (32,), "sample_size": 256, "batch_size": 256, "warm_up": 500}
    uniform = {"epsilon": 1.0, "epsilon_decay": 1.0, "epsilon_min": 1.0}
    fields = {"capacity": 800, "learning_rate": 0.01, "greedy_network": "online"}
    method = build("vdn", scenario, parameters="per_agent", **fields, **exact, **uniform)
    play(method, scenario, episodes=800)
    drawn = method._replay._data

    q = method.scores(scenario.reset(np.random.default_rng(0)))
    fitted = q[0][:, None] + q[1][None, :]

    u, v = drawn["action"][:800].T
    design = np.stack([u == 0, u == 1, v == 0], axis=1).astype(float)  # v == 1 is the rest
    weights, *_ = np.linalg.lstsq(design, drawn["reward"][:800, 0], rcond=None)
    best = weights[:2, None] + np.array([weights[2], 0.0])
    np.testing.assert_allclose(best, [[-1.5, 2.5], [2.5, 6.5]], atol=0.9)
    np.testing.assert_allclose(fitted, best, atol=0.3)


def test_vdn_of_one_agent_is_dqn():
    scenario = Line(n_agents=1)
    plain = {"double": True, "max_gradient_norm": 1e9}
    vdn, dqn = (build(name, scenario, **plain) for name in ("vdn", "dqn"))

    for method in (vdn, dqn):
        play(method, scenario, episodes=40)

    theirs = dict(zip(["a", "b", "c", "d"], dqn._network.parameters(), strict=True))
    mine = dict(zip(["a", "b", "c", "d"], vdn._network.parameters(), strict=True))
    for name, value in mine.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize(("ends", "share"), [("truncated", 1.0), ("terminated", 0.0)])
def test_an_end_bootstraps_if_and_only_if_it_was_a_truncation(ends, share, recurrent):
    scenario = Line(n_agents=3, max_steps=2, ends=ends)
    fields = {"discount": 0.9, "warm_up": 10**6, "burn_in": 0, "sequence_length": 6}
    method = build("vdn", scenario, recurrent=recurrent, **fields)
    play(method, scenario, episodes=20)
    for parameter in method._target.parameters():
        parameter.data.zero_()
    method._target.agents.head.bias.data[:] = torch.tensor([3.0, 7.0, 5.0])
    method._network.load_state_dict(method._target.state_dict())
    batch = method.sample()

    targets = method.targets(batch)

    ended = batch["step"] == 1
    bootstrap = torch.where(ended, share, 1.0) * 0.9 * 3 * 7.0
    assert targets.shape == (8, 6 if recurrent else 1)
    torch.testing.assert_close(targets, batch["reward"].mean(dim=2) + bootstrap)


def test_a_forbidden_action_is_no_ones_best():
    scenario = Line(n_agents=3, masked=True)
    method = build("vdn", scenario, warm_up=10**6, discount=1.0)
    play(method, scenario, episodes=20)
    for network in (method._target, method._network):
        for parameter in network.parameters():
            parameter.data.zero_()
        network.agents.head.bias.data[:] = torch.tensor([3.0, 7.0, 5.0])
    batch = method.sample()

    targets = method.targets(batch)

    best = torch.where(batch["next_action_mask"][..., 1], 7.0, 5.0).sum(dim=2)
    torch.testing.assert_close(targets, batch["reward"].mean(dim=2) + best)


@pytest.mark.parametrize("name", ["vdn", "qmix"])
def test_learning_sees_the_values_that_acting_saw(name):
    """Replayed from an episode's first step on, memory, last action and all, nothing differs."""
    scenario = Line(n_agents=3, max_steps=6)
    fields = {"recurrent": True, "last_action": True, "agent_id": True, "parameters": "per_agent"}
    method = build(name, scenario, warm_up=10**6, greedy_network="online", **fields)
    acted, world, act = [], np.random.default_rng(1), np.random.default_rng(2)
    for _ in range(4):
        ts = scenario.reset(world)
        while not ts.last:
            acted.append(method.scores(ts))
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            method.observe(ts, actions, next_ts)
            ts = next_ts
    run = method._replay.sample(1, np.random.default_rng(0), length=24)

    with torch.no_grad():
        agents, x, next_x, first = method._network.agents, *inputs(method, run)
        before = agents.before(x, first)[:, 0].transpose(0, 1)
        after = agents.after(x, next_x, first)[:, 0].transpose(0, 1)

    np.testing.assert_allclose(before.numpy(), np.stack(acted), atol=1e-5)
    inside = (run["step"][0] < 5).nonzero().squeeze(1)
    torch.testing.assert_close(after[inside], before[inside + 1], rtol=0, atol=1e-5)


def test_a_memory_counts_after_the_burn_in_or_from_an_episodes_first_step():
    first = torch.tensor([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=torch.bool)

    known = remembered(first, burn_in=3)

    assert known.int().tolist() == [[0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert remembered(first[:, 2:], burn_in=10).any(dim=1).all()


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("name", ["vdn", "qmix"])
def test_updates_equal_those_of_a_loop_over_modules(name, recurrent):
    scenario = Line(n_agents=3)
    fields = {"recurrent": recurrent, "burn_in": 0, "sequence_length": 7, "agent_id": True}
    single = {"parameters": "per_agent", "double": False, "last_action": True}
    method = build(name, scenario, warm_up=10**6, tau=0.1, **fields, **single)
    play(method, scenario, episodes=10)
    loop = LoopMixed(method, n_agents=3)
    samples = copy.deepcopy(method._rngs.replay)

    for _ in range(5):
        method.update()
        loop.update(method._replay.sample(8, samples, length=7 if recurrent else 1))

    batch = method._replay.sample(8, samples, length=7)
    x, next_x, first = inputs(method, batch)
    for network, plain in ((method._network, loop.network), (method._target, loop.target)):
        expected, _ = plain(x, next_x, first)
        found = network.agents.before(x, first).permute(1, 2, 0, 3)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_agents_and_mixer_learn_and_are_followed_by_their_target(optimizer):
    scenario = Line(n_agents=3)
    method = build("qmix", scenario, optimizer=optimizer)
    before = [p.detach().clone() for p in method._network.parameters()]
    target = [p.detach().clone() for p in method._target.parameters()]

    play(method, scenario, episodes=6)

    pairs = zip(before, method._network.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in pairs)
    pairs = zip(target, method._target.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in pairs)


def two_step_return(name, seed):
    """The return of greedy play after uniform data, as in Rashid et al., 2018."""
    scenario = TwoStepGame()
    fields = {
        "parameters": "shared",
        "agent_id": True,
        "discount": 0.99,
        "hidden": (32,),
        "learning_rate": 2e-3,
        "tau": 0.02,
        "sample_size": 32,
        "batch_size": 32,
        "capacity": 5000,
        "epsilon": 1.0,
        "epsilon_decay": 1.0,
    }
    method = build(name, scenario, seed=seed, epsilon=1.0, epsilon_min=1.0, **fields)
    play(method, scenario, episodes=1000, world=100 + seed, act=200 + seed)
    ts = scenario.reset(np.random.default_rng(0))
    while not ts.last:
        ts = scenario.step(method.act(ts, np.random.default_rng(0), explore=False))
    return scenario.metrics()["return"]


@pytest.mark.learning
@pytest.mark.parametrize(("name", "published", "least"), [("qmix", 8.0, 8), ("vdn", 7.0, 10)])
def test_the_two_step_game_ends_as_published(name, published, least):
    """Of ten seeds. A learner that tosses coins finds 8 in one of eight joint plays and 7 in one
    of two: it passes with a chance of 3e-6 as QMIX and of 1e-3 as VDN.
    """
    right = sum(two_step_return(name, seed) == published for seed in range(10))

    assert right >= least
