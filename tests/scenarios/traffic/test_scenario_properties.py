"""Laws of the traffic scenario on random networks, demands and actions; and broken files."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import bend
from test_wrong_input import mutate, mutated_text

from scenarios.traffic.grid_generator import generate_flow, generate_roadnet
from scenarios.traffic.scenario import Traffic

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True)
N_MUTANTS = 100
RATES = (0.5, 2.0, 0.0, 1.0)


def grids():
    """Options of small grids with every kind of lanes, turns and timing."""
    return st.fixed_dictionaries(
        {
            "network": st.sampled_from(["grid_1x1", "grid_1x3", "grid_2x2", "grid_3x2"]),
            "lanes": st.sampled_from([(1, 1, 1), (0, 1, 0), (1, 2, 1), (0, 2, 1)]),
            "turns": st.sampled_from([(0.0, 1.0, 0.0), (0.3, 0.4, 0.3), (0.0, 0.2, 0.8)]),
            "demand_seed": st.integers(0, 2**32 - 1),
            "decision_s": st.sampled_from([4, 10]),
            "clearing_s": st.sampled_from([0, 3]),
            "rates": st.just(RATES),
            "max_steps": st.just(24),
            "phases": st.sampled_from([(1, 2, 3, 4), (1, 2), (0, 1, 5, 6, 7, 8)]),
        }
    )


def episode(scenario, seed):
    rng, ts = np.random.default_rng(seed), scenario.reset(np.random.default_rng(0))
    yield ts
    while not ts.last:
        mask = ts.action_mask
        ts = scenario.step(np.where(mask, rng.random(mask.shape), -1).argmax(axis=1))
        yield ts


@PROPERTY
@given(grids(), st.integers(0, 2**32 - 1))
def test_vehicles_are_counted_once_and_none_is_forgotten(options, seed):
    scenario = Traffic(**options)
    n_actions, roads = scenario.spec.n_actions, scenario._site.network.roads
    ends_at_agent = ~roads.intersection_virtual[roads.road_end[roads.lane_road]]

    for ts in episode(scenario, seed):
        counts = scenario._driver.counts()
        seen = ts.obs[:, n_actions:]
        assert seen.sum() == counts[ends_at_agent].sum()
        assert (ts.obs[:, :n_actions].sum(axis=1) == 1).all()
        assert (ts.reward <= 0).all()
        assert ts.reward.sum() >= -0.25 * len(scenario._driver.trips().flow)
    figures, trips = scenario.metrics(), scenario._driver.trips()
    assert figures["throughput"] == (trips.finished >= 0).sum()
    assert figures["throughput"] + figures["unfinished"] == len(trips.flow)
    assert (trips.left <= np.where(trips.finished >= 0, trips.finished, np.inf)).all()
    assert (trips.entered[trips.finished >= 0] >= 0).all()
    assert figures["average_travel_time"] >= 0
    assert 0 <= figures["queue"] <= len(trips.flow)


@PROPERTY
@given(grids(), st.integers(0, 2**32 - 1))
def test_the_sum_of_rewards_is_the_mean_queue(options, seed):
    scenario = Traffic(**options)

    total = sum(float(ts.reward.sum()) for ts in episode(scenario, seed))

    n = scenario.spec.n_agents * scenario.spec.max_steps
    assert scenario.metrics()["queue"] == pytest.approx(-4 * total / n, rel=1e-5, abs=1e-9)


@PROPERTY
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_irregular_networks_can_be_played(tmp_path_factory, seed, actions):
    folder, rng = tmp_path_factory.mktemp("net"), np.random.default_rng(seed)
    roadnet = bend(generate_roadnet(2, 2), rng)
    flow = generate_flow(2, 2, rng, rates=[1.0], window_s=60, turns=(0.2, 0.6, 0.2))
    options = write(folder, roadnet, flow)

    first, again = (
        [(ts.obs.tobytes(), ts.reward.tobytes()) for ts in episode(scenario, actions)]
        for scenario in (Traffic(**options), Traffic(**options))
    )

    assert first == again


def write(folder, roadnet, flow):
    """Write both files, a text as it is; return the options that name them."""
    for name, content in (("roadnet", roadnet), ("flow", flow)):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name}.json").write_text(text)
    paths = {name: str(folder / f"{name}.json") for name in ("roadnet", "flow")}
    return paths | {"max_steps": 6}


@pytest.mark.parametrize("half", ["roadnet", "flow"])
def test_mutated_files_make_a_scenario_or_one_error_that_names_them(tmp_path, half):
    rng = random.Random(half)
    flow = generate_flow(1, 2, np.random.default_rng(0), rates=[0.1], window_s=30)
    good = {"roadnet": generate_roadnet(1, 2, points=False), "flow": flow}
    refused = 0
    for k in range(N_MUTANTS // 2):
        broken = mutate(good[half], rng) if k % 4 else mutated_text(good[half], rng)
        options = write(tmp_path, **(good | {half: broken}))
        try:
            scenario = Traffic(**options)
        except ValueError as error:
            refused += 1
            said = str(error)
            assert ".json: " in said or "phases are" in said or "vehicle with a route" in said
        else:
            assert [ts.step for ts in episode(scenario, k)] == list(range(7))
    assert refused > N_MUTANTS // 8
