"""IPPO and MAPPO: what a rollout becomes, step by step, and that they solve the prisoner."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.ppo import clipped_gain, normalized
from scenarios.prisoner import COOPERATE, DEFECT, Prisoner
from support.team_loops import LoopPPO
from support.toys import Line

SMALL = {"hidden": (8,), "rollout": 20, "batch_size": 10, "parameters": "per_agent"}


def build(name, scenario, seed=0, hparams_of="line", **fields):
    config = build_config(name, hparams_of, "default", tuple((SMALL | fields).items()))
    return METHODS[name](scenario.spec, config, method_rngs(seed))


def play(method, scenario, steps, world=1, act=2):
    """Play for so many environment steps; return what was seen before and after each."""
    world, act = np.random.default_rng(world), np.random.default_rng(act)
    seen, ts = [], scenario.reset(world)
    for _ in range(steps):
        if ts.last:
            ts = scenario.reset(world)
        actions = method.act(ts, act, explore=True)
        next_ts = scenario.step(actions)
        metrics = method.observe(ts, actions, next_ts)
        seen.append((ts, actions, next_ts, metrics))
        ts = next_ts
    return seen


def values(method, ts):
    obs = torch.from_numpy(ts.obs).unsqueeze(0) * method._obs_scale
    with torch.no_grad():
        return method.value(obs)[0].numpy()


@pytest.mark.parametrize("ends", ["truncated", "terminated"])
@pytest.mark.parametrize("name", ["ippo", "mappo"])
def test_returns_and_advantages_are_what_a_slow_loop_finds(name, ends):
    scenario = Line(n_agents=3, max_steps=7, ends=ends)
    fields = {"discount": 0.9, "gae_decay": 0.8, "reward_scale": 2.0, "rollout": 100}
    method = build(name, scenario, normalize_advantages=False, **fields)
    seen = play(method, scenario, steps=24)  # three episodes and a part

    batch = method._prepared(method._rollout.take())

    for t, (ts, *_) in enumerate(seen):
        advantage, weight = 0.0, 1.0
        for before, _, after, _ in seen[t:]:
            earned = np.full(3, after.reward.mean()) if name == "mappo" else after.reward
            following = 0.0 if after.terminated else values(method, after)
            error = 2.0 * earned + 0.9 * following - values(method, before)
            advantage, weight = advantage + weight * error, weight * 0.9 * 0.8
            if after.last:
                break
        np.testing.assert_allclose(batch["advantage"][t], advantage, atol=1e-5)
        np.testing.assert_allclose(batch["return"][t], advantage + values(method, ts), atol=1e-5)


@pytest.mark.parametrize(("ends", "value"), [("truncated", 0.9 * 7.0), ("terminated", 0.0)])
@pytest.mark.parametrize("name", ["ippo", "mappo"])
def test_an_end_bootstraps_if_and_only_if_it_was_a_truncation(name, ends, value):
    scenario = Line(n_agents=3, max_steps=1, ends=ends)
    method = build(name, scenario, discount=0.9, rollout=100)
    for parameter in method._critic.parameters():
        parameter.data.zero_()
    method._critic.layers[-1].bias.data.fill_(7.0)
    seen = play(method, scenario, steps=20)

    found = method._prepared(method._rollout.take())["return"]

    earned = np.stack([after.reward for _, _, after, _ in seen])
    if name == "mappo":
        earned = earned.mean(axis=1, keepdims=True).repeat(3, axis=1)
    np.testing.assert_allclose(found, earned + value, rtol=1e-6)


@pytest.mark.parametrize("name", ["ippo", "mappo"])
def test_learning_starts_from_the_policy_that_acted(name):
    scenario = Line(n_agents=3, masked=True)
    method = build(name, scenario, rollout=100, agent_id=True)
    seen = play(method, scenario, steps=30)

    found = method._prepared(method._rollout.take())["log_prob"]

    for row, (ts, actions, *_) in zip(found, seen, strict=True):
        scores = np.where(ts.action_mask, method.scores(ts), -np.inf)
        log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(row, log_probs[np.arange(3), actions], atol=1e-5)


def test_what_is_never_allowed_is_never_learned_about():
    scenario = Line(n_agents=3)
    method = build("ippo", scenario, epochs=1, batch_size=20)
    ts = scenario.reset(np.random.default_rng(0))
    before = method._actor.layers[-1].bias.detach().clone()

    for _ in range(20):
        masked = dataclasses.replace(ts, action_mask=np.array([[True, True, False]] * 3))
        actions = method.act(masked, np.random.default_rng(1), explore=True)
        method.observe(masked, actions, dataclasses.replace(masked, reward=np.ones(3, np.float32)))

    moved = method._actor.layers[-1].bias.detach() != before
    assert not moved[:, 0, 2].any()
    assert moved[:, 0, :2].all()


def test_mappo_of_one_agent_is_ippo():
    scenario = Line(n_agents=1)
    together, alone = (build(name, scenario) for name in ("mappo", "ippo"))

    for method in (together, alone):
        play(method, scenario, steps=100)

    pairs = zip(together._networks.parameters(), alone._networks.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_an_update_equals_that_of_a_loop_over_modules():
    scenario = Line(n_agents=3, max_steps=30)
    method = build("ippo", scenario, rollout=100, max_gradient_norm=1e9)
    play(method, scenario, steps=20)
    segment, orders = method._rollout.take(), copy.deepcopy(method._rngs.replay)
    method._rollout.take = lambda: segment
    loop = LoopPPO(method, n_agents=3)
    obs, after = (seen["obs"] * method._obs_scale for seen in (segment.seen, segment.after))
    # The stacked loss is a mean over agents: Adam does not care, but for its epsilon.
    passes = [torch.from_numpy(orders.permutation(20)).split(10) for _ in range(4)]

    method.update()
    loop.update(obs, segment.action, segment.reward, after[0], [r for p in passes for r in p])

    expected = torch.stack([actor(obs[:, i]) for i, actor in enumerate(loop.actors)], dim=1)
    torch.testing.assert_close(method.logits(obs), expected, rtol=0, atol=1e-5)
    expected = torch.cat([critic(obs[:, i]) for i, critic in enumerate(loop.critics)], dim=1)
    torch.testing.assert_close(method.value(obs), expected, rtol=0, atol=1e-5)


def test_it_learns_when_a_rollout_is_complete():
    scenario = Line(n_agents=2)
    method = build("ippo", scenario, rollout=7)

    learned = [bool(metrics) for *_, metrics in play(method, scenario, steps=21)]

    assert learned == ([False] * 6 + [True]) * 3


def test_gains_stop_where_the_ratio_leaves_the_clip_in_the_direction_that_pays():
    ratio = torch.tensor([[0.5, 1.0, 1.5]])

    assert clipped_gain(ratio, torch.tensor([[1.0] * 3]), 0.2).tolist() == [
        pytest.approx([0.5, 1.0, 1.2])
    ]
    assert clipped_gain(ratio, torch.tensor([[-1.0] * 3]), 0.2).tolist() == [
        pytest.approx([-0.8, -1.0, -1.5])
    ]


def test_advantages_are_normalized_agent_by_agent():
    advantage = torch.tensor([[1.0, 300.0, 5.0], [3.0, 100.0, 5.0]])

    expected = torch.tensor([[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
    torch.testing.assert_close(normalized(advantage), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("greedy", "n_different"), [("mode", 1), ("sample", 2)])
def test_evaluation_draws_only_where_the_config_says_so(greedy, n_different):
    scenario = Line(n_agents=6)
    method = build("ippo", scenario, greedy=greedy)
    ts = scenario.reset(np.random.default_rng(0))

    played = {
        tuple(method.act(ts, np.random.default_rng(seed), explore=False)) for seed in range(20)
    }

    assert min(len(played), 2) == n_different


@pytest.mark.learning
@pytest.mark.parametrize(
    ("name", "first_move", "value"), [("ippo", DEFECT, 0.49), ("mappo", COOPERATE, 0.97)]
)
def test_own_rewards_end_in_defection_and_the_teams_in_cooperation(name, first_move, value):
    """Eight of ten seeds. Two tossed coins make the right first move in one of four, so chance
    passes less often than once in 2000.
    """
    scenario, right = Prisoner(), 0
    sizes = {"rollout": 120, "batch_size": 60, "hidden": (32, 32)}
    for seed in range(1000, 1010):
        method = build(name, scenario, seed, "prisoner", **sizes)
        play(method, scenario, steps=6000, world=seed, act=seed + 1)
        ts = scenario.reset(np.random.default_rng(0))
        chosen = method.act(ts, np.random.default_rng(0), explore=False)
        returns = [greedy_return(method, scenario, world) for world in range(10)]
        right += np.array_equal(chosen, first_move) and np.allclose(returns, value)

    assert right >= 8


def greedy_return(method, scenario, world):
    ts = scenario.reset(np.random.default_rng(world))
    while not ts.last:
        ts = scenario.step(method.act(ts, np.random.default_rng(0), explore=False))
    return scenario.metrics()["return"]
