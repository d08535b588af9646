"""Replay files, byte for byte as CityFlow writes them; skipped where recordings are not."""

import gzip
import json
import shutil
import struct

import numpy as np
import pytest
from cityflow_recordings import data_dir, golden_dir
from test_wrong_input import good_flow, write

from scenarios.traffic.engine import Engine
from scenarios.traffic.engine.decimals import WIDEST, decimals
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.replay import Lines
from scenarios.traffic.replay_roadnet import _corners, _hull
from scenarios.traffic.roadnet_file import Road

ON = {"saveReplay": True, "roadnetLogFile": "log.json", "replayLogFile": "replay.txt"}


def case(name):
    return golden_dir().parent / "traffic_cases" / name


def lines(path):
    return path.read_text().splitlines()


def test_both_files_are_cityflows(tmp_path, monkeypatch):
    recorded = case("save_replay")
    for name in ("config.json", "roadnet.json", "flow.json"):
        shutil.copy(recorded / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    Engine("config.json").step(60)

    for name in ("roadnet_log.json", "replay.txt"):
        assert (tmp_path / name).read_bytes() == (recorded / name).read_bytes()


def test_a_replay_stops_and_goes_on_elsewhere_as_in_cityflow(tmp_path):
    recorded, example = case("replay_example"), data_dir() / "cityflow_example"
    for name in ("roadnet.json", "flow.json"):
        shutil.copy(example / name, tmp_path)
    config = json.loads((example / "config.json").read_text()) | {"dir": f"{tmp_path}/"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    engine = Engine(tmp_path / "config.json")
    engine.step(300)
    engine.set_save_replay(False)
    engine.step(20)
    engine.set_replay_file("second.txt")
    engine.set_save_replay(True)
    engine.step(20)

    for name in ("replay.txt", "second.txt"):
        wanted = gzip.decompress((recorded / f"{name}.gz").read_bytes())
        assert (tmp_path / name).read_bytes() == wanted
    assert (tmp_path / "replay_roadnet.json").read_bytes() == (
        recorded / "roadnet_log.json"
    ).read_bytes()


def test_every_step_is_on_disk_and_reset_goes_on_in_the_file(tmp_path, monkeypatch):
    (tmp_path / "replay.txt").write_text("of another run\n")
    engine = Engine(write(tmp_path, config=ON))
    assert (tmp_path / "replay.txt").read_bytes() == b""
    engine.next_step()
    assert len(lines(tmp_path / "replay.txt")) == 1
    engine.reset()
    monkeypatch.chdir(tmp_path.parent)  # relative paths are those of the start
    engine.step(2)

    first, second, _ = lines(tmp_path / "replay.txt")
    assert first.split(";")[1] == second.split(";")[1]
    assert "flow_0_0 0 5.0 2.0," in first


def test_files_lie_where_the_engine_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, config=ON | {"dir": "./"})
    engine = Engine("config.json")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    engine.next_step()

    assert len(lines(tmp_path / "replay.txt")) == 1


def test_pushed_vehicles_have_their_own_size(tmp_path):
    engine = Engine(write(tmp_path, config=ON, flow=[good_flow(startTime=900)]))
    engine.push_vehicle({"length": 7.25, "width": 1.5}, ["road_0_1_0", "road_2_1_0"])
    engine.next_step()
    archive = engine.snapshot()
    engine.load(archive)
    engine.next_step()

    for line in lines(tmp_path / "replay.txt"):
        assert "manually_pushed_0 0 7.25 1.5," in line


def test_lights_are_those_of_the_phase(tmp_path):
    engine = Engine(write(tmp_path, config=ON))
    shown = []
    for phase in (0, 1, 2, 1):
        engine.set_tl_phase("intersection_1_1", phase)
        engine.next_step()
        shown.append(lines(tmp_path / "replay.txt")[-1].split(";")[1])

    assert shown[1] == shown[3]
    assert "road_0_1_0 r r g," in shown[0]  # right turns only
    assert "road_0_1_0 r g g," in shown[1]  # straight on, too
    assert "road_0_1_0 r r g," in shown[2]
    assert "road_3_1_2 r r g," in shown[2]  # the other signal keeps its phase


@pytest.mark.parametrize("key", ["roadnetLogFile", "replayLogFile"])
def test_a_file_that_cannot_be_written_is_an_error(tmp_path, key):
    with pytest.raises(NetworkError, match=r"no/such/file.*cannot be written: No such file"):
        Engine(write(tmp_path, config=ON | {key: "no/such/file"}))
    with pytest.raises(NetworkError, match=f"'{key}' is missing"):
        Engine(write(tmp_path, config={k: v for k, v in ON.items() if k != key}))

    engine = Engine(write(tmp_path, config=ON))
    with pytest.raises(NetworkError, match="cannot be written"):
        engine.set_replay_file("no/such/file")
    engine.set_replay_file("later.txt")
    (tmp_path / "later.txt").unlink()
    (tmp_path / "later.txt").mkdir()
    with pytest.raises(NetworkError, match=r"later\.txt: replay file: cannot be written: Is a dir"):
        engine.next_step()


def test_without_save_replay_there_is_none(tmp_path):
    engine = Engine(write(tmp_path))
    engine.step(3)

    assert not (tmp_path / "replay.txt").exists()
    with pytest.raises(RuntimeError, match="saveReplay is false"):
        engine.set_replay_file("replay.txt")
    with pytest.raises(RuntimeError, match="saveReplay is false"):
        engine.set_save_replay(True)


def test_decimals_read_back_and_have_cityflows_layout():
    rng = np.random.default_rng(0)
    bits = [struct.unpack("d", rng.bytes(8))[0] for _ in range(3000)]
    values = [x for x in bits if np.isfinite(x)] + rng.uniform(-1e3, 1e3, 5000).tolist()
    values += [0.0, 5e-324, 2.0**-1022, 1.7976931348623157e308, 2.0**52, 1e22, 1e23]

    for n_tens in (10, 20):
        texts = decimals(values, n_tens)
        assert [float(text) for text in texts] == values
        assert max(map(len, texts)) < WIDEST
    known = [-0.0, 1.0, 1e20, 1e21, 1.5e21, 1e-6, 1e-7, -1.25e-9, 123456.0, 0.1, 3.141592653589793]
    assert decimals(known, 10) == [
        "0.0", "1.0", "100000000000000000000.0", "1e21", "1.5e21", "0.000001", "1e-7", "-1.25e-9",
        "123456.0", "0.1", "3.141592653589793",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="finite"):
        decimals([float("nan")], 10)


def test_the_last_digit_depends_on_the_table_of_powers():
    assert decimals([-42.222500000000004, 8.341689374317713], 10) == [
        "-42.222500000000007", "8.341689374317714",
    ]  # fmt: skip
    assert decimals([-42.222500000000004, 8.341689374317713], 20) == [
        "-42.222500000000004", "8.341689374317713",
    ]  # fmt: skip


def test_places_on_a_bent_line():
    found = Lines([[(0.0, 0.0), (3.0, 0.0), (3.0, 4.0)], [(0.0, 0.0), (0.0, -1.0)]])
    x, y, headings = found.at(
        np.array([0, 0, 0, 0, 0, 1, 1]), np.array([0.0, 3.0, 3.5, 7.0, 9.0, 0.5, 2.0])
    )

    assert x.tolist() == [0.0, 3.0, 3.0, 3.0, 3.0, 0.0, 0.0]
    assert y.tolist() == [0.0, 0.0, 0.5, 4.0, 4.0, -0.5, -1.0]
    right, up, down = "0.0", "1.5707963267948966", "-1.5707963267948966"
    assert headings == [right, up, up, up, up, down, down]  # an end belongs to what follows


def test_an_outline_takes_a_bent_road_for_a_straight_one():
    bent = Road(
        id="r", start=0, end=1, points=[(0.0, 0.0), (50.0, 80.0), (100.0, 0.0)], widths=(3.0, 4.0),
        max_speeds=(9.0, 9.0), lanes=(), lengths=(), reach=(),
    )  # fmt: skip
    assert list(_corners(bent, True, 12.0)) == [(12, 0), (12, -7), (17, 0), (17, -7)]
    assert list(_corners(bent, False, 12.0)) == [(88, 0), (88, -7), (83, 0), (83, -7)]


def test_an_outline_begins_at_the_lowest_point_and_runs_left_around():
    square = [(1.0, 1.0), (0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    assert _hull(square) == [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
