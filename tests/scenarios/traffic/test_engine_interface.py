"""CityFlow's Python interface: names, order, returns, and errors where CityFlow crashes."""

import numpy as np
import pytest
from slow_engine import SlowEngine
from test_wrong_input import good_flow, good_roadnet, write

from scenarios.traffic.engine import Archive, Engine, __version__
from scenarios.traffic.engine.random_numbers import N_WORDS, draw, seed_words
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.grid_generator import generate_roadnet


@pytest.fixture
def engine(tmp_path):
    return Engine(write(tmp_path), thread_num=4)


def test_version_is_cityflows():
    assert __version__ == "0.1"


def test_random_numbers_are_mt19937():
    words = np.zeros(N_WORDS + 1, dtype=np.uint32)
    seed_words(0, words)
    assert [draw(words) for _ in range(4)] == [2357136044, 2546248239, 3071714933, 3626093760]

    seed_words(7, words)
    twin = np.random.RandomState(7)._bit_generator
    assert [draw(words) for _ in range(2000)] == [int(twin.random_raw()) for _ in range(2000)]


def test_dictionaries_are_sorted_and_vehicles_come_by_priority(engine):
    engine.step(40)

    lanes = list(engine.get_lane_vehicle_count())
    assert lanes == sorted(engine.simulation.net.lane_ids)
    assert list(engine.get_lane_waiting_vehicle_count()) == lanes
    assert list(engine.get_lane_vehicles()) == lanes
    assert list(engine.get_vehicle_speed()) == sorted(engine.get_vehicles())
    assert list(engine.get_vehicle_distance()) == sorted(engine.get_vehicles())
    slots = engine.simulation.slots(waiting=True)
    assert (np.diff(engine.simulation.state.vehicles["priority"][slots].astype(int)) > 0).all()


def test_vehicle_info_reads_as_in_cityflow(engine):
    engine.step(3)

    info = engine.get_vehicle_info("flow_0_0")
    assert info == {
        "running": "1", "distance": f"{engine.get_vehicle_distance()['flow_0_0']:.6f}",
        "speed": f"{engine.get_vehicle_speed()['flow_0_0']:.6f}", "drivable": "road_0_1_0_1",
        "route": "road_0_1_0 road_1_1_0 road_2_1_0 ", "road": "road_0_1_0",
        "intersection": "intersection_1_1",
    }  # fmt: skip


def test_a_waiting_vehicle_is_not_running(engine):
    engine.push_vehicle({}, ["road_0_1_0", "road_1_1_0"])

    assert engine.get_vehicles() == []
    assert engine.get_vehicles(True) == ["manually_pushed_0"]
    assert engine.get_vehicle_info("manually_pushed_0") == {"running": "0"}
    assert engine.get_vehicle_count() == 0
    assert not engine.set_vehicle_route("manually_pushed_0", ["road_2_1_0"])


def test_pushed_vehicles_are_numbered_across_resets(engine):
    engine.push_vehicle({"speed": 5.0}, ["road_0_1_0", "road_2_1_0"])
    engine.next_step()
    assert engine.get_vehicle_speed()["manually_pushed_0"] > 5.0
    engine.reset()
    engine.push_vehicle({}, ["road_0_1_0", "road_2_1_0"])

    assert engine.get_vehicles(True) == ["manually_pushed_1"]


def test_leader_and_speed(engine):
    engine.set_tl_phase("intersection_1_1", 2)
    engine.step(30)

    assert engine.get_leader("flow_0_0") == ""
    assert engine.get_leader("flow_0_1") == "flow_0_0"
    engine.set_vehicle_speed("flow_0_0", 0.0)
    before = engine.get_vehicle_speed()["flow_0_0"]
    engine.next_step()
    assert engine.get_vehicle_speed()["flow_0_0"] <= before


def test_rerouting(engine):
    engine.step(4)

    assert not engine.set_vehicle_route("flow_0_0", ["nowhere"])
    assert not engine.set_vehicle_route("flow_9_9", ["road_1_1_0"])
    assert not engine.set_vehicle_route("flow_0_0", [])
    assert not engine.set_vehicle_route("flow_0_0", ["road_1_1_1"])  # its lane goes straight
    assert engine.set_vehicle_route("flow_0_0", ["road_1_1_0", "road_2_1_3"])
    assert engine.get_vehicle_info("flow_0_0")["route"] == "road_0_1_0 road_1_1_0 road_2_1_3 "


def test_a_round_trip_ends_on_the_road_where_it_begins(tmp_path):
    straight = good_flow(route=["road_0_1_0", "road_1_1_0", "road_2_1_0"])
    roadnet = generate_roadnet(2, 2, points=False)
    engine = Engine(write(tmp_path, roadnet=roadnet, flow=[straight]))
    for place in engine.simulation.net.signalized:
        engine.set_tl_phase(engine.simulation.net.intersection_ids[place], 1)
    engine.next_step()
    while engine.get_vehicle_info("flow_0_0").get("road") != "road_1_1_0":
        engine.next_step()
    around = ["road_2_1_1", "road_2_2_2", "road_1_2_3"]  # by left turns; its lane goes straight on

    assert not engine.set_vehicle_route("flow_0_0", around)
    assert engine.set_vehicle_route("flow_0_0", [*around, "road_1_1_0"])
    engine.step(60)
    assert "flow_0_0" not in engine.get_vehicles(True)


def test_after_a_load_a_new_route_begins_where_the_old_one_did(engine):
    engine.set_tl_phase("intersection_1_1", 1)
    engine.next_step()
    while engine.get_vehicle_info("flow_0_0").get("road") != "road_1_1_0":
        engine.next_step()
    engine.load(engine.snapshot())

    assert not engine.set_vehicle_route("flow_0_0", ["road_1_1_1"])  # not by its road
    assert engine.set_vehicle_route("flow_0_0", ["road_1_1_0", "road_2_1_0"])
    route = engine.get_vehicle_info("flow_0_0")["route"]
    assert route == "road_0_1_0 road_1_1_0 road_2_1_0 "


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.get_vehicle_info("flow_0_9"), RuntimeError, "Vehicle 'flow_0_9' not found"),
        (lambda e: e.get_leader("flow_00_0"), RuntimeError, "Vehicle 'flow_00_0' not found"),
        (lambda e: e.set_vehicle_speed("car", 1.0), RuntimeError, "Vehicle 'car' not found"),
        (lambda e: e.set_tl_phase("nowhere", 0), ValueError, "no intersection 'nowhere'"),
        (lambda e: e.set_tl_phase("intersection_1_1", 9), ValueError, "not one of the 9 phases"),
        (lambda e: e.set_tl_phase("intersection_1_1", -1), ValueError, "not one of the 9 phases"),
        (lambda e: e.simulation.set_phases([0]), ValueError, "must be 2 integers"),
        (lambda e: e.simulation.set_phases([0, 9]), ValueError, "phase 9 is not one of the 9"),
        (lambda e: e.push_vehicle({"speeed": 1.0}, ["road_0_1_0"]), ValueError, "no 'speeed'"),
        (lambda e: e.push_vehicle({}, []), ValueError, "at least one road"),
        (lambda e: e.push_vehicle({}, ["nowhere"]), ValueError, "no road 'nowhere'"),
        (lambda e: e.push_vehicle({"length": -1.0}, ["road_0_1_0"]), ValueError, "'length'"),
        (lambda e: e.step(-1), ValueError, "at least 0"),
    ],
)
def test_calls_that_crash_cityflow_raise(engine, call, error, message):
    with pytest.raises(error, match=message):
        call(engine)


def test_phases_under_the_built_in_plan_cannot_be_set(tmp_path):
    engine = Engine(write(tmp_path, config={"rlTrafficLight": False}))
    with pytest.raises(RuntimeError, match="rlTrafficLight is false"):
        engine.set_tl_phase("intersection_1_1", 1)


def test_a_virtual_intersection_ignores_phases(engine):
    engine.set_tl_phase("intersection_0_1", 77)
    engine.next_step()


def test_a_snapshot_of_another_network_is_refused(engine, tmp_path):
    archive = Archive(engine)
    roadnet = good_roadnet()
    roadnet["roads"][0]["id"] = roadnet["intersections"][0]["roads"][1] = "other"
    for place in roadnet["intersections"]:
        place["roads"] = ["other" if r == "road_0_1_0" else r for r in place["roads"]]
        for link in place["roadLinks"]:
            link["startRoad"] = link["startRoad"].replace("road_0_1_0", "other")
    flow = good_flow(route=["other", "road_1_1_0"])
    with pytest.raises(ValueError, match="another network"):
        Engine(write(tmp_path, roadnet=roadnet, flow=[flow])).load(archive)


def test_a_snapshot_file_brings_everything_back(engine, tmp_path):
    engine.step(20)
    engine.push_vehicle({"length": 9.0}, ["road_0_1_0", "road_2_1_0"])
    engine.snapshot().dump(tmp_path / "snapshot")
    other = Engine(str(tmp_path / "config.json"))
    other.load_from_file(tmp_path / "snapshot")
    engine.step(40)
    other.step(40)

    assert other.get_vehicle_distance() == engine.get_vehicle_distance()
    assert other.get_vehicles(True) == engine.get_vehicles(True)
    with pytest.raises(NetworkError, match="snapshot: cannot be read"):
        engine.load_from_file(tmp_path / "flow.json")


def test_a_thousand_vehicles_at_once_find_room(tmp_path):
    engine = Engine(write(tmp_path, flow=[good_flow(endTime=0)] * 1000))
    net = engine.simulation.net
    engine.step(2)

    assert len(engine.get_vehicles(True)) == 1000
    assert engine.get_average_travel_time() == 2.0
    assert isinstance(SlowEngine(net, []), SlowEngine)
