"""What holds on any network, however odd, without anything to compare with.

Networks that nobody would draw: roads of any length and direction, U-turns, links that stand in the
file twice, vehicles longer than roads, steps of .1 to 2 s, intervals that are no multiples of them.
What comes of a seed must come of it again. ``TRAFFIC_NETWORKS`` says how many networks are drawn.
"""

import faulthandler
import os

import numpy as np
import pytest

from scenarios.traffic.engine.simulation import Simulation
from scenarios.traffic.engine.state import FREE, NONE, RUNNING, listed_vehicles
from scenarios.traffic.flow import parse_flows
from scenarios.traffic.roadnet import parse_roadnet

N_NETWORKS = int(os.environ.get("TRAFFIC_NETWORKS", "40"))
STEPS = [0.1, 0.25, 0.3, 0.5, 0.7, 1.0, 1.3, 2.0]  # [s]
KINDS = ["go_straight", "turn_left", "turn_right", "u_turn"]
HANG_S = 60.0


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def draw_roads(rng, names, point):
    """Connect places at random; most roads have one back."""
    pairs = {tuple(rng.choice(len(names), 2, replace=False)) for _ in range(3 * len(names))}
    pairs |= {(b, a) for a, b in pairs if rng.random() < 0.8}
    return [
        {
            "id": f"road_{k}",
            "startIntersection": names[a],
            "endIntersection": names[b],
            "points": [point[a], *([point[int(rng.integers(len(names)))]] * (rng.random() < 0.1)),
                       point[b]],
            "lanes": [
                {"width": pick(rng, [2.5, 3.0, 4]), "maxSpeed": pick(rng, [3.0, 11.111, 16.67, 33])}
                for _ in range(int(rng.integers(1, 4)))
            ],
        }
        for k, (a, b) in enumerate(sorted(pairs))
    ]  # fmt: skip


def draw_links(rng, coming, going):
    """Lead from roads to roads, also back to where one came from; some lane links stand twice."""
    links = []
    for start in coming:
        for end in going:
            if rng.random() < 0.2:
                continue
            lanes = [
                {"startLaneIndex": int(rng.integers(len(start["lanes"]))),
                 "endLaneIndex": int(rng.integers(len(end["lanes"])))}
                for _ in range(int(rng.integers(1, 4)))
            ]  # fmt: skip
            links.append({
                "type": pick(rng, KINDS), "startRoad": start["id"], "endRoad": end["id"],
                "laneLinks": lanes + lanes[: int(rng.random() < 0.2)],
            })  # fmt: skip
    return links


def draw_place(rng, name, point, roads):
    coming = [road for road in roads if road["endIntersection"] == name]
    going = [road for road in roads if road["startIntersection"] == name]
    place = {"id": name, "point": point, "roads": [road["id"] for road in coming + going]}
    if not (coming and going) or rng.random() < 0.2:
        return place | {"virtual": True}
    links = draw_links(rng, coming, going)
    phases = [
        {"time": float(pick(rng, [0, 1, 5, 7.5])),
         "availableRoadLinks": [k for k in range(len(links)) if rng.random() < 0.5]}
        for _ in range(int(rng.integers(1, 5)))
    ]  # fmt: skip
    phases[0]["time"] = 5.0
    return place | {
        "virtual": False, "width": pick(rng, [0, 4.0, 15.0, 40.0]), "roadLinks": links,
        "trafficLight": {"lightphases": phases},
    }  # fmt: skip


def draw_flow(rng, roads, step):
    start = int(rng.integers(0, 30))
    end = pick(rng, [start, start + 60, -1])
    interval = pick(rng, [1.0, 1.2, 2.7, 3.3, 7.0]) * max(1.0, step * rng.random())
    return {
        "vehicle": {
            "length": pick(rng, [1.0, 5.0, 18.0, 60.0]), "width": 2.0,
            "maxPosAcc": rng.uniform(0.5, 4), "maxNegAcc": rng.uniform(2, 6),
            "usualPosAcc": rng.uniform(0.5, 3), "usualNegAcc": rng.uniform(1, 6),
            "minGap": pick(rng, [0.0, 2.5, 10.0]), "maxSpeed": rng.uniform(3, 35),
            "headwayTime": pick(rng, [0.0, 0.5, 2.0]),
        },
        "route": [pick(rng, roads)["id"] for _ in range(int(rng.integers(2, 5)))],
        "interval": interval, "startTime": start, "endTime": end,
    }  # fmt: skip


def draw_files(seed):
    """Return roadnet, flow and step length that a seed stands for."""
    rng = np.random.default_rng(seed)
    n_places, step = int(rng.integers(2, 12)), pick(rng, STEPS)
    side = pick(rng, [60.0, 200.0, 1000.0])
    point = [{"x": x, "y": y} for x, y in rng.uniform(0, side, (n_places, 2)).tolist()]
    names = [f"place_{k}" for k in range(n_places)]
    roads = draw_roads(rng, names, point)
    places = [draw_place(rng, name, at, roads) for name, at in zip(names, point, strict=True)]
    flows = [draw_flow(rng, roads, step) for _ in range(int(rng.integers(1, 30)))]
    return {"intersections": places, "roads": roads}, flows, step


def build(seed):
    """Return a simulation, not begun, of what a seed stands for."""
    roadnet, flows, step = draw_files(seed)
    net = parse_roadnet(roadnet, strict=False)
    index = {road: r for r, road in enumerate(net.road_ids)}
    return Simulation(
        net, parse_flows(flows, index), interval=step, seed=seed, rl_traffic_light=False
    )


def check_books(world):
    """No vehicle is lost, and none is in two places."""
    state, clock = world.state, world.state.clock[0]
    kind = state.vehicles["state"]
    alive, running = int((kind != FREE).sum()), np.flatnonzero(kind == RUNNING)
    assert clock["n_trips"] == clock["n_finished"] + clock["n_dropped"] + alive
    assert clock["n_alive"] == alive
    assert clock["n_running"] == len(running)
    listed, _ = listed_vehicles(state.head, state.vehicles)
    assert sorted(listed.tolist()) == running.tolist()
    assert world.lane_counts().sum() == len(world.lane_lists()[0])


def check_places(world):
    """A vehicle is on its lane or link, and no faster than it or the world may be."""
    state = world.state
    running = state.vehicles[state.vehicles["state"] == RUNNING]
    length = world.net.drivable_length[running["drivable"]]
    known = ~np.isnan(length)
    assert (running["dis"] >= 0).all()
    assert (running["dis"][known] <= length[known]).all()
    assert (running["speed"] >= 0).all()
    assert (running["speed"] <= 100).all()


def check_gaps(world):
    """Vehicles that came the same way do not overlap.

    Those that come onto a lane from several links may, as in CityFlow: a vehicle that enters looks
    at the last one of the list, which need not be the next on the road.
    """
    state = world.state
    slots, ptr = listed_vehicles(state.head, state.vehicles)
    ahead, v = state.vehicles[slots[:-1]], state.vehicles[slots[1:]]
    new_list = np.zeros(len(slots) + 1, dtype=bool)
    new_list[ptr] = True
    began_here = (ahead["prev_drivable"] == NONE) & (v["prev_drivable"] == NONE)
    one_way = (began_here | (v["drivable"] >= world.net.n_lanes)) & ~new_list[1 : len(slots)]
    gap = ahead["dis"] - ahead["length"] - v["dis"]
    assert (gap[one_way] >= -1e-6).all()


def driven(world, n_steps):
    """Drive, look at every tenth step, and return what happened, to compare."""
    seen = []
    for k in range(n_steps):
        world.step(1)
        if k % 10 == 0:
            check_books(world)
            check_places(world)
            check_gaps(world)
            slots = world.slots(waiting=True)
            vehicles = world.state.vehicles[slots]
            seen.append([vehicles[name].tolist() for name in ("priority", "dis", "speed")])
    return seen, world.trips().tolist()


@pytest.mark.parametrize("seed", range(N_NETWORKS))
def test_any_network_can_be_driven(seed):
    faulthandler.dump_traceback_later(HANG_S, exit=True)  # kernels answer nothing else
    try:
        world = build(seed)
        first = driven(world, 200)
        world.restart(seed=True, flows=True)
        assert driven(world, 200) == first
    finally:
        faulthandler.cancel_dump_traceback_later()
