"""Names lead to the same vehicles as a look at every slot does."""

import pytest
from networks import build

from scenarios.traffic.engine import Engine
from scenarios.traffic.engine import simulation as simulations
from scenarios.traffic.engine.state import FREE, NONE


def named(engine, slot):
    flow, number = engine.simulation.state.journeys[slot][["flow", "number"]]
    return f"flow_{flow}_{number}" if flow >= 0 else f"manually_pushed_{number}"


def check(engine):
    """Compare every answer that goes by name with the arrays."""
    vehicles = engine.simulation.state.vehicles
    slots = {named(engine, s): s for s in range(len(vehicles)) if vehicles[s]["state"] != FREE}
    assert sorted(engine.get_vehicles(True)) == sorted(slots)
    speeds = engine.get_vehicle_speed()
    assert list(speeds) == sorted(speeds) == sorted(engine.get_vehicles())
    for name, slot in slots.items():
        v = vehicles[slot]
        leader = engine.get_leader(name)
        assert leader == ("" if v["leader"] == NONE else named(engine, v["leader"]))
        if name in speeds:
            assert speeds[name] == v["speed"]
            assert engine.get_vehicle_info(name)["distance"] == f"{v['dis']:f}"


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.setattr(simulations, "_TIDY_VEHICLES", 20)  # slots change every 32 steps
    monkeypatch.setattr(simulations, "_CAPACITY", 4)
    return Engine.of(*build(11, rows=2, columns=3, n_flows=25))


def test_every_vehicle_is_found_while_slots_change(engine):
    for _ in range(120):
        engine.next_step()
        check(engine)
    assert engine.simulation._tidied > 0


def test_names_survive_restarts_snapshots_and_vehicles_that_are_pushed(engine):
    engine.step(50)
    archive = engine.snapshot()
    check(engine)
    engine.push_vehicle({}, [engine.simulation.net.road_ids[0]] * 2)
    check(engine)
    engine.reset()
    assert engine.get_vehicles(True) == []
    engine.step(30)
    check(engine)
    engine.load(archive)
    check(engine)
    engine.step(40)
    check(engine)


def test_a_vehicle_that_is_gone_has_no_name(engine):
    seen = set()
    for _ in range(120):
        seen |= set(engine.get_vehicles())
        engine.next_step()
    (gone, *_) = seen - set(engine.get_vehicles(True))

    with pytest.raises(RuntimeError, match=f"'{gone}' not found"):
        engine.get_vehicle_info(gone)


def test_a_wish_holds_for_one_step_and_goes_into_a_snapshot(engine):
    engine.step(20)
    (name, *_) = engine.get_vehicles()
    engine.set_vehicle_speed(name, 0.0)
    archive = engine.snapshot()
    engine.next_step()
    slowed = engine.get_vehicle_speed()
    engine.load(archive)
    engine.next_step()

    assert engine.get_vehicle_speed() == slowed
