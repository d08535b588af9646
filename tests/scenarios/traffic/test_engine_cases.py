"""Small inputs recorded from CityFlow: odd intervals, and files that nobody can have meant."""

import json
from pathlib import Path

import numpy as np
import pytest
from cityflow_recordings import golden_dir

from scenarios.traffic.engine import Engine
from scenarios.traffic.entries import NetworkError

CASES = [
    "flow_interval_2.7",
    "flow_interval_1.2",
    "flow_interval_1.5_step_0.5",
    "step_0.1",
    "hang_random_1",
    "hang_random_2",
    "hang_random_3",
]
DOUBTFUL = {
    "start_time_as_text": "'startTime' must be an integer",
    "save_replay_missing": "'saveReplay' is missing",
    "negative_min_gap": "'minGap' must be at least 0",
    "duplicate_road_id": "'id' is used twice",
    "road_of_length_zero": "clips the road to nothing",
    "zero_road_random_1": "clips the road to nothing",
    "zero_road_random_2": "clips the road to nothing",
    "zero_road_random_3": "clips the road to nothing",
}


@pytest.mark.parametrize("name", [*CASES, *DOUBTFUL])
def test_what_cityflow_makes_of_a_case(name, monkeypatch, caplog):
    monkeypatch.chdir(golden_dir().parent / "traffic_cases" / name)
    wanted = json.loads(Path("expected.json").read_text())
    engine, counts = Engine("config.json", thread_num=1), []

    for _ in range(wanted["steps"]):
        engine.next_step()
        counts.append(engine.get_vehicle_count())

    assert counts == wanted["vehicle_count"]
    assert len(engine.get_vehicles(True)) == wanted["with_waiting"]
    assert engine.get_average_travel_time() == wanted["average_travel_time"]
    assert engine.get_vehicle_speed() == wanted["speed"]
    assert engine.get_vehicle_distance() == wanted["distance"]
    taken = {lane: n for lane, n in engine.get_lane_vehicle_count().items() if n}
    assert taken == {lane: n for lane, n in wanted["lane_vehicle_count"].items() if n}
    assert DOUBTFUL.get(name, "") in caplog.text


@pytest.mark.parametrize(("name", "rule"), DOUBTFUL.items())
def test_what_nobody_can_have_meant_is_refused_where_it_shall_be(name, rule, monkeypatch):
    monkeypatch.chdir(golden_dir().parent / "traffic_cases" / name)

    with pytest.raises(NetworkError, match=rule):
        Engine("config.json", strict=True)


def test_room_that_does_not_suffice_is_an_error(monkeypatch):
    monkeypatch.chdir(golden_dir().parent / "traffic_cases" / "flow_interval_2.7")
    engine = Engine("config.json", thread_num=1)
    monkeypatch.setattr("scenarios.traffic.engine.simulation.advance", lambda *_: (0, 3))

    with pytest.raises(RuntimeError, match="they do not fit"):
        engine.next_step()

    assert np.isfinite(engine.get_current_time())
