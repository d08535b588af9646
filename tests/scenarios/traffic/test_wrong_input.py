"""Broken files are refused with one exception that names file, entry and rule."""

import copy
import json
import random

import pytest

from scenarios.traffic.engine import Engine
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.flow import parse_flows
from scenarios.traffic.grid_generator import generate_roadnet
from scenarios.traffic.roadnet import load_roadnet, parse_roadnet

N_MUTANTS = 200
VEHICLE = {
    "length": 5.0, "width": 2.0, "maxPosAcc": 2.0, "maxNegAcc": 4.5, "usualPosAcc": 2.0,
    "usualNegAcc": 4.5, "minGap": 2.5, "maxSpeed": 11.1, "headwayTime": 2,
}  # fmt: skip


def good_roadnet():
    return generate_roadnet(1, 2, points=False)


def good_flow(**changes):
    route = ["road_0_1_0", "road_1_1_0", "road_2_1_0"]
    return {
        "vehicle": dict(VEHICLE), "route": route, "interval": 2.0, "startTime": 0, "endTime": -1,
    } | changes  # fmt: skip


def write(folder, *, roadnet=None, flow=None, config=None):
    """Write the three files; a str is written as it is."""
    parts = {
        "roadnet.json": good_roadnet() if roadnet is None else roadnet,
        "flow.json": [good_flow()] if flow is None else flow,
        "config.json": {
            "interval": 1.0, "seed": 0, "dir": f"{folder}/", "roadnetFile": "roadnet.json",
            "flowFile": "flow.json", "rlTrafficLight": True, "saveReplay": False,
        } | (config or {}),
    }  # fmt: skip
    for name, part in parts.items():
        text = part if isinstance(part, str) else json.dumps(part)
        (folder / name).write_text(text)
    return str(folder / "config.json")


def at(data, path):
    for key in path:
        data = data[key]
    return data


INTERSECTION = ("intersections", 2)
LINK = (*INTERSECTION, "roadLinks", 0)
LANE_LINK = (*LINK, "laneLinks", 0)
PHASE = (*INTERSECTION, "trafficLight", "lightphases", 1)


@pytest.mark.parametrize(
    ("path", "key", "value", "message"),
    [
        ((), "roads", [], "'roads' needs at least 1"),
        ((), "intersections", {}, "'intersections' must be a list"),
        (("roads", 0), "id", 7, "'id' must be a string"),
        (("roads", 0), "id", "road_1_1_0", "road 'road_1_1_0': 'id' is used twice"),
        (("roads", 0), "startIntersection", "nowhere", "unknown intersection 'nowhere'"),
        (("roads", 0), "points", [{"x": 0, "y": 0}], "'points' needs at least 2"),
        (("roads", 0), "points", [{"x": 0, "y": 0}] * 2, "two points are equal"),
        (("roads", 0, "points", 0), "x", "0", "'points.x' must be a number"),
        (("roads", 0), "lanes", [], "'lanes' needs at least 1"),
        (("roads", 0, "lanes", 0), "width", -4, "'width' must be at least 0"),
        (("roads", 0, "lanes", 0), "maxSpeed", -1.0, "'maxSpeed' must be at least 0"),
        (("roads", 0, "lanes", 0), "maxSpeed", True, "'maxSpeed' must be a number"),
        (INTERSECTION, "virtual", 0, "'virtual' must be true or false"),
        (INTERSECTION, "width", -1, "'width' must be at least 0"),
        (INTERSECTION, "roads", ["nowhere"], "unknown road 'nowhere'"),
        (INTERSECTION, "trafficLight", [], "must be an object"),
        (LINK, "startRoad", "nowhere", "unknown road 'nowhere'"),
        (LINK, "startRoad", "road_2_1_0", "does not end at this intersection"),
        (LINK, "endRoad", "road_0_1_0", "does not start at this intersection"),
        (LINK, "type", 3, "'type' must be a string"),
        (LANE_LINK, "startLaneIndex", 3, "'startLaneIndex' 3 is not one of the 3 lanes"),
        (LANE_LINK, "endLaneIndex", -1, "'endLaneIndex' -1 is not one of the 3 lanes"),
        (LANE_LINK, "endLaneIndex", 1.0, "'endLaneIndex' must be an integer, is a decimal"),
        (LANE_LINK, "points", [{"x": 1}], "must hold points"),
        (PHASE, "availableRoadLinks", [12], "'availableRoadLinks' 12 is not one of 12"),
        (PHASE, "availableRoadLinks", [-1], "'availableRoadLinks' -1 is not one of 12"),
        (PHASE, "availableRoadLinks", ["0"], "must hold integers"),
        (PHASE, "time", -5, "'time' must be at least 0"),
        (PHASE[:-1], None, [], "'lightphases' needs at least 1"),
    ],
)
def test_a_broken_roadnet_is_refused(tmp_path, path, key, value, message):
    data = good_roadnet()
    if key is None:
        path, key = path[:-1], path[-1]
    at(data, path)[key] = value

    with pytest.raises(NetworkError) as caught:
        Engine(write(tmp_path, roadnet=data), strict=True)

    assert message in str(caught.value)
    assert str(tmp_path / "roadnet.json") in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"route": []}, "'route' needs at least 1"),
        ({"route": ["nowhere"]}, "'route' names the unknown road 'nowhere'"),
        ({"route": "road_0_1_0"}, "'route' must be a list"),
        ({"interval": 0.5}, "'interval' must be at least 1 unless"),
        ({"interval": 0, "endTime": 0}, "'interval' must be greater than 0"),
        ({"interval": None}, "'interval' must be a number, is null"),
        ({"startTime": "0"}, "'startTime' must be an integer"),
        ({"vehicle": VEHICLE | {"minGap": -1}}, "'minGap' must be at least 0"),
        ({"endTime": 2**40}, "'endTime' must fit into 32 bits"),
        ({"vehicle": None}, "must be an object, is null"),
        ({"vehicle": VEHICLE | {"length": -5.0}}, "'length' must be greater than 0"),
        ({"vehicle": VEHICLE | {"usualNegAcc": 0}}, "'usualNegAcc' must be greater than 0"),
        ({"vehicle": VEHICLE | {"maxSpeed": 10**400}}, "'maxSpeed' must be finite"),
        ({"vehicle": {"length": 5.0}}, "'width' is missing"),
    ],
)
def test_a_broken_flow_is_refused(tmp_path, changes, message):
    with pytest.raises(NetworkError) as caught:
        Engine(write(tmp_path, flow=[good_flow(), good_flow(**changes)]), strict=True)

    assert message in str(caught.value)
    assert "flow 'flow_1'" in str(caught.value)
    assert str(tmp_path / "flow.json") in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"laneChange": True}, "'laneChange' true is not supported"),
        ({"interval": 0}, "'interval' must be greater than 0"),
        ({"seed": 1.5}, "'seed' must be an integer"),
        ({"rlTrafficLight": "yes"}, "'rlTrafficLight' must be true or false"),
        ({"roadnetFile": "absent.json"}, "cannot be read"),
        ({"saveReplay": True}, "'roadnetLogFile' is missing"),
    ],
)
def test_a_broken_config_is_refused(tmp_path, config, message):
    with pytest.raises(NetworkError, match=r"absent|config") as caught:
        Engine(write(tmp_path, config=config), strict=True)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "[", '{"roads": [', "nonsense", '{"roads": NaN}', "[1e999]", "[" * 100_000, '"\ud800"'],
)
def test_text_that_is_not_a_roadnet_is_refused(tmp_path, text):
    path = tmp_path / "roadnet.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(NetworkError, match=r"roadnet\.json"):
        load_roadnet(path)


def test_a_plan_that_never_ends_a_phase_is_refused(tmp_path):
    data = good_roadnet()
    for phase in data["intersections"][2]["trafficLight"]["lightphases"]:
        phase["time"] = 0

    with pytest.raises(NetworkError, match=r"last 0\.0 s in total"):
        Engine(write(tmp_path, roadnet=data, config={"rlTrafficLight": False}))
    Engine(write(tmp_path, roadnet=data))


def test_a_float_start_time_is_dropped_as_in_cityflow():
    net = parse_roadnet(good_roadnet())
    index = {road: r for r, road in enumerate(net.road_ids)}

    [flow] = parse_flows([good_flow(startTime=5.0, endTime=9.0)], index)

    assert (flow.start_time, flow.end_time) == (0, -1)


def test_flows_without_a_route_are_dropped_counted_and_reported_once(tmp_path, caplog):
    flows = [good_flow(), good_flow(route=["road_0_1_0"]), good_flow()]
    flows.append(good_flow(route=["road_1_1_0", "road_0_1_0"]))
    caplog.set_level("WARNING", logger="scenarios.traffic.engine.simulation")

    engine = Engine(write(tmp_path, flow=flows))
    engine.step(50)

    assert engine.simulation.dropped_flows == (1, 3)
    assert engine.simulation.n_dropped == 2
    assert len(caplog.records) == 1
    assert "2 of 4 flows" in caplog.text
    assert {name.rsplit("_", 1)[0] for name in engine.get_vehicles(True)} <= {"flow_0", "flow_2"}


def places_of(data, path=()):
    """Yield the path of every value in a JSON document."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places_of(value, (*path, key))


def mutate(data, rng):
    """Break one random place of a JSON document."""
    data = copy.deepcopy(data)
    path = rng.choice(list(places_of(data)))
    parent, key = at(data, path[:-1]), path[-1]
    if rng.random() < 0.25:
        del parent[key]
    else:
        parent[key] = rng.choice(
            [None, "x", -1, 10**9, -(10**9), 1e308, 0, 0.5, True, [], {}, [[]], 2**70, "road_0_1_0"]
        )
    return data


def mutated_text(data, rng):
    text = json.dumps(data)
    if rng.random() < 0.5:
        return text[: rng.randrange(len(text))]
    k = rng.randrange(len(text))
    return text[:k] + rng.choice('{}[]",:0-eN ') + text[k + 1 :]


@pytest.mark.parametrize("half", ["roadnet", "flow"])
def test_mutated_files_load_whole_or_not_at_all(tmp_path, half):
    rng = random.Random(half)
    good = {"roadnet": good_roadnet(), "flow": [good_flow(), good_flow(startTime=3)]}
    refused = 0
    for k in range(N_MUTANTS // 2):
        broken = mutate(good[half], rng) if k % 4 else mutated_text(good[half], rng)
        config = write(tmp_path, config={"rlTrafficLight": bool(k % 2)}, **{half: broken})
        try:
            engine = Engine(config)
        except NetworkError as error:
            refused += 1
            assert f"{half}.json: " in str(error) or "flow.json: " in str(error)  # noqa: PT017
            continue
        engine.step(30)
        assert engine.get_current_time() == 30.0
    assert refused > N_MUTANTS // 8
