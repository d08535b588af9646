"""Joint updates per second of QMIX, VDN and PPO: agents as a tensor axis against a loop.

Both sides make the same updates of networks of the same sizes in the same run. An update of PPO
is that of a whole rollout. Sizes: traffic 6x6 with Table 7's networks, and jungle of 20 agents.
"""

import time

import numpy as np
import pytest
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods import METHODS
from support.team_loops import LoopMixed, LoopPPO
from support.toys import Line

PLACES = {  # agents, features, hidden, embed
    "traffic": (36, 28, (16,), 16),
    "jungle": (20, 123, (64, 64), 32),
}
pytestmark = pytest.mark.bench


def build(name, place, *, recurrent=False):
    n_agents, n_features, hidden, embed = PLACES[place]
    fields = {"parameters": "per_agent", "hidden": hidden}
    if name in ("vdn", "qmix"):
        fields |= {"double": False, "recurrent": recurrent, "sequence_length": 20, "burn_in": 0}
        fields |= {"sample_size": 8 if recurrent else 32, "batch_size": 8 if recurrent else 32}
        fields |= {"warm_up": 10**6, "capacity": 1000}
    if name == "qmix":
        fields |= {"embed": embed, "hypernet_hidden": () if place == "traffic" else (64,)}
    scenario = Line(n_agents=n_agents, n_features=n_features, max_steps=120)
    config = build_config(name, "line", "default", tuple(fields.items()))
    return scenario, METHODS[name](scenario.spec, config, method_rngs(0))


def play(scenario, method, steps):
    world, act = np.random.default_rng(0), np.random.default_rng(1)
    ts = scenario.reset(world)
    for _ in range(steps):
        actions = method.act(ts, act, explore=True)
        next_ts = scenario.step(actions)
        method.observe(ts, actions, next_ts)
        ts = next_ts


def mixed_pair(scenario, method):
    play(scenario, method, 119)
    loop = LoopMixed(method, scenario.spec.n_agents)
    return method.update, lambda: loop.update(method.sample())


def ppo_pair(scenario, method):
    play(scenario, method, 119)
    segment = method._rollout.take()
    method._rollout.take = lambda: segment
    loop = LoopPPO(method, scenario.spec.n_agents)
    obs, after = (seen["obs"] * method._obs_scale for seen in (segment.seen, segment.after))
    orders = [torch.arange(119)[k::2] for k in range(2)] * method._config.epochs

    def update():
        loop.update(obs, segment.action, segment.reward, after[0], orders)

    return method.update, update


def rate(update, seconds=1.5):
    """Calls per second of processor time, the best of three rounds after a warm-up."""
    update()
    best = 0.0
    for _ in range(3):
        started, calls = time.process_time(), 0
        while time.process_time() - started < seconds / 3:
            update()
            calls += 1
        best = max(best, calls / (time.process_time() - started))
    return best


LEAST = {  # how much faster at least: at N = 36 (traffic) and at N = 20 (jungle)
    "vdn": (4, 2),
    "qmix": (1.5, 1.5),  # most of its time goes into the mixer, of which there is one
    "recurrent vdn": (10, 4),
    "recurrent qmix": (10, 4),
    "ippo": (10, 4),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("variant", LEAST)
def test_stacked_agents_learn_faster_than_a_loop_over_modules(variant, place, capsys):
    torch.set_num_threads(1)
    *recurrent, name = variant.split()
    pair = ppo_pair if name == "ippo" else mixed_pair
    stacked, loop = map(rate, pair(*build(name, place, recurrent=bool(recurrent))))

    with capsys.disabled():
        print(
            f"\n{variant}, {place}: {stacked:.1f} joint updates/s stacked, {loop:.2f} in a loop, "
            f"ratio {stacked / loop:.1f}"
        )
    assert stacked / loop >= LEAST[variant][list(PLACES).index(place)]
