"""Joint updates per second: agents as a tensor axis against a loop over modules.

Both sides update networks of the same sizes from the same minibatches in the same run, so the
ratio means something on any machine. Sizes: traffic 6x6 (N = 36), Table 5 of paper 000.
"""

import time

import numpy as np
import pytest
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.learners.q_learning import QLearner
from support.loops import LoopDGN, LoopDQN, LoopLToS
from support.toys import Line, next_in_line

N = 36
SIZES = {
    "parameters": "per_agent",
    "hidden": (32, 32),
    "warm_up": 10**6,
    "sample_size": 20,
    "batch_size": 20,
    "capacity": 1000,
    "double": False,
}
GRAPH = {"layers": 1, "heads": 1, "head_size": 32}
HIGH = {
    "high_level_hidden": (32, 32),
    "high_level_layers": 1,
    "high_level_sample_size": 20,
    "high_level_batch_size": 20,
}
pytestmark = pytest.mark.bench


def build(name):
    fields = SIZES | (GRAPH if name != "dqn" else {}) | (HIGH if name == "ltos" else {})
    scenario = Line(n_agents=N, n_features=28, max_steps=50)
    config = build_config(name, "line", "default", tuple(fields.items()))
    method = METHODS[name](scenario.spec, config, method_rngs(0))
    world, act = np.random.default_rng(0), np.random.default_rng(1)
    ts = scenario.reset(world)
    while not ts.last:
        actions = method.act(ts, act, explore=True)
        next_ts = scenario.step(actions)
        method.observe(ts, actions, next_ts)
        ts = next_ts
    return scenario, method


def loop_of(name, scenario, method):
    c, sampled = method._config, np.random.default_rng(2)
    numbers = (c.learning_rate, c.tau, c.discount)

    def batch():
        found = method._replay.sample(20, sampled)
        obs = (QLearner.seen(method, found, prefix).obs for prefix in ("", "next_"))
        return *obs, found

    if name == "dqn":
        dqn = LoopDQN(method._network, N, *numbers)
        return lambda: dqn.update(*batch())
    if name == "dgn":
        dgn = LoopDGN(method._network, N, *numbers)
        graph = torch.from_numpy(scenario.reset(np.random.default_rng(0)).graph).unsqueeze(0)

        def update():
            x, next_x, found = batch()
            dgn.update(x, next_x, graph, found["reward"], found)

        return update
    ltos = LoopLToS(method, N, next_in_line(scenario.spec))

    def update_both():
        ltos.update(*batch())
        ltos.update_high_level(batch()[0], c.tau)

    return update_both


def rate(update, seconds=2.0):
    """Calls per second, the best of three rounds after a warm-up."""
    update()
    best = 0.0
    for _ in range(3):
        started, calls = time.perf_counter(), 0
        while time.perf_counter() - started < seconds / 3:
            update()
            calls += 1
        best = max(best, calls / (time.perf_counter() - started))
    return best


@pytest.mark.parametrize(("name", "least"), [("dqn", 25), ("dgn", 10), ("ltos", 10)])
def test_stacked_agents_learn_faster_than_a_loop_over_modules(name, least, capsys):
    torch.set_num_threads(1)
    scenario, method = build(name)

    def both_levels():
        method.update()
        method.update_high_level()

    stacked = rate(both_levels if name == "ltos" else method.update)
    loop = rate(loop_of(name, scenario, method))

    with capsys.disabled():
        print(
            f"\n{name}: {stacked:.0f} joint updates/s stacked, {loop:.1f} in a loop, "
            f"ratio {stacked / loop:.0f}"
        )
    assert stacked / loop >= least
