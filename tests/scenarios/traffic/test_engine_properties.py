"""Laws of every simulation, on random networks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STEPS_S, worlds
from twins import fast

from scenarios.traffic.flow import Router

LAWS = settings(max_examples=40, deadline=None, derandomize=True)


def with_plain_routes(world):
    """Leave out flows for which CityFlow's snapshots are not exact, by its own rules.

    Which flows proved invalid is not part of a snapshot, and after loading a vehicle looks for its
    road from the start of its route, so that a route that visits a road twice may go another way.
    """
    net, flows = world
    router = Router(net)
    routes = [router.expand(flow.anchors) or (0, 0) for flow in flows]
    return net, [flow for flow, r in zip(flows, routes, strict=True) if len(set(r)) == len(r)]


def shake(engine, rng, t):
    if t % 5 == 0:
        n = np.diff(engine.simulation.net.phase_ptr)[engine.simulation.net.signalized]
        engine.simulation.set_phases(rng.integers(0, n))


@LAWS
@given(worlds(), st.sampled_from(STEPS_S), st.integers(0, 2**32 - 1))
def test_no_vehicle_is_lost_or_doubled_and_none_speeds(world, dt, seed):
    engine, rng = fast(*world, dt=dt, seed=seed), np.random.default_rng(seed)
    net, simulation = world[0], engine.simulation
    for t in range(100):
        shake(engine, rng, t)
        engine.next_step()

        state = simulation.state
        clock, vehicles = state.clock[0], state.vehicles
        running, pool = engine.get_vehicles(), engine.get_vehicles(True)
        assert len(set(pool)) == len(pool) == clock["n_alive"]
        on_lanes = [name for names in engine.get_lane_vehicles().values() for name in names]
        on = vehicles[simulation.slots(waiting=False)]["drivable"]
        n_on_links = (on >= net.n_lanes).sum()
        assert len(running) == len(on_lanes) + n_on_links == clock["n_running"]
        assert len(set(on_lanes)) == len(on_lanes)
        assert set(on_lanes) <= set(running) <= set(pool)
        trips = simulation.trips()
        finished = (trips["finished"] >= 0).sum()
        assert finished == clock["n_finished"]
        assert len(trips) == len(pool) + finished + simulation.n_dropped
        assert ((trips["admitted"] >= 0).sum()) == len(running) + finished
        slots = simulation.slots(waiting=False)
        v = vehicles[slots]
        assert (v["speed"] >= 0).all()
        assert (v["speed"] <= state.models["max_speed"][slots]).all()
        assert (v["dis"] <= net.drivable_length[v["drivable"]]).all()
        counts = simulation.lane_counts()
        assert (simulation.lane_waiting() <= counts).all()
        assert counts.sum() == len(on_lanes)


@LAWS
@given(worlds(), st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_a_loaded_snapshot_goes_on_bit_for_bit(world, seed, cut):
    def run(engine, n):
        rng = np.random.default_rng(1)
        for t in range(n):
            shake(engine, rng, t)
            engine.next_step()
        return engine.get_vehicle_distance(), engine.get_vehicle_speed(), engine.get_vehicles(True)

    world = with_plain_routes(world)
    engine = fast(*world, seed=seed)
    run(engine, cut)
    archive = engine.snapshot()
    first, first_time = run(engine, 60), engine.get_average_travel_time()
    engine.load(archive)
    again = run(engine, 60)
    other = fast(*world, seed=seed + 1)
    other.load(archive)

    assert again == first
    assert engine.get_average_travel_time() == first_time
    assert run(other, 60) == first


@LAWS
@given(worlds(), st.integers(0, 2**32 - 1))
def test_reset_with_the_seed_repeats_the_run(world, seed):
    engine = fast(*with_plain_routes(world), seed=seed, rl=False)
    engine.step(80)
    first = engine.get_vehicle_distance(), engine.get_average_travel_time()
    engine.reset(seed=True)
    assert engine.get_vehicles(True) == []
    assert engine.get_current_time() == 0.0
    engine.step(80)

    assert (engine.get_vehicle_distance(), engine.get_average_travel_time()) == first
