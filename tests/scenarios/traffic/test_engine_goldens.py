"""The engine against the recorded behavior of the real CityFlow, bit for bit."""

import csv
import gzip
import json

import numpy as np
import pytest
from cityflow_recordings import files, golden_dir, recording
from twins import fast, load_pair, rows, slow

FULL = [
    "cf_example_600",
    "small6x6_600",
    "fuhua_600",
    "cf_example_dt05_builtin_600",
    "small6x6_seed7_builtin_600",
]
LONG = ["cf_example_3600", "small6x6_3600", "fuhua_3600"]


def start(name, make=fast):
    record = recording(name)
    return record, make(*load_pair(*files(record.net)), **record.options)


def step(engine, record, t):
    for intersection, phase in record.phases(t):
        engine.set_tl_phase(intersection, phase)
    engine.next_step()


def assert_counts(engine, record, k, seen):
    a = record.arrays
    assert np.array_equal(engine.simulation.lane_counts(), a["lane_count"][k])
    assert np.array_equal(engine.simulation.lane_waiting(), a["lane_wait"][k])
    assert engine.get_vehicle_count() == a["running"][k]
    assert seen - len(engine.get_vehicles(True)) == a["finished"][k]
    assert engine.get_average_travel_time() == a["att"][k]


@pytest.mark.parametrize("name", FULL)
def test_every_vehicle_is_where_cityflow_put_it(name):
    record, engine = start(name)
    a, seen = record.arrays, set()
    for t in range(record.n_steps):
        step(engine, record, t)

        at = slice(a["step_ptr"][t], a["step_ptr"][t + 1])
        _, names, drivable, dis, speed = rows(engine)
        assert names == a["veh_ids"][a["veh"][at]].tolist()
        assert np.array_equal(drivable, a["drv"][at])
        assert np.array_equal(dis, a["dis"][at])
        assert np.array_equal(speed, a["speed"][at])
        seen.update(engine.get_vehicles(True))
        assert_counts(engine, record, t, len(seen))


@pytest.mark.parametrize("name", FULL + LONG)
def test_counts_and_travel_time_are_cityflows_until_the_end(name):
    record, engine = start(name)
    times = {int(t): k for k, t in enumerate(record.arrays["count_t"])}
    for t in range(record.n_steps):
        step(engine, record, t)
        if t in times:
            seen = len(engine.simulation.trips()) - engine.simulation.n_dropped
            assert_counts(engine, record, times[t], seen)

    final = json.loads(str(record.arrays["final_lane_vehicles"]))
    lists = engine.get_lane_vehicles()
    assert {lane: ids for lane, ids in lists.items() if ids} == final


@pytest.mark.parametrize("name", ["cf_example", "small6x6"])
def test_leaders_gaps_and_blockers_are_cityflows(name):
    _, engine = start(f"{name}_600")
    record = recording(f"{name}_600")
    with gzip.open(golden_dir() / f"debug_{name}_300.csv.gz", "rt") as file:
        table = list(csv.DictReader(file))
    by_step = {}
    for row in table:
        by_step.setdefault(int(row["step"]), []).append(row)
    first = min(by_step)
    for t in range(len(by_step)):
        step(engine, record, t)

        state = engine.simulation.state
        slots, names, *_ = rows(engine)
        name_of = dict(zip(slots.tolist(), names, strict=True)) | {-1: ""}
        for slot, row in zip(slots.tolist(), by_step[t + first], strict=True):
            v = state.vehicles[slot]
            assert name_of[slot] == row["id"]
            assert int(v["priority"]) == int(row["priority"])
            assert name_of[int(v["leader"])] == row["leader"]
            assert (float(v["gap"]) if v["leader"] >= 0 else 0.0) == float(row["gap"])
            assert name_of[int(v["blocker"])] == row["blocker"]
            assert int(v["link_time"]) == int(row["enterLLT"])


@pytest.mark.parametrize("name", FULL)
def test_the_oracle_is_cityflow_too(name):
    record, engine = start(name, slow)
    a = record.arrays
    for t in range(150):
        step(engine, record, t)

        at = slice(a["step_ptr"][t], a["step_ptr"][t + 1])
        running = [v for v in engine.in_priority_order() if v.running]
        assert [v.id for v in running] == a["veh_ids"][a["veh"][at]].tolist()
        assert [v.drivable.index for v in running] == a["drv"][at].tolist()
        assert [v.dis for v in running] == a["dis"][at].tolist()
        assert [v.speed for v in running] == a["speed"][at].tolist()


def test_many_steps_in_one_call_are_the_same_steps():
    _, one = start("small6x6_seed7_builtin_600")
    _, many = start("small6x6_seed7_builtin_600")
    for _ in range(500):
        one.next_step()
    many.step(200)
    many.step(300)

    assert one.get_vehicle_distance() == many.get_vehicle_distance()
    assert one.get_average_travel_time() == many.get_average_travel_time()
    sums = many.simulation.lane_waiting_sums()
    assert np.array_equal(one.simulation.lane_waiting_sums(), sums)
