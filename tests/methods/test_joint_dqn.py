"""JointDQN: a DQN whose one agent is the controller of all."""

import dataclasses

import numpy as np
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.dqn import DQN, DQNConfig
from methods.joint_dqn import JointDQN
from scenarios.prisoner import Prisoner
from support.toys import Line


def config(**changes):
    return dataclasses.replace(build_config("joint_dqn", "prisoner", "paper"), **changes)


def test_with_one_agent_it_is_dqn():
    scenario = Line(n_agents=1)
    joint = JointDQN(scenario.spec, config(), method_rngs(0))
    same = DQNConfig(**dataclasses.asdict(config()), parameters="shared")
    single = DQN(scenario.spec, same, method_rngs(0))

    for method in (joint, single):
        world, act = np.random.default_rng(1), np.random.default_rng(2)
        for _ in range(5):
            ts = scenario.reset(world)
            while not ts.last:
                actions = method.act(ts, act, explore=True)
                next_ts = scenario.step(actions)
                method.observe(ts, actions, next_ts)
                ts = next_ts

    np.testing.assert_array_equal(joint.scores(ts), single.scores(ts))


def test_joint_actions_are_digits_and_the_reward_is_the_mean():
    scenario = Prisoner()
    method = JointDQN(scenario.spec, config(), method_rngs(0))
    ts = scenario.reset(np.random.default_rng(0))
    next_ts = scenario.step(np.array([0, 1]))
    next_ts = dataclasses.replace(next_ts, reward=np.array([1.0, 0.5], np.float32))

    method.observe(ts, np.array([0, 1]), next_ts)
    batch = method._replay.sample(1, np.random.default_rng(0))

    assert batch["action"].tolist() == [[1]]
    assert batch["reward"].tolist() == [[0.75]]
    assert batch["obs"].shape == (1, 1, 2 * scenario.spec.n_features)


def test_scores_are_the_best_joint_values_and_lead_to_the_joint_argmax():
    scenario = Line(n_agents=3, masked=True)
    method = JointDQN(scenario.spec, config(), method_rngs(3))
    ts = scenario.reset(np.random.default_rng(0))
    n = scenario.spec.n_actions
    with torch.no_grad():
        seen = method.seen_now(method._joint(ts))
        table = method.q(method._network, seen).numpy().reshape(n, n, n)
    allowed = np.einsum("a,b,c->abc", *ts.action_mask.astype(int)) > 0
    table = np.where(allowed, table, -np.inf)

    scores, actions = method.scores(ts), method.act(ts, np.random.default_rng(0), explore=False)

    np.testing.assert_allclose(scores[1], table.max(axis=(0, 2)), rtol=1e-6)
    assert table[tuple(actions)] == table.max()


def test_too_many_joint_actions_are_refused():
    assert "joint actions" in JointDQN.unsuitable(Line(n_agents=20).spec, config())
    assert JointDQN.unsuitable(Prisoner().spec, config()) is None
