"""The fast engine and the slow one written from the specification never differ."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import STEPS_S, worlds
from twins import assert_equal, fast, slow

from scenarios.traffic.flow import VehicleModel

PROPERTY = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PUSHED = {"speed": 3.0, "length": 7.0, "maxSpeed": 14.0}
PUSHED_MODEL = VehicleModel(
    length=7.0, width=2.0, max_pos_acc=4.5, max_neg_acc=4.5, usual_pos_acc=2.5,
    usual_neg_acc=2.5, min_gap=2.0, max_speed=14.0, headway_time=1.0,
)  # fmt: skip


def set_random_phases(a, b, rng):
    counts = np.diff(a.simulation.net.phase_ptr)
    for i in a.simulation.net.signalized:
        if rng.random() < 0.5:
            name, phase = a.simulation.net.intersection_ids[i], int(rng.integers(counts[i]))
            a.set_tl_phase(name, phase)
            b.set_tl_phase(name, phase)


@PROPERTY
@given(worlds(), st.sampled_from(STEPS_S), st.booleans(), st.integers(0, 2**32 - 1))
def test_plain_runs_are_equal(world, dt, rl, seed):
    options = {"dt": dt, "seed": seed, "rl": rl}
    a, b = fast(*world, **options), slow(*world, **options)
    rng = np.random.default_rng(seed)
    for t in range(90):
        if rl and t % 7 == 0:
            set_random_phases(a, b, rng)
        a.next_step()
        b.next_step()
        assert_equal(a, b)


def meddle(a, b, rng):
    """Make one random call on both engines."""
    ids = a.get_vehicles(True)
    roads = a.simulation.net.road_ids
    some = [str(r) for r in rng.choice(roads, size=int(rng.integers(1, 3)))]
    action = int(rng.integers(8))
    if action == 0:
        a.push_vehicle(PUSHED, some)
        b.push_vehicle(PUSHED_MODEL, some, 3.0)
    elif action == 1 and ids:
        name, speed = ids[int(rng.integers(len(ids)))], float(rng.uniform(0, 20))
        a.set_vehicle_speed(name, speed)
        b.set_vehicle_speed(name, speed)
    elif action == 2 and ids:
        name = ids[int(rng.integers(len(ids)))]
        assert a.set_vehicle_route(name, some) == b.set_vehicle_route(name, some)
    elif action == 3 and rng.random() < 0.2:
        seed = bool(rng.integers(2))
        a.reset(seed)
        b.reset(seed)
    elif action == 4:
        a.load(a.snapshot())
        b.load(b.snapshot())


@PROPERTY
@given(worlds(), st.sampled_from(STEPS_S), st.integers(0, 2**32 - 1))
def test_runs_with_every_call_of_the_interface_are_equal(world, dt, seed):
    a, b = fast(*world, dt=dt, seed=seed), slow(*world, dt=dt, seed=seed)
    rng = np.random.default_rng(seed)
    for t in range(90):
        if t % 7 == 0:
            set_random_phases(a, b, rng)
        meddle(a, b, rng)
        a.next_step()
        b.next_step()
        assert_equal(a, b)
