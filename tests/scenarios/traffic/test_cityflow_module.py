"""The module `cityflow` for other people's scripts; what differs stands in docs/traffic.md."""

import inspect
import logging
import re
import subprocess
import sys

import pytest
from cityflow_recordings import ROOT
from test_wrong_input import good_flow, write

from scenarios.traffic import cityflow

# As CityFlow declares them: names of arguments, with what they are by default.
SIGNATURES = {
    "next_step": {}, "get_vehicle_count": {}, "get_vehicles": {"include_waiting": False},
    "get_lane_vehicle_count": {}, "get_lane_waiting_vehicle_count": {}, "get_lane_vehicles": {},
    "get_vehicle_speed": {}, "get_vehicle_distance": {}, "get_vehicle_info": {"vehicle_id": ...},
    "get_leader": {"vehicle_id": ...}, "get_current_time": {}, "get_average_travel_time": {},
    "set_tl_phase": {"intersection_id": ..., "phase_id": ...},
    "set_vehicle_speed": {"vehicle_id": ..., "speed": ...},
    "set_vehicle_route": {"vehicle_id": ..., "route": ...},
    "push_vehicle": {"info": ..., "roads": ...}, "reset": {"seed": False},
    "set_random_seed": {"seed": ...}, "set_replay_file": {"replay_file": ...},
    "set_save_replay": {"open": ...}, "snapshot": {}, "load": {"archive": ...},
    "load_from_file": {"path": ...},
}  # fmt: skip
# Those that differ: where CityFlow crashes, prints or errs.
DIFFERENT = {
    "Engine", "Archive", "next_step", "set_tl_phase", "set_vehicle_speed", "set_vehicle_route",
    "push_vehicle", "set_random_seed", "set_replay_file", "set_save_replay", "snapshot", "load",
    "load_from_file",
}  # fmt: skip
ON = {"saveReplay": True, "roadnetLogFile": "log.json", "replayLogFile": "replay.txt"}


@pytest.fixture
def engine(tmp_path):
    return cityflow.Engine(write(tmp_path), thread_num=2)


def arguments(function):
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {p.name: ... if p.default is p.empty else p.default for p in parameters}


def table():
    """Return what the table of differences says of each method."""
    text = (ROOT / "docs" / "traffic.md").read_text(encoding="utf-8")
    rows = re.search(r"<!-- differences -->\n(.*?)<!-- /differences -->", text, re.DOTALL)[1]
    cells = [row.strip("|").split("|") for row in rows.strip().splitlines()[2:]]
    return {name.strip(" `"): (there.strip(), here.strip()) for name, there, here in cells}


def test_names_and_arguments_are_cityflows():
    assert len(SIGNATURES) == 23
    for name, wanted in SIGNATURES.items():
        assert arguments(getattr(cityflow.Engine, name)) == wanted
    assert arguments(cityflow.Engine) == {"thread_num": 1}
    assert arguments(cityflow.Archive.dump) == {"path": ...}
    assert cityflow.__version__ == "0.1"


def test_the_table_names_all_of_them():
    assert set(table()) == {"Engine", "Archive", *SIGNATURES}


@pytest.mark.parametrize("name", ["Engine", "Archive", *SIGNATURES])
def test_a_difference_is_stated_where_one_is_shown(name):
    there, here = table()[name]
    assert (there == "the same") == (name not in DIFFERENT)
    assert bool(here) == (name in DIFFERENT)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.set_tl_phase("nowhere", 0), ValueError, "no intersection"),
        (lambda e: e.set_tl_phase("intersection_1_1", 9), ValueError, "not one of the 9"),
        (lambda e: e.set_tl_phase("intersection_1_1", 0.0), TypeError, "integer"),
        (lambda e: e.push_vehicle({}, ["x"]), ValueError, "no road 'x'"),
        (lambda e: e.push_vehicle({}, []), ValueError, "at least one road"),
        (lambda e: e.push_vehicle({"length": 0}, ["road_0_1_0"]), ValueError, "'length'"),
        (lambda e: e.set_vehicle_speed("flow_0_0", float("nan")), ValueError, "finite"),
        (lambda e: e.set_vehicle_speed("x", 1.0), RuntimeError, "^Vehicle 'x' not found$"),
        (lambda e: e.get_leader("x"), RuntimeError, "^Vehicle 'x' not found$"),
        (lambda e: e.load_from_file("nothing"), ValueError, "cannot be read"),
        (lambda e: e.snapshot().dump("nothing/there"), OSError, "nothing"),
        (lambda e: e.set_random_seed(1.5), TypeError, "integer"),
    ],
)
def test_errors_where_cityflow_crashes(engine, call, error, message):
    engine.next_step()
    with pytest.raises(error, match=message):
        call(engine)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"laneChange": True}, "not supported"),
        ({"flowFile": "nothing"}, "nothing: file: cannot be read"),
        ({"interval": "1"}, "'interval' must be a number"),
        (ON | {"replayLogFile": "no/such/file"}, "cannot be written"),
    ],
)
def test_files_with_which_cityflow_fails_in_silence(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        cityflow.Engine(write(tmp_path, config=changes))


def test_what_cityflow_prints_is_logged(tmp_path, caplog):
    engine = cityflow.Engine(write(tmp_path, config={"rlTrafficLight": False}))
    caplog.set_level(logging.WARNING)
    engine.set_tl_phase("nowhere", 99)
    assert caplog.messages.pop() == (
        "please set rlTrafficLight to true to enable traffic light control"
    )
    caplog.clear()
    engine.set_replay_file("replay.txt")
    engine.set_save_replay(False)
    assert caplog.messages == ["saveReplay is not set to true in config file!"] * 2
    caplog.clear()
    engine.push_vehicle({"speeed": 1.0, "speed": 2.0}, ["road_0_1_0", "road_2_1_0"])
    assert caplog.messages == ["push_vehicle: a vehicle has no 'speeed'; ignored"]
    engine.next_step()
    assert "manually_pushed_0" in engine.get_vehicles()


def test_what_was_pushed_and_has_not_entered_survives_a_load(engine):
    engine.push_vehicle({}, ["road_0_1_0", "road_2_1_0"])
    archive = engine.snapshot()
    engine.step(9)
    engine.load(archive)
    engine.next_step()

    assert "manually_pushed_0" in engine.get_vehicles()


def test_keys_come_in_cityflows_order(engine):
    engine.step(30)
    info = engine.get_vehicle_info(engine.get_vehicles()[0])

    assert list(info) == sorted(info)
    assert info["running"] == "1"
    assert all(isinstance(text, str) for text in info.values())
    for figures, kind in (
        (engine.get_lane_vehicle_count(), int), (engine.get_vehicle_speed(), float),
        (engine.get_lane_vehicles(), list), (engine.get_vehicle_distance(), float),
        (engine.get_lane_waiting_vehicle_count(), int),
    ):  # fmt: skip
        assert list(figures) == sorted(figures)
        assert {type(value) for value in figures.values()} == {kind}
    assert type(engine.get_vehicle_count()) is int
    assert type(engine.get_average_travel_time()) is type(engine.get_current_time()) is float


# CityFlow's own tests ask for the following: figures at every step, another replay file under way,
# and archives in memory and on disk, loaded once and again, one thread or several.


def record(engine):
    return engine.get_lane_vehicle_count(), engine.get_average_travel_time()


def test_figures_hang_together_at_every_step(engine):
    for _ in range(200):
        engine.next_step()
        assert len(engine.get_vehicles()) == engine.get_vehicle_count()
        assert len(engine.get_vehicles()) <= len(engine.get_vehicles(include_waiting=True))
        assert sum(engine.get_lane_vehicle_count().values()) <= engine.get_vehicle_count()


def test_the_replay_file_changes_under_way(tmp_path):
    engine = cityflow.Engine(config_file=write(tmp_path, config=ON), thread_num=1)
    for _ in range(10):
        engine.next_step()
    engine.set_replay_file("replay2.txt")
    for _ in range(10):
        engine.next_step()

    for name in ("replay.txt", "replay2.txt"):
        assert len((tmp_path / name).read_text().splitlines()) == 10


@pytest.mark.parametrize("thread_num", [1, 4])
@pytest.mark.parametrize("on_disk", [False, True])
def test_archives_bring_a_run_back_as_often_as_wanted(tmp_path, thread_num, on_disk):
    engine = cityflow.Engine(config_file=write(tmp_path), thread_num=thread_num)
    kept, records = [], []
    for k in range(4):
        archive = engine.snapshot() if k % 2 else cityflow.Archive(engine)
        archive.dump(str(tmp_path / f"{k}.json"))
        kept.append(archive)
        records.append(record(engine))
        engine.step(50)

    for k in (0, 2, 2, 1):
        if on_disk:
            engine.load_from_file(str(tmp_path / f"{k}.json"))
        else:
            engine.load(kept[k])
        for _ in range(50):
            engine.next_step()
        assert record(engine) == records[k + 1]


SCRIPT = """
import cityflow, json, sys
import beside
from cityflow import Engine
engine = Engine(sys.argv[1], thread_num=1)
engine.next_step()
print(json.dumps([__name__, sys.argv[2:], beside.HERE, engine.get_vehicles()]))
"""


def run(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", "scenarios.traffic.as_cityflow", *command],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_a_script_finds_it_under_cityflows_name(tmp_path):
    config = write(tmp_path, flow=[good_flow()])
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "script.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "beside.py").write_text("HERE = 1")

    done = run(tmp_path, "scripts/script.py", config, "--more")
    assert done.stdout == '["__main__", ["--more"], 1, ["flow_0_0"]]\n', done.stderr
    absent = run(tmp_path, "nothing.py")
    assert (absent.returncode, absent.stderr) == (1, "nothing.py: there is no such script\n")
    assert "python -m scenarios.traffic.as_cityflow script.py" in run(tmp_path).stderr
    assert "cityflow" not in sys.modules  # nobody else sees it
