"""Snapshots that CityFlow wrote; the recorded one is skipped where it is not."""

import json

import pytest
from cityflow_recordings import golden_dir
from test_wrong_input import VEHICLE, good_flow, write

from scenarios.traffic.engine import Engine
from scenarios.traffic.entries import NetworkError

WORDS = " ".join(["1"] * 624 + ["5"])


def vehicle(name, priority, **more):
    renamed = {"len" if key == "length" else key: value for key, value in VEHICLE.items()}
    rest = {"enterTime": 2.0, "speed": 4.0, "dis": 0.0, "gap": 0.0, "enterLaneLinkTime": 2**31 - 1}
    route = ["road_0_1_0", "road_1_1_0", "road_2_1_0"]
    return {"id": name, "priority": priority, "route": route} | renamed | rest | more


def snapshot(**changes):
    """A moment as CityFlow writes it: two on a lane, one before it, one just pushed."""
    lane = "road_0_1_0_1"
    return {
        "step": 9, "activeVehicleCount": 2, "rnd": WORDS,
        "vehicles": [
            vehicle("flow_0_2", -7, dis=1.5, leader="flow_0_1", gap=20.0, drivable=lane),
            vehicle("flow_0_3", 1, running=False),
            vehicle("flow_0_1", 3, dis=26.5, drivable=lane),
            vehicle("manually_pushed_4", 9, width=1.25, route=["road_0_1_0", "road_2_1_0"]),
        ],
        "drivables": {
            lane: {"vehicles": ["flow_0_1", "flow_0_2"], "waitingBuffer": ["flow_0_3"]},
        },
        "flows": {"flow_0": {"nowTime": 1.0, "currentTime": 9.0, "cnt": 4}},
        "trafficLights": {
            "intersection_1_1": {"remainDuration": 3.0, "curPhaseIndex": 1},
            "intersection_2_1": {"remainDuration": 4.0, "curPhaseIndex": 2},
        },
        "finishedVehicleCnt": 1, "cumulativeTravelTime": 8.0,
    } | changes  # fmt: skip


def load(folder, content, **config):
    engine = Engine(write(folder, config=config))
    (folder / "snapshot.json").write_text(json.dumps(content))
    engine.load_from_file(folder / "snapshot.json")
    return engine


def test_a_recorded_snapshot_goes_on_as_in_cityflow(monkeypatch):
    monkeypatch.chdir(golden_dir().parent / "traffic_cases" / "real_snapshot")
    with open("expected.json") as file:  # noqa: PTH123 - as scripts do
        wanted = json.load(file)
    engine, counts = Engine("config.json"), []
    engine.load_from_file("snapshot.json")
    assert engine.get_current_time() == wanted["time_after_load"]
    assert engine.get_vehicle_count() == wanted["vehicle_count_after_load"]
    assert engine.get_vehicle_distance()["flow_0_3"] == 30.554500000000022  # as it is written
    for _ in range(wanted["steps"]):
        engine.next_step()
        counts.append(engine.get_vehicle_count())

    assert counts == wanted["vehicle_count"]
    assert engine.get_current_time() == wanted["time"]
    assert engine.get_average_travel_time() == wanted["average_travel_time"]
    assert engine.get_vehicle_speed() == wanted["speed"]
    assert engine.get_vehicle_distance() == wanted["distance"]


def test_everything_is_where_the_file_says(tmp_path):
    engine = load(tmp_path, snapshot())

    assert engine.get_current_time() == 9.0
    assert engine.get_vehicles() == ["flow_0_2", "flow_0_1"]
    assert engine.get_vehicles(True) == ["flow_0_2", "flow_0_3", "flow_0_1", "manually_pushed_4"]
    assert engine.get_lane_vehicles()["road_0_1_0_1"] == ["flow_0_1", "flow_0_2"]
    assert engine.get_lane_vehicle_count()["road_0_1_0_1"] == 2
    assert engine.get_leader("flow_0_2") == "flow_0_1"
    assert engine.get_average_travel_time() == (8.0 + 4 * 7.0) / 5
    assert engine.simulation.phases().tolist() == [1, 2]
    engine.step(20)
    assert {"flow_0_4", "flow_0_3", "manually_pushed_4"} <= set(engine.get_vehicles())


def test_it_can_be_kept_again_and_goes_on_alike(tmp_path):
    engine = load(tmp_path, snapshot())
    engine.snapshot().dump(tmp_path / "own")
    other = Engine(str(tmp_path / "config.json"))
    other.load_from_file(tmp_path / "own")
    engine.step(60)
    other.step(60)

    assert other.get_vehicles(True) == engine.get_vehicles(True)
    assert other.get_vehicle_distance() == engine.get_vehicle_distance()


def test_the_plan_goes_on_from_the_time_that_remains(tmp_path):
    engine = load(tmp_path, snapshot(), rlTrafficLight=False)
    engine.step(2)
    assert engine.simulation.phases().tolist() == [1, 2]
    engine.step(1)

    assert engine.simulation.phases().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rnd": "1 2"}, "'rnd' must be 625 numbers"),
        ({"rnd": WORDS + "5000000000"}, "'rnd' must be 625 numbers"),
        ({"step": "9"}, "'step' must be an integer"),
        ({"step": 2**31}, "'step' must fit into 32 bits"),
        ({"vehicles": [vehicle("flow_0_0", 1), vehicle("flow_0_1", 1)]}, "same id or priority"),
        ({"vehicles": [vehicle("flow_0_0_shadow", 1)]}, "without changes of lane"),
        ({"vehicles": [vehicle("flow_7_0", 1)]}, "another demand: there is no 'flow_7'"),
        ({"vehicles": [vehicle("flow_0_0", 1, leader="x")]}, "there is no vehicle 'x'"),
        ({"vehicles": [vehicle("flow_0_0", 1, route=["x"])]}, "another network: there is no road"),
        ({"vehicles": [vehicle("flow_0_0", 1, prevDrivable="x")]}, "another network"),
        ({"drivables": {"x_0": {"vehicles": []}}}, "another network: there is no lane"),
        ({"drivables": {"road_0_1_0_1": {"vehicles": ["flow_0_1"] * 2}}}, "somewhere else, too"),
        ({"flows": {}}, "another demand: it has 0 flows, not 1"),
        ({"trafficLights": {}}, "'intersection_1_1' is missing"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changes, message):
    with pytest.raises(NetworkError, match=message) as caught:
        load(tmp_path, snapshot(**changes))

    assert "snapshot.json" in str(caught.value)


def test_a_phase_that_is_not_there_is_refused(tmp_path):
    lights = snapshot()["trafficLights"]
    lights["intersection_1_1"]["curPhaseIndex"] = 9
    with pytest.raises(NetworkError, match="'curPhaseIndex' 9 is not one of 9 phases"):
        load(tmp_path, snapshot(trafficLights=lights))


def test_what_is_no_snapshot_is_refused(tmp_path):
    engine = Engine(write(tmp_path, flow=[good_flow()]))
    for name, message in (("flow.json", "it has no 'vehicles'"), ("nothing", "cannot be read")):
        with pytest.raises(NetworkError, match=message):
            engine.load_from_file(tmp_path / name)
