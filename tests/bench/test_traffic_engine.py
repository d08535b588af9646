"""How fast the traffic engine is; prints the figures (``pytest -m bench -s tests/bench``).

Times are CPU time of this process, so that neighbors on a shared machine do not count.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scenarios.traffic.engine import Simulation
from scenarios.traffic.flow import load_flows, parse_flows
from scenarios.traffic.grid_generator import generate_flow, generate_roadnet
from scenarios.traffic.roadnet import load_roadnet, parse_roadnet
from scenarios.traffic.scenario import Traffic

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parents[2]
EPISODE = 3600


def data_dir() -> Path:
    named = os.environ.get("HARNESS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "traffic"
    if not (folder / "grid_6x6").is_dir():
        pytest.skip(f"no traffic data in {folder} (set HARNESS_DATA)")
    return folder


def best_of(n, make, work):
    """Return (CPU seconds, wall seconds) of the fastest of n runs of ``work(make())``."""
    times = []
    for _ in range(n):
        made = make()
        cpu, wall = time.process_time(), time.perf_counter()
        work(made)
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(times)


def updates(simulation, n):
    total = 0
    for _ in range(n):
        simulation.step()
        total += int(simulation.state.clock["n_running"][0])
    return total


def load(roadnet, flow):
    net = load_roadnet(roadnet)
    return net, load_flows(flow, {road: r for r, road in enumerate(net.road_ids)})


@pytest.mark.parametrize(
    ("name", "roadnet", "flow", "limit_s"),
    [
        ("6x6", "grid_6x6/roadnet_6_6.json", "grid_6x6/anon_6_6_small_2570_bi.json", 0.15),
        (
            "Shenzhen",
            "shenzhen/roadnet_1_33.json",
            "shenzhen/anon_1_33_fuhua_0.4x24hto1h.json",
            0.15,
        ),
        ("dense crossing", "cityflow_example/roadnet.json", "cityflow_example/flow.json", None),
    ],
)
def test_an_episode_under_the_fixed_plan(name, roadnet, flow, limit_s):
    net, flows = load(data_dir() / roadnet, data_dir() / flow)

    def make():
        return Simulation(net, flows, rl_traffic_light=False)

    make().step(10)
    block, wall = best_of(5, make, lambda s: s.step(EPISODE))
    single, _ = best_of(3, make, lambda s: [s.step() for _ in range(EPISODE)])
    n = updates(make(), EPISODE)

    print(
        f"\n{name}: {EPISODE} s in {block:.3f} s CPU ({wall:.3f} s wall), {single:.3f} s step by "
        f"step; {n} vehicle-updates, {n / block / 1e6:.1f} M/s"
    )
    if limit_s is not None:
        assert single <= limit_s
    else:
        assert n / block >= 7e6


def crowd(rows, columns, n_vehicles, seed=0):
    """Return a grid on which about n vehicles drive for ten minutes or more."""
    net = parse_roadnet(generate_roadnet(rows, columns, spacing=300.0, points=False))
    rng = np.random.default_rng(seed)
    window = 60
    entries = generate_flow(
        rows, columns, rng, rates=[n_vehicles / window], window_s=window, turns=(0.2, 0.6, 0.2)
    )
    index = {road: r for r, road in enumerate(net.road_ids)}
    return net, spread(net, parse_flows(entries, index), rng)


def spread(net, flows, rng):
    """Start the vehicles all over the grid instead of at its edge, and keep them in it."""
    after = {}
    for start, end in zip(net.link_start.tolist(), net.link_end.tolist(), strict=True):
        after.setdefault(int(net.lane_road[start]), set()).add(int(net.lane_road[end]))
    inner = {r for r, roads in after.items() if roads}
    choices = {r: sorted(roads & inner) or sorted(roads) for r, roads in after.items()}
    starts = sorted(inner)
    result = []
    for flow in flows:
        route = [starts[rng.integers(len(starts))]]
        while len(route) < 60 and route[-1] in choices:
            route.append(choices[route[-1]][rng.integers(len(choices[route[-1]]))])
        result.append(
            type(flow)(
                model=flow.model, anchors=tuple(route), interval=1.0,
                start_time=flow.start_time, end_time=flow.start_time,
            )
        )  # fmt: skip
    return result


def cost_per_vehicle(net, flows, n_steps=200):
    def make():
        simulation = Simulation(net, flows, rl_traffic_light=False)
        simulation.step(120)
        return simulation

    cpu, _ = best_of(3, make, lambda s: s.step(n_steps))
    n = updates(make(), n_steps)
    return cpu / n, n / n_steps, cpu / n_steps


def test_the_cost_of_a_vehicle_hardly_grows_with_their_number():
    figures = {}
    for size, n_vehicles in ((3, 200), (10, 2200), (30, 20000)):
        net, flows = crowd(size, size, n_vehicles)
        figures[size] = cost_per_vehicle(net, flows)
        per_vehicle, running, per_step = figures[size]
        print(
            f"\n{size}x{size}: {running:.0f} vehicles, {per_vehicle * 1e9:.0f} ns each, "
            f"{1 / per_vehicle / 1e6:.1f} M/s, {1 / per_step:.0f} x real time"
        )

    costs = [cost for cost, _, _ in figures.values()]
    assert max(costs) <= 1.5 * min(costs)
    assert figures[30][1] > 15000
    assert 1 / figures[30][2] >= 50


def run_python(code, cache):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout
    return time.perf_counter() - started, json.loads(output)


def test_compiling_and_importing(tmp_path):
    run = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
from scenarios.traffic.engine import Simulation
from scenarios.traffic.flow import parse_flows
from scenarios.traffic.grid_generator import generate_roadnet
from scenarios.traffic.roadnet import parse_roadnet
imported = time.perf_counter() - wall
net = parse_roadnet(generate_roadnet(1, 1))
Simulation(net, []).step(2)
print(json.dumps([imported, time.perf_counter() - wall, time.process_time() - cpu]))
"""
    cold, cold_times = run_python(run, tmp_path)
    warm, warm_times = run_python(run, tmp_path)

    print(f"\ncold: {cold:.1f} s wall, {cold_times[2]:.1f} s CPU")
    print(f"warm: import {warm_times[0]:.2f} s, first step after {warm_times[1]:.2f} s")
    assert cold < 90
    assert warm_times[0] < 2
    assert warm < 5


@pytest.mark.parametrize("network", ["authors_6x6", "shenzhen"])
def test_an_episode_of_the_scenario_costs_little_more_than_its_engine(network, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(data_dir()))
    scenario, rng = Traffic(network=network), np.random.default_rng(0)
    policy = scenario.references()["fixed_10s"]

    def play(scenario):
        ts = scenario.reset(rng)
        while not ts.last:
            ts = scenario.step(policy(ts, rng))
        return scenario.metrics()

    play(scenario)
    cpu, wall = best_of(5, lambda: scenario, play)

    print(f"\n{network}: 360 decisions in {cpu:.3f} s CPU ({wall:.3f} s wall)")
    assert cpu <= 0.1
