"""DGN's attention by hand, its stacked form against a loop, and what it reduces to."""

import copy
import dataclasses

import numpy as np
import torch

from harness.config.hparams import build_config
from harness.config.seeding import method_rngs
from methods.dgn import DGN
from support.loops import LoopDGN
from support.toys import Line, fill, graph_of_slots

SETTINGS = {
    "parameters": "per_agent",
    "hidden": (16, 16),
    "layers": 2,
    "heads": 2,
    "head_size": 4,
    "warm_up": 20,
    "update_every": 1,
    "sample_size": 12,
    "batch_size": 12,
    "capacity": 100,
    "tau": 0.1,
    "discount": 0.9,
    "double": False,
}


def build(scenario, **changed):
    config = build_config("dgn", "line", "default", tuple((SETTINGS | changed).items()))
    return DGN(scenario.spec, config, method_rngs(0)), config


def test_five_updates_equal_a_loop_over_modules():
    scenario = Line(n_agents=4)
    method, config = build(scenario)
    fill(method, scenario, config.warm_up - 1)
    loop = LoopDGN(method._network, 4, config.learning_rate, config.tau, config.discount)
    samples = copy.deepcopy(method._rngs.replay)

    for _ in range(5):
        method.update()
        batch = method._replay.sample(config.sample_size, samples)
        seen, after = method.seen(batch, ""), method.seen(batch, "next_")
        graph = method.neighborhood(seen.neighbors).graph
        loop.update(seen.obs, after.obs, graph, batch["reward"], batch)

    x = torch.rand(6, 4, scenario.spec.n_features, generator=torch.Generator().manual_seed(3))
    stacked, plain = method._network(x, graph), loop.network(x, graph)
    torch.testing.assert_close(stacked, plain, rtol=0, atol=1e-5)
    torch.testing.assert_close(method._target(x, graph), loop.target(x, graph), rtol=0, atol=1e-5)


def test_on_the_empty_graph_every_agent_is_a_dgn_of_its_own():
    many = Line(n_agents=5, n_neighbors=0)
    one = Line(n_agents=1, n_neighbors=0)
    together, _ = build(many, parameters="shared")
    alone, _ = build(one, parameters="shared")
    ts = many.reset(np.random.default_rng(0))

    scores = together.scores(ts)

    for i in range(5):
        single = one.reset(np.random.default_rng(0))
        single = dataclasses.replace(single, obs=ts.obs[i : i + 1])
        np.testing.assert_allclose(scores[i], alone.scores(single)[0], rtol=1e-5, atol=1e-6)


def test_dummy_agents_and_slots_leave_scores_as_they_were():
    scenario = Line(n_agents=4)
    method, _ = build(scenario, parameters="shared")
    ts = scenario.reset(np.random.default_rng(0))
    neighbors = np.pad(ts.neighbors, [(0, 2), (0, 3)], constant_values=-1)
    padded = dataclasses.replace(
        ts,
        obs=np.pad(ts.obs, [(0, 2), (0, 0)], constant_values=9.0),
        neighbors=neighbors,
        graph=graph_of_slots(neighbors),
        action_mask=np.pad(ts.action_mask, [(0, 2), (0, 0)], constant_values=True),
        reward=np.pad(ts.reward, (0, 2)),
    )

    np.testing.assert_allclose(method.scores(padded)[:4], method.scores(ts), rtol=1e-5, atol=1e-6)


def test_a_graph_that_changed_is_seen_changed():
    """The cache of a graph that never changes must not outlive it."""
    scenario = Line(n_agents=5, n_neighbors=2)
    method, _ = build(scenario, parameters="shared")
    ts = scenario.reset(np.random.default_rng(0))
    other = scenario.reset(np.random.default_rng(1))
    mixed = dataclasses.replace(ts, graph=other.graph, neighbors=other.neighbors)

    first = method.scores(ts)
    second = method.scores(mixed)

    assert not np.allclose(first, second)
    np.testing.assert_array_equal(method.scores(ts), first)


def test_the_target_uses_the_graph_after_the_step():
    scenario = Line(n_agents=5, n_neighbors=2)
    method, _ = build(scenario, warm_up=1000)
    fill(method, scenario, 30)
    batch = method._replay.sample(8, np.random.default_rng(0))
    stale = batch | {"next_neighbors": batch["neighbors"]}

    assert not torch.allclose(method.targets(batch), method.targets(stale))
