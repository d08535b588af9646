"""Small inputs recorded from CityFlow: intervals of flows that are no multiples of the step."""

import json
from pathlib import Path

import numpy as np
import pytest
from cityflow_recordings import golden_dir

from scenarios.traffic.engine import Engine

CASES = [
    "flow_interval_2.7",
    "flow_interval_1.2",
    "flow_interval_1.5_step_0.5",
    "step_0.1",
    "hang_random_1",
    "hang_random_2",
    "hang_random_3",
]


@pytest.mark.parametrize("name", CASES)
def test_births_between_steps_are_cityflows(name, monkeypatch):
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


def test_room_that_does_not_suffice_is_an_error(monkeypatch):
    monkeypatch.chdir(golden_dir().parent / "traffic_cases" / "flow_interval_2.7")
    engine = Engine("config.json", thread_num=1)
    monkeypatch.setattr("scenarios.traffic.engine.simulation.advance", lambda *_: (0, 3))

    with pytest.raises(RuntimeError, match="they do not fit"):
        engine.next_step()

    assert np.isfinite(engine.get_current_time())
