"""The fast engine and the oracle side by side, on the same network and demand."""

import numpy as np
from slow_engine import SlowEngine

from scenarios.traffic.engine import Engine
from scenarios.traffic.flow import load_flows
from scenarios.traffic.roadnet import load_roadnet


def load_pair(roadnet, flow):
    net = load_roadnet(roadnet)
    return net, load_flows(flow, {road: r for r, road in enumerate(net.road_ids)})


def fast(net, flows, *, dt=1.0, seed=0, rl=True):
    return Engine.of(net, flows, interval=dt, seed=seed, rl_traffic_light=rl)


def slow(net, flows, *, dt=1.0, seed=0, rl=True):
    return SlowEngine(net, flows, dt=dt, seed=seed, rl=rl)


def rows(engine):
    """Return (slots, names, drivable, dis, speed) of the running vehicles, by priority."""
    slots = engine.simulation.slots(waiting=False)
    v = engine.simulation.state.vehicles[slots]
    names = engine.get_vehicles()
    return slots, names, v["drivable"], v["dis"], v["speed"]


def internals(engine):
    """Return what the oracle knows of every running vehicle, keyed by name."""
    state = engine.simulation.state
    names = dict(zip(rows(engine)[0].tolist(), engine.get_vehicles(), strict=True)) | {-1: None}
    result = {}
    for slot, name in names.items():
        if slot >= 0:
            v = state.vehicles[slot]
            gap = float(v["gap"]) if v["leader"] >= 0 else None
            result[name] = (
                int(v["drivable"]), float(v["dis"]), float(v["speed"]),
                names[int(v["leader"])], gap, names[int(v["blocker"])],
                int(v["link_time"]), int(v["prev_drivable"]), int(v["priority"]),
            )  # fmt: skip
    return result


def slow_internals(engine):
    def name(v):
        return None if v is None else v.id

    return {
        v.id: (
            v.drivable.index, v.dis, v.speed, name(v.leader), None if v.leader is None else v.gap,
            name(v.blocker), v.link_time,
            -1 if v.prev_drivable is None else v.prev_drivable.index, v.priority,
        )
        for v in engine.pool.values()
        if v.running
    }  # fmt: skip


def assert_equal(a, b):
    """Assert that the fast engine a and the oracle b are in the same state, to the last bit."""
    assert a.get_vehicles() == b.get_vehicles()
    assert a.get_vehicles(True) == b.get_vehicles(True)
    assert internals(a) == slow_internals(b)
    lanes = {lane.id: [v.id for v in lane.vehicles] for lane in b.lanes}
    assert a.get_lane_vehicles() == lanes
    assert a.get_lane_vehicle_count() == {lane: len(ids) for lane, ids in lanes.items()}
    waiting = {lane.id: sum(v.speed < 0.1 for v in lane.vehicles) for lane in b.lanes}
    assert a.get_lane_waiting_vehicle_count() == waiting
    assert a.get_average_travel_time() == b.get_average_travel_time()
    assert a.get_vehicle_count() == b.active
    assert a.get_current_time() == b.step * b.dt
    assert a.simulation.phases().tolist() == [b.phase[i] for i in b.net.signalized]
    assert np.array_equal(a.simulation.state.green, [link.green for link in b.links])
