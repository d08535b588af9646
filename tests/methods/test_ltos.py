"""LToS: shares and rewards by hand, the high level's gradient, and what the method reduces to."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.dgn import DGN
from methods.learners.q_learning import QLearner
from methods.learners.sharing import (
    initial_softmax,
    received,
    share_matrix,
)
from methods.ltos import FixedLToS, LToS
from scenarios.prisoner import Prisoner
from support.loops import LoopLToS
from support.toys import Line, fill, next_in_line

LOW = {
    "parameters": "per_agent",
    "hidden": (16, 16),
    "layers": 1,
    "heads": 2,
    "head_size": 4,
    "warm_up": 10,
    "update_every": 1,
    "sample_size": 8,
    "batch_size": 8,
    "capacity": 100,
    "double": False,
    "greedy_network": "online",
}
HIGH = {
    "high_level_hidden": (16, 16),
    "high_level_head_scale": 1.0,
    "high_level_learning_rate": 0.05,
    "high_level_start": 0,
    "high_level_update_every": 1,
    "high_level_sample_size": 8,
    "high_level_batch_size": 8,
}


def build(method, scenario, **changed):
    settings = LOW | (HIGH if method is LToS else {}) | changed
    name = {LToS: "ltos", FixedLToS: "fixed_ltos", DGN: "dgn"}[method]
    config = build_config(name, "line", "default", tuple(settings.items()))
    return method(scenario.spec, config, method_rngs(0))


@pytest.mark.parametrize("method", [FixedLToS, LToS])
def test_keeping_everything_with_blind_share_inputs_is_dgn(method):
    """W = I and share inputs of weight zero: scores and an update equal DGN's."""
    scenario = Line(n_agents=4)
    dgn = build(DGN, scenario)
    changed = {"selfishness": 1.0} if method is FixedLToS else {"high_level_start": 10**6}
    ltos = build(method, scenario, **changed)
    if method is LToS:
        identity = torch.zeros(1, 4, 3)
        identity[:, :, 0] = 1
        ltos.shares = lambda phi, seen, noise=None: identity.expand(len(seen.obs), -1, -1)
    features = scenario.spec.n_features
    for mine, theirs in ((ltos._network, dgn._network), (ltos._target, dgn._target)):
        copied = theirs.state_dict()
        first = "encoder.layers.0.weight"
        copied[first] = torch.cat([copied[first], torch.zeros(4, 4, 16)], dim=1)
        mine.load_state_dict(copied)

    for each in (dgn, ltos):
        fill(each, scenario, 10, explore=False)  # the tenth step makes the first update

    theirs, mine = dict(dgn._network.named_parameters()), dict(ltos._network.named_parameters())
    for name, parameter in theirs.items():
        seen = mine[name][:, :features] if name == "encoder.layers.0.weight" else mine[name]
        torch.testing.assert_close(seen, parameter, rtol=0, atol=1e-6)
    assert not torch.equal(
        theirs["encoder.layers.0.weight"], build(DGN, scenario)._network.encoder.layers[0].weight
    )


def test_a_high_level_that_never_moves_is_fixed_ltos():
    scenario = Line(n_agents=4)
    fixed = build(FixedLToS, scenario, selfishness=0.7)
    frozen = build(
        LToS, scenario, selfishness=0.7, high_level_head_scale=0.0, high_level_start=10**6
    )

    for method in (fixed, frozen):
        fill(method, scenario, 30, explore=False)

    ts = scenario.reset(np.random.default_rng(5))
    np.testing.assert_allclose(frozen.scores(ts), fixed.scores(ts), rtol=1e-4, atol=1e-5)


def test_five_updates_of_both_levels_equal_a_loop_over_modules():
    scenario = Line(n_agents=4)
    method = build(LToS, scenario, high_level_layers=1, warm_up=20)
    fill(method, scenario, 19)
    loop = LoopLToS(method, 4, next_in_line(scenario.spec))
    samples = copy.deepcopy(method._rngs.replay)

    for _ in range(5):
        method.update()
        method.update_high_level()
        batch = method._replay.sample(8, samples)
        seen, after = (QLearner.seen(method, batch, prefix).obs for prefix in ("", "next_"))
        loop.update(seen, after, batch)
        batch = method._replay.sample(8, samples)
        loop.update_high_level(QLearner.seen(method, batch, "").obs, method._config.tau)

    x = torch.rand(6, 4, scenario.spec.n_features, generator=torch.Generator().manual_seed(3))
    phi, plain = method._phi(x, loop.graph), loop.phi(x, loop.graph)
    torch.testing.assert_close(phi, plain, rtol=0, atol=1e-5)
    x = torch.cat([x, torch.rand(6, 4, 4, generator=torch.Generator().manual_seed(4))], dim=2)
    stacked, plain = method._network(x, loop.graph), loop.low.network(x, loop.graph)
    torch.testing.assert_close(stacked, plain, rtol=0, atol=1e-4)


@pytest.fixture
def learner():
    scenario = Line(n_agents=4)
    method = build(LToS, scenario, high_level_layers=1, warm_up=1000)
    fill(method, scenario, 20)
    batch = method._replay.sample(6, np.random.default_rng(0))
    for module in (method._network, method._target, method._phi, method._phi_target):
        module.double()
    method._obs_scale = method._obs_scale.double()
    return method, batch


def test_the_high_levels_gradient_is_the_exchange_of_gradients(learner):
    """Backpropagation through W equals Algorithm 1: g_in by agent, sent back as g_out."""
    method, batch = learner
    seen = QLearner.seen(method, batch, "")
    around = method.neighborhood(seen.neighbors)
    logits = method._phi(seen.obs, around.graph).detach().requires_grad_()
    share = initial_softmax(logits, around.present, method._selfishness)

    def objective(shares):
        q = method.q(method._network, method.receiving(seen, shares))
        return q.amax(2).sum()

    (automatic,) = torch.autograd.grad(objective(share), logits)

    # By hand: g[i, j], the gradient at what j receives from i, weighted by softmax's Jacobian.
    leaf = share.detach().clone().requires_grad_()
    matrix = share_matrix(leaf, around)
    share_in = received(matrix, around).detach().requires_grad_()
    q = method._network(torch.cat([seen.obs, share_in], dim=2), around.graph)
    (g_in,) = torch.autograd.grad(q.amax(2).sum(), share_in)
    given = torch.zeros_like(matrix)  # given[b, i, j]: gradient with respect to W_ij
    slots = PATHS4
    for j in range(4):
        given[:, j, j] = g_in[:, j, 0]
        for k, i in enumerate(slots[j]):
            if i >= 0:
                given[:, i, j] = g_in[:, j, 1 + k]
    g_out = torch.zeros_like(leaf)
    for i in range(4):
        g_out[:, i, 0] = given[:, i, i]
        for k, j in enumerate(slots[i]):
            if j >= 0:
                g_out[:, i, 1 + k] = given[:, i, j]
    mean = (share * g_out).sum(2, keepdim=True)
    by_hand = share * (g_out - mean)

    torch.testing.assert_close(automatic, by_hand.detach(), rtol=1e-6, atol=1e-9)


PATHS4 = [[1, -1], [0, 2], [1, 3], [2, -1]]


def test_the_high_levels_gradient_agrees_with_finite_differences(learner):
    method, batch = learner
    weight = method._phi.head.bias
    _, loss = method.high_level_loss(batch)
    loss.backward(inputs=[weight])
    step = 1e-6

    for i, unit in ((0, 0), (1, 1), (2, 2), (3, 0)):
        with torch.no_grad():
            weight[i, 0, unit] += step
            above = method.high_level_loss(batch)[1]
            weight[i, 0, unit] -= 2 * step
            below = method.high_level_loss(batch)[1]
            weight[i, 0, unit] += step
        difference = (above - below) / (2 * step)
        assert weight.grad[i, 0, unit].item() == pytest.approx(difference.item(), rel=1e-4)


def test_an_update_of_the_high_level_raises_the_critics_sum_and_leaves_the_critic_alone(learner):
    method, batch = learner
    method._replay.sample = lambda size, rng: batch
    method._high = dataclasses.replace(
        method._high, high_level_sample_size=6, high_level_batch_size=6
    )
    critic = [p.clone() for p in method._network.parameters()]
    before = method.high_level_loss(batch)[0].item()

    method.update_high_level()

    assert method.high_level_loss(batch)[0].item() > before
    for old, new in zip(critic, method._network.parameters(), strict=True):
        assert torch.equal(old, new)


def test_the_sum_over_agents_is_their_number_times_the_mean():
    scenario = Line(n_agents=4)
    losses = []
    for objective in ("sum", "mean"):
        method = build(LToS, scenario, high_level_objective=objective, warm_up=1000)
        fill(method, scenario, 20)
        batch = method._replay.sample(6, np.random.default_rng(0))
        losses.append(method.high_level_loss(batch)[1].item())

    assert losses[0] == pytest.approx(4 * losses[1], rel=1e-5)


def test_shares_are_held_for_m_steps_and_decided_anew_in_every_episode():
    scenario = Line(n_agents=4, max_steps=5)
    method = build(LToS, scenario, share_interval=3)
    world, act = np.random.default_rng(1), np.random.default_rng(2)
    episodes = []

    for _ in range(2):
        ts, held = scenario.reset(world), []
        while not ts.last:
            ts = scenario.step(method.act(ts, act, explore=False))
            held.append(method.traces()["selfishness"].tolist())
        episodes.append(held)

    for held in episodes:
        assert held[0] == held[1] == held[2] != held[3]
        assert held[3] == held[4]
    assert episodes[0][3] != episodes[1][0]


def test_held_shares_of_the_target_are_the_stored_ones_inside_a_window():
    scenario = Line(n_agents=4, max_steps=6)
    method = build(LToS, scenario, share_interval=3, target_share="held", warm_up=1000)
    fill(method, scenario, 40)
    batch = method._replay.sample(16, np.random.default_rng(0))

    with torch.no_grad():
        after, plain = method.seen(batch, "next_"), QLearner.seen(method, batch, "next_")
        fresh = method.receiving(plain, method.shares(method._phi_target, plain))
        stored = method.receiving(plain, batch["share"])

    inside = (batch["step"] + 1) % 3 != 0
    assert 0 < inside.sum() < 16
    assert not torch.allclose(stored.obs, fresh.obs)
    torch.testing.assert_close(after.obs[inside], stored.obs[inside])
    torch.testing.assert_close(after.obs[~inside], fresh.obs[~inside])


@pytest.mark.parametrize("noise", ["gaussian", "ou"])
def test_noise_explores_shares_on_the_simplex_and_evaluation_has_none(noise):
    scenario = Line(n_agents=4)
    method = build(LToS, scenario, share_noise=noise, share_noise_sigma=1.0)
    ts = scenario.reset(np.random.default_rng(0))

    def kept(seed, explore):
        method.act(ts, np.random.default_rng(seed), explore=explore)
        return method._share.clone()

    assert torch.equal(kept(0, False), kept(1, False))
    assert not torch.allclose(kept(0, True), kept(1, True))
    torch.testing.assert_close(kept(0, True).sum(2), torch.ones(1, 4))


def test_stored_rewards_are_raw_and_shaped_when_learned_from():
    scenario = Prisoner()
    config = build_config("fixed_ltos", "prisoner", "paper", (("selfishness", 0.7),))
    method = FixedLToS(scenario.spec, config, method_rngs(0))
    ts = scenario.reset(np.random.default_rng(0))
    next_ts = dataclasses.replace(
        scenario.step(np.array([1, 1])), reward=np.array([0.99, -0.01], np.float32)
    )

    method.store(ts, np.array([1, 1]), next_ts)
    batch = method._replay.sample(1, np.random.default_rng(0))

    torch.testing.assert_close(batch["reward"], torch.tensor([[0.99, -0.01]]))
    # .7 * .99 + .3 * -.01 and .7 * -.01 + .3 * .99
    torch.testing.assert_close(method.shaped_reward(batch), torch.tensor([[0.69, 0.29]]))


@pytest.mark.parametrize("selfishness", [0.0, 1.0])
def test_ltos_refuses_to_start_in_a_corner(selfishness):
    with pytest.raises(ValueError, match=r"fields\.selfishness: Input should be (gr|l)"):
        build(LToS, Line(), selfishness=selfishness)
