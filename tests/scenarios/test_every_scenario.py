"""Laws that hold in every registered scenario, and in the toy one the other laws rest on."""

import copy
import functools
import math
import re

import numpy as np
import pytest

import diary
import places
from scenarios import SCENARIOS
from scenarios.base import Scenario
from toys import Line, graph_of_slots

STEPS = 100  # of an episode are looked at
LAW_ABIDING = {
    **{name: functools.partial(places.build, name) for name in SCENARIOS},
    "toy line": Line,
    "toy drawn graph": functools.partial(Line, n_neighbors=2, masked=True),
}


@pytest.fixture(params=sorted(LAW_ABIDING))
def build(request):
    return LAW_ABIDING[request.param]


def episode(scenario, seed):
    """Play random allowed actions; yield every timestep with the actions that led to it."""
    draw = np.random.default_rng(seed)
    ts = scenario.reset(np.random.default_rng(seed))
    yield None, ts
    while not ts.last and ts.step < STEPS:
        actions = np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1).argmax(axis=1)
        ts = scenario.step(actions)
        yield actions, ts


def shown(ts):
    """Everything a timestep says, in a form that compares bit for bit."""
    arrays = (ts.obs, ts.graph, ts.neighbors, ts.action_mask, ts.reward)
    return [(a.dtype, a.shape, a.tobytes()) for a in arrays], ts.terminated, ts.truncated, ts.step


def test_it_is_a_scenario_and_describes_itself(build):
    scenario = build()

    assert isinstance(scenario, Scenario)
    assert scenario.description
    assert scenario.version
    headline = [name for name, info in scenario.metric_info.items() if info.headline]
    assert headline
    assert list(scenario.metric_info)[: len(headline)] == headline
    assert scenario.bound.keys() <= scenario.floor.keys() == set(headline)


def test_the_bound_is_better_than_the_floor(build):
    scenario = build()

    for name, bound in scenario.bound.items():
        better = bound - scenario.floor[name]
        assert better > 0 if scenario.metric_info[name].higher_is_better else better < 0


@pytest.mark.parametrize("seed", range(3))
def test_same_seed_same_episode_also_after_another_one(build, seed):
    fresh, used = build(), build()
    for _ in episode(used, seed + 1):
        pass

    once = [shown(ts) for _, ts in episode(fresh, seed)]
    again = [shown(ts) for _, ts in episode(used, seed)]

    assert once == again
    assert fresh.metrics() == used.metrics()


def test_it_draws_from_its_stream_if_and_only_if_it_says_so(build):
    scenario, rng = build(), np.random.default_rng(0)
    drawn = False
    for seed in range(10):
        draw, before = np.random.default_rng(seed), copy.deepcopy(rng.bit_generator.state)
        ts = scenario.reset(rng)
        while not ts.last and ts.step < STEPS:
            gamble = np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1)
            ts = scenario.step(gamble.argmax(axis=1))
        drawn |= rng.bit_generator.state != before

    assert drawn != scenario.deterministic


def test_timesteps_keep_the_contract(build):
    scenario = build()
    spec = scenario.spec

    for t, (_, ts) in enumerate(episode(scenario, seed=0)):
        assert ts.obs.shape == (spec.n_agents, spec.n_features)
        assert ts.obs.dtype == spec.obs_dtype
        assert ts.neighbors.shape == (spec.n_agents, spec.n_neighbors)
        assert ts.action_mask.shape == (spec.n_agents, spec.n_actions)
        assert ts.action_mask.any(axis=1).all()
        assert ts.reward.shape == (spec.n_agents,)
        assert ts.reward.dtype == np.float32
        assert np.isfinite(ts.obs * spec.obs_scale).all()
        assert np.isfinite(ts.reward).all()
        assert ts.step == t
        assert ts.first == (t == 0)
        assert not (ts.terminated and ts.truncated)
        assert ts.last or ts.step < spec.max_steps


def test_nothing_is_earned_by_a_reset(build):
    ts = build().reset(np.random.default_rng(0))

    assert not ts.reward.any()
    assert not ts.last


def test_slots_and_graph_say_the_same_and_each_agent_is_its_own_neighbor(build):
    for _, ts in episode(build(), seed=0):
        filled = ts.neighbors >= 0
        np.testing.assert_array_equal(graph_of_slots(ts.neighbors), ts.graph)
        np.testing.assert_array_equal(filled.sum(axis=1), ts.graph.sum(axis=1) - 1)
        np.testing.assert_array_equal(np.sort(~filled, axis=1), ~filled)


def test_what_was_handed_out_never_changes(build):
    kept = []
    for _, ts in episode(build(), seed=0):
        kept.append((ts, shown(ts)))

    for ts, then in kept:
        assert shown(ts) == then


def test_a_reader_who_scribbles_on_a_timestep_changes_nothing(build):
    expected = [[shown(ts) for _, ts in episode(build(), seed)] for seed in range(3)]
    scribbled = build()

    for seed, steps in enumerate(expected):
        for then, (_, ts) in zip(steps, episode(scribbled, seed), strict=True):
            assert shown(ts) == then
            scribble(ts)


def scribble(ts):
    """Write over what matters to a later step; the next actions rest on the mask."""
    for array in (ts.obs, ts.graph, ts.neighbors, ts.reward):
        if array.flags.writeable:
            array[:] = ~array if array.dtype == np.bool_ else array + 1


def test_every_figure_is_known_and_finite(build):
    scenario = build()
    for _ in episode(scenario, seed=0):
        figures = scenario.metrics()
        assert figures.keys() == scenario.metric_info.keys()
        assert all(math.isfinite(value) for value in figures.values())


def test_reference_policies_play_allowed_actions(build):
    scenario = build()
    for policy in scenario.references().values():
        rng = np.random.default_rng(1)
        ts = scenario.reset(np.random.default_rng(0))
        while not ts.last and ts.step < STEPS:
            actions = policy(ts, rng)
            assert actions.shape == (scenario.spec.n_agents,)
            assert ts.action_mask[np.arange(len(actions)), actions].all()
            ts = scenario.step(actions)


@pytest.mark.parametrize("outside", [-1, "n_actions"])
def test_an_action_out_of_range_is_refused(build, outside):
    scenario = build()
    ts = scenario.reset(np.random.default_rng(0))
    actions = ts.action_mask.argmax(axis=1)
    actions[-1] = scenario.spec.n_actions if outside == "n_actions" else outside

    with pytest.raises(ValueError, match=rf"agent {len(actions) - 1} plays .* outside"):
        scenario.step(actions)


def test_a_forbidden_action_is_refused(build):
    scenario = build()
    ts = scenario.reset(np.random.default_rng(0))
    if ts.action_mask.all():
        pytest.skip("everything is allowed at the first step")
    agent, action = np.argwhere(~ts.action_mask)[0]
    actions = ts.action_mask.argmax(axis=1)
    actions[agent] = action

    with pytest.raises(ValueError, match="masked"):
        scenario.step(actions)


def test_a_step_after_the_end_is_refused(build):
    scenario = build()
    draw = np.random.default_rng(0)
    ts = scenario.reset(np.random.default_rng(0))
    while not ts.last:
        gamble = np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1)
        ts = scenario.step(gamble.argmax(axis=1))

    with pytest.raises(ValueError, match="over"):
        scenario.step(ts.action_mask.argmax(axis=1))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_diary_replays_exactly(name):
    """A scenario without a diary fails here: ``python tests/diary.py NAME`` writes it."""
    golden = (diary.GOLDEN / f"{name}.txt").read_text()
    places.skip_unless_recorded_here(name, dict(re.findall(r"(?m)^(\w+): sha256 (\w+)$", golden)))

    assert diary.write(name) == golden
