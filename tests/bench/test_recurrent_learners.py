"""Joint updates per second of the recurrent methods: agents as an axis against a loop over them.

Both sides make the same updates of the same networks on the same segments; the loop is given the
returns, which favors it. Sizes: traffic 6x6 (N = 36, 16 units, Table 7 of paper 000) and jungle
(N = 20, a graph that changes at every step), 120 steps per segment.
"""

import time
from itertools import pairwise

import numpy as np
import pytest
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from methods.learners.rollout import n_step_returns
from scenarios.base import Spec, Timestep
from support.recurrent_loops import LoopAgents
from support.toys import graph_of_slots

STEPS = 120
SIZES = {
    "traffic": {"n_agents": 36, "n_features": 20, "n_actions": 4, "n_neighbors": 4, "units": 16},
    "jungle": {"n_agents": 20, "n_features": 123, "n_actions": 9, "n_neighbors": 3, "units": 64},
}
pytestmark = pytest.mark.bench


def spec_of(sizes):
    return Spec(
        **{k: v for k, v in sizes.items() if k != "units"},
        obs_dtype=np.dtype(np.float32),
        obs_scale=np.ones(sizes["n_features"], np.float32),
        max_steps=STEPS,
    )


def timesteps(spec, rng, *, changes):
    """Noise on a graph; drawn once, or anew at every step."""
    n = spec.n_agents

    def drawn():
        distance = rng.random((n, n)) + 2 * np.eye(n)
        return distance.argsort(axis=1)[:, : spec.n_neighbors]

    neighbors = drawn()
    for step in range(STEPS + 1):
        neighbors = drawn() if changes else neighbors
        yield Timestep(
            obs=rng.random((n, spec.n_features), np.float32),
            graph=graph_of_slots(neighbors),
            neighbors=neighbors,
            action_mask=np.ones((n, spec.n_actions), np.bool_),
            reward=rng.random(n, np.float32),
            terminated=False,
            truncated=step == STEPS,
            step=step,
        )


def built(name, place):
    """A method of these sizes and a full segment that has not been learned from."""
    sizes = SIZES[place]
    spec, fields = spec_of(sizes), (("hidden", (sizes["units"],)), ("rollout", STEPS + 1))
    config = build_config(name, "traffic", "paper", fields)
    method = METHODS[name](spec, config, method_rngs(0))
    seen = list(timesteps(spec, np.random.default_rng(0), changes=place == "jungle"))
    act = np.random.default_rng(1)
    for ts, next_ts in pairwise(seen):
        method.observe(ts, method.act(ts, act, explore=True), next_ts)
    return method, method._rollout.take()


def rate(update, seconds=3.0):
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


@pytest.mark.parametrize(("place", "least"), [("traffic", 10), ("jungle", 4)])
@pytest.mark.parametrize("name", ["neurcomm", "ia2c", "consenet"])
def test_a_stack_of_agents_beats_a_loop_over_them(name, place, least, capsys):
    torch.set_num_threads(1)
    method, segment = built(name, place)
    n = SIZES[place]["n_agents"]
    agents = LoopAgents(method._network, n, method._config)
    returns = n_step_returns(segment.reward, torch.zeros(1, n), segment, 0.99)

    stacked = rate(lambda: method._update(segment))
    loop = rate(lambda: agents.update(segment, segment.seen["obs"], returns))

    with capsys.disabled():
        print(
            f"\n{name} {place}: {stacked:.1f} joint updates/s stacked, {loop:.2f} in a loop, "
            f"ratio {stacked / loop:.0f}"
        )
    assert stacked / loop >= least
