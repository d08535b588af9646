"""Hypothesis strategies: small random networks, demands and schedules."""

import numpy as np
from hypothesis import strategies as st

from scenarios.traffic.flow import parse_flows
from scenarios.traffic.grid_generator import generate_roadnet
from scenarios.traffic.roadnet import parse_roadnet

LANES = [(1, 1, 1), (0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1), (1, 2, 1)]
STEPS_S = [1.0, 0.5, 0.25, 0.3, 2.0]


def bend(roadnet, rng):
    """Make the grid irregular: bent roads, odd kinds, missing links, duplicates in phases."""
    for road in roadnet["roads"]:
        a, b = road["points"]
        if rng.random() < 0.3:
            middle = {
                "x": (a["x"] + b["x"]) / 2 + rng.uniform(-9, 9),
                "y": (a["y"] + b["y"]) / 2 + rng.uniform(-9, 9),
            }
            road["points"] = [a, middle, b]
        for lane in road["lanes"]:
            lane["maxSpeed"] = float(rng.choice([6.0, 11.111, 16.67]))
            lane["width"] = float(rng.choice([3.0, 3.5, 4]))
    thin_out(roadnet, rng)
    return roadnet


def thin_out(roadnet, rng):
    for place in roadnet["intersections"]:
        for link in place["roadLinks"]:
            if rng.random() < 0.1:
                link["type"] = str(rng.choice(["u_turn", "go_straight", "turn_left"]))
            if rng.random() < 0.3:
                keep = rng.random(len(link["laneLinks"])) < 0.6
                kept = [k for k, stays in zip(link["laneLinks"], keep, strict=True) if stays]
                link["laneLinks"] = kept or link["laneLinks"][:1]
        for phase in place["trafficLight"]["lightphases"]:
            phase["time"] = float(rng.integers(1, 12))
            phase["availableRoadLinks"] = phase["availableRoadLinks"] * 2


def draw_flow(roadnet, rng):
    roads = [road["id"] for road in roadnet["roads"]]
    start = int(rng.integers(0, 25))
    end = [start, start + int(rng.integers(0, 40)), -1][int(rng.integers(3))]
    flow = {
        "vehicle": {
            "length": float(rng.choice([4.0, 5.0, 12.5])),
            "width": 2.0,
            "maxPosAcc": rng.uniform(1, 4),
            "maxNegAcc": rng.uniform(2.5, 6),
            "usualPosAcc": rng.uniform(1, 3),
            "usualNegAcc": rng.uniform(2, 6),
            "minGap": float(rng.choice([0.0, 1.5, 2.5])),
            "maxSpeed": rng.uniform(5, 25),
            "headwayTime": float(rng.choice([0.5, 1.5, 2.0])),
        },
        "route": [str(r) for r in rng.choice(roads, size=int(rng.integers(1, 5)))],
        "interval": float(rng.choice([1.0, 1.5, 3.0, 7.0])),
        "startTime": start,
        "endTime": end,
    }
    if rng.random() < 0.1:
        flow["startTime"] = float(start)
    if rng.random() < 0.1:
        del flow["endTime"]
    return flow


def build(seed, *, rows=2, columns=2, lanes=(1, 1, 1), points=True, irregular=False, n_flows=12):
    """Return a (network, flows) pair drawn from a seed."""
    rng = np.random.default_rng(seed)
    spacing = float(rng.choice([45.0, 70.0, 120.0]))
    width = float(rng.choice([0.0, 4.0, 11.0, 15.0]))
    roadnet = generate_roadnet(
        rows, columns, lanes=lanes, spacing=spacing, width=width, points=points
    )
    if irregular:
        bend(roadnet, rng)
    net = parse_roadnet(roadnet)
    entries = [draw_flow(roadnet, rng) for _ in range(n_flows)]
    return net, parse_flows(entries, {road: r for r, road in enumerate(net.road_ids)})


def worlds():
    return st.builds(
        build,
        st.integers(0, 2**32 - 1),
        rows=st.integers(1, 3),
        columns=st.integers(1, 3),
        lanes=st.sampled_from(LANES),
        points=st.booleans(),
        irregular=st.booleans(),
        n_flows=st.integers(1, 25),
    )
