"""The traffic scenario: its rules by hand, its figures, its references, its options."""

import json
import sys
import types

import numpy as np
import pytest
from cityflow_recordings import data_dir

from scenarios.base import Unavailable
from scenarios.references import play
from scenarios.traffic.engine import Engine
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.grid_generator import generate_flow, generate_roadnet
from scenarios.traffic.networks import Source
from scenarios.traffic.scenario import REFERENCE_VALUES, Traffic, measure
from scenarios.traffic.trips import Trips, durations

STRAIGHT_EAST, STRAIGHT_NORTH, LEFT_EAST, LEFT_NORTH = range(4)
SMALL = {"network": "grid_2x3", "max_steps": 30}
HOUR = 360


@pytest.fixture
def authors(monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(data_dir()))
    return "authors_6x6"


def start(scenario):
    return scenario.reset(np.random.default_rng(0))


def drive(scenario, seed=0, n=None):
    """Play random actions; return every timestep."""
    rng, ts = np.random.default_rng(seed), start(scenario)
    steps = [ts]
    while not ts.last and (n is None or ts.step < n):
        mask = ts.action_mask
        ts = scenario.step(np.where(mask, rng.random(mask.shape), -1).argmax(axis=1))
        steps.append(ts)
    return steps


def shown(steps):
    return [(ts.obs.tobytes(), ts.reward.tobytes(), ts.truncated) for ts in steps]


def own_files(folder, roadnet=None, flow=None):
    """Write a road network and a demand of somebody's own; return the options that name them."""
    roadnet = generate_roadnet(1, 2) if roadnet is None else roadnet
    flow = generate_flow(1, 2, np.random.default_rng(0), rates=[0.5]) if flow is None else flow
    for name, content in (("roadnet", roadnet), ("flow", flow)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return {"roadnet": str(folder / "roadnet.json"), "flow": str(folder / "flow.json")}


# ---- calibration ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "duration", "queue"),
    [
        ("greedy", 96.8, 0.45),
        ("longest_queue", 120.0, 0.79),
        ("fixed_10s", 122.7, 0.72),
        ("fixed_20s", 125.4, 1.03),
        ("fixed_30s", 126.4, 1.12),
        ("free_flow", 59.1, 0.0),
    ],
)
def test_rules_of_thumb_reach_what_was_measured_with_cityflow(authors, policy, duration, queue):
    figures = play(Traffic(network=authors), policy, 1)

    assert figures["duration"][0] == pytest.approx(duration, abs=0.2)
    assert figures["queue"][0] == pytest.approx(queue, abs=0.01)


def test_red_lights_stand_for_ten_seconds_at_each_of_six_signals(authors):
    found = play(Traffic(network=authors), "greedy", 1)

    assert found["red_lights"][0] == pytest.approx((found["duration"][0] - 63.0) / 60, abs=1e-4)


@pytest.mark.parametrize("network", sorted(REFERENCE_VALUES))
def test_the_reference_values_of_known_networks_are_what_is_measured(network, monkeypatch):
    if not network.startswith("grid"):
        monkeypatch.setenv("HARNESS_DATA", str(data_dir()))
    scenario = Traffic(network=network)
    stated = scenario.floor, scenario.bound

    measured = measure(scenario)

    for ends, found in zip(stated, measured, strict=True):
        assert ends["duration"] == pytest.approx(found["duration"], abs=0.06)
        assert ends["red_lights"] == pytest.approx(found["red_lights"], abs=0.006)


# ---- what a step does ----------------------------------------------------------------------------


class Recorder:
    """A driver that writes down what it is told, for one with three seconds of queues."""

    def __init__(self, driver):
        self._driver, self.told = driver, []

    def show(self, phases):
        self.told.append(("show", phases.tolist()))
        self._driver.show(phases)

    def run(self, seconds):
        self.told.append(("run", seconds))
        self._driver.run(seconds)

    def __getattr__(self, name):
        return getattr(self._driver, name)


def test_another_phase_comes_after_five_seconds_of_phase_0_and_the_same_one_stays():
    scenario = Traffic(network="grid_1x2")
    recorder = scenario._usual = Recorder(scenario._usual)
    start(scenario)

    scenario.step(np.array([STRAIGHT_EAST, LEFT_NORTH]))
    scenario.step(np.array([STRAIGHT_EAST, LEFT_NORTH]))

    assert recorder.told == [
        ("show", [1, 1]),
        ("show", [1, 0]), ("run", 5), ("show", [1, 4]), ("run", 5),
        ("show", [1, 4]), ("run", 10),
    ]  # fmt: skip


def test_without_a_clearing_phase_the_next_one_shows_at_once(tmp_path):
    roadnet = generate_roadnet(1, 2)
    phases = roadnet["intersections"][2]["trafficLight"]["lightphases"]
    phases[0]["availableRoadLinks"].append(0)  # straight on as well
    scenario = Traffic(**own_files(tmp_path, roadnet))
    recorder = scenario._usual = Recorder(scenario._usual)
    start(scenario)

    scenario.step(np.array([STRAIGHT_NORTH, STRAIGHT_NORTH]))

    assert recorder.told[1:] == [("show", [2, 0]), ("run", 5), ("show", [2, 2]), ("run", 5)]


def test_the_length_of_clearing_and_decisions_can_be_chosen():
    scenario = Traffic(network="grid_1x1", decision_s=8, clearing_s=0, max_steps=30)
    recorder = scenario._usual = Recorder(scenario._usual)
    start(scenario)

    scenario.step(np.array([STRAIGHT_NORTH]))

    assert recorder.told[1:] == [("show", [2]), ("run", 8)]


def test_the_reward_is_a_quarter_of_the_mean_queue_looked_at_before_each_second():
    scenario = Traffic(**SMALL)
    twin = Traffic(**SMALL)._usual
    lanes = scenario._site.signals.lanes
    start(scenario)
    twin.restart()
    twin.show(np.full(6, 1))
    rng, steps = np.random.default_rng(0), []

    for _ in range(30):
        actions = rng.integers(0, 4, 6)
        before = scenario._actions
        standing = np.zeros(6)
        for second in range(10):
            clearing = second < 5 and (actions != before).any()
            twin.show(np.where(clearing & (actions != before), 0, actions + 1))
            standing += np.append(twin.waiting(), 0)[lanes].sum(axis=1)
            twin.run(1)
        steps.append((scenario.step(actions).reward, -0.25 * standing / 10))

    assert any(reward.any() for reward, _ in steps)
    for reward, by_hand in steps:
        np.testing.assert_allclose(reward, by_hand, rtol=1e-6)


def test_an_observation_is_the_phase_and_the_vehicles_on_each_lane_that_enters():
    scenario = Traffic(network="grid_1x1", max_steps=30)
    start(scenario)
    ts = scenario.step(np.array([LEFT_EAST]))

    roads = scenario._site.network.roads
    arms = ("road_0_1_0", "road_1_0_1", "road_2_1_2", "road_1_2_3")  # as the road links have them
    names = [f"{arm}_{k}" for arm in arms for k in range(3)]
    counts = dict(zip(roads.lane_ids, scenario._usual.counts().tolist(), strict=True))
    assert ts.obs[0].tolist() == [0, 0, 1, 0] + [counts[name] for name in names]
    assert ts.obs[0, 4:].any()
    np.testing.assert_allclose(scenario.spec.obs_scale, [1] * 4 + [0.2] * 12)


def test_neighbors_are_the_intersections_that_roads_lead_to():
    ts = start(Traffic(network="grid_3x3", max_steps=6))

    # Agents in the order of the file: column by column, from the south.
    assert [sorted(set(row) - {-1}) for row in ts.neighbors.tolist()] == [
        [1, 3], [0, 2, 4], [1, 5], [0, 4, 6], [1, 3, 5, 7], [2, 4, 8], [3, 7], [4, 6, 8], [5, 7],
    ]  # fmt: skip


def test_one_intersection_alone_has_no_neighbors():
    scenario = Traffic(network="grid_1x1", max_steps=6)

    assert scenario.spec.n_neighbors == 0
    assert start(scenario).graph.tolist() == [[True]]


def test_an_intersection_with_fewer_phases_masks_the_rest(tmp_path):
    roadnet = generate_roadnet(1, 2)
    first, _ = (i for i in roadnet["intersections"] if not i["virtual"])
    del first["trafficLight"]["lightphases"][3:]
    scenario = Traffic(**own_files(tmp_path, roadnet))

    ts = start(scenario)

    assert ts.action_mask.tolist() == [[True, True, False, False], [True] * 4]
    with pytest.raises(ValueError, match="agent 0 plays 2, masked"):
        scenario.step(np.array([2, 2]))
    for policy in scenario.references().values():
        actions = policy(start(scenario), np.random.default_rng(0))
        assert ts.action_mask[[0, 1], actions].all()


# ---- figures -------------------------------------------------------------------------------------


def test_durations_by_hand():
    trips = Trips(
        flow=np.zeros(6, np.int64),
        # gone; on its last road; before a signal; on a link; nowhere near a signal; not in yet
        entered=np.array([0, 10, 20, 30, 40, -1]),
        left=np.array([50, 60, 70, 80, -1, -1]),
        finished=np.array([55, -1, -1, -1, -1, -1]),
        at_signal=np.array([False, False, True, False, False, False]),
    )

    assert durations(trips, now=100).tolist() == [50, 50, 80, 50, 60]


def test_a_route_that_ends_before_a_signal_ends_the_duration():
    trips = Trips(
        flow=np.zeros(2, np.int64), entered=np.array([0, 0]), left=np.array([30, -1]),
        finished=np.array([30, 25]), at_signal=np.array([False, False]),
    )  # fmt: skip

    assert durations(trips, now=100).tolist() == [30, 25]


def test_figures_count_vehicles_and_are_zero_of_nobody():
    scenario = Traffic(**SMALL)
    start(scenario)
    nobody = scenario.metrics()
    for _ in range(29):
        scenario.step(np.full(6, STRAIGHT_EAST))
    found = scenario.metrics()

    assert set(nobody.values()) == {0.0}
    made = len(scenario._usual.trips().flow)
    assert found["throughput"] + found["unfinished"] == made > 100


def test_vehicles_that_cityflow_drops_are_not_unfinished(tmp_path):
    flow = generate_flow(1, 2, np.random.default_rng(0), rates=[0.01], window_s=300)
    flow += [{**flow[0], "route": flow[0]["route"][:1]}] * 5
    scenario = Traffic(**own_files(tmp_path, flow=flow))
    drive(scenario, n=60)

    assert len(scenario._usual.trips().flow) == 8
    assert sum(scenario.metrics()[name] for name in ("throughput", "unfinished")) == 3


def test_red_lights_are_zero_where_nobody_waits_for_a_signal(tmp_path):
    flow = generate_flow(1, 1, np.random.default_rng(0), rates=[0.1], turns=(0, 0, 1))
    scenario = Traffic(**own_files(tmp_path, generate_roadnet(1, 1), flow))
    drive(scenario)

    assert scenario.metrics()["red_lights"] == 0.0
    assert scenario.metrics()["duration"] > 0


def test_every_episode_is_the_first_also_where_vehicles_are_dropped(tmp_path):
    flow = generate_flow(1, 2, np.random.default_rng(0), rates=[1.0], window_s=300)
    for entry in flow[::3]:
        entry["route"] = entry["route"][:1]
    scenario = Traffic(**own_files(tmp_path, flow=flow), max_steps=30)

    assert shown(drive(scenario)) == shown(drive(scenario))
    assert len(scenario._usual.trips().flow) == 300


# ---- rules of thumb ------------------------------------------------------------------------------


def test_fixed_times_go_through_the_phases_that_somebody_needs():
    straight = Traffic(**SMALL).references()["fixed_20s"]
    turning = Traffic(**SMALL, turns=(0.2, 0.6, 0.2)).references()["fixed_20s"]
    rng, ts = np.random.default_rng(0), start(Traffic(**SMALL))
    at = [types.SimpleNamespace(step=step) for step in range(8)]

    assert [straight(t, rng)[0] for t in at] == [0, 0, 1, 1, 0, 0, 1, 1]
    assert [turning(t, rng)[0] for t in at] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert straight(ts, rng).shape == (6,)


def test_greedy_and_max_pressure_pick_the_fullest_lanes_and_hold_on_ties():
    scenario = Traffic(network="grid_1x2", max_steps=6)
    ts, rng = start(scenario), np.random.default_rng(0)
    roads = scenario._site.network.roads
    counts = np.zeros(roads.n_lanes, np.int64)
    scenario._driver = types.SimpleNamespace(counts=lambda: counts, waiting=lambda: counts // 2)
    rules = {n: scenario.references()[n] for n in ("greedy", "longest_queue", "max_pressure")}

    def put(lane, n):
        counts[roads.lane_ids.index(lane)] = n

    ts.obs[:, :4] = np.eye(4)[[STRAIGHT_NORTH, LEFT_EAST]]
    assert all(rule(ts, rng).tolist() == [1, 2] for rule in rules.values())
    put("road_0_1_0_1", 3)  # straight on from the west
    put("road_1_0_1_0", 3)  # left from the south: a tie
    put("road_0_1_0_2", 9)  # right turns need no signal
    assert all(rule(ts, rng).tolist() == [0, 2] for rule in rules.values())
    put("road_1_1_0_1", 9)  # the road to the east: 3 on each of its lanes, on average
    assert rules["greedy"](ts, rng).tolist() == [0, 0]
    # Left turns from south and north lead from 3 to none and from none to 3: no excess anywhere.
    assert rules["max_pressure"](ts, rng).tolist() == [1, 0]
    put("road_1_1_0_1", 6)
    assert rules["max_pressure"](ts, rng).tolist() == [0, 0]


def test_free_flow_is_an_hour_without_red_lights_and_ends_with_it():
    scenario = Traffic(**SMALL)
    ideal = play(scenario, "free_flow", 1)

    assert ideal["queue"][0] < 0.05
    assert ideal["duration"][0] < play(scenario, "max_pressure", 1)["duration"][0]
    assert shown(drive(scenario)) == shown(drive(Traffic(**SMALL)))


# ---- another simulator ---------------------------------------------------------------------------


@pytest.fixture
def cityflow(monkeypatch):
    """A module with CityFlow's interface under its name."""
    module = types.ModuleType("cityflow")
    module.Engine = Engine
    monkeypatch.setitem(sys.modules, "cityflow", module)


@pytest.mark.parametrize("turns", [(0.0, 1.0, 0.0), (0.2, 0.5, 0.3)])
def test_a_module_named_cityflow_gives_the_same_episode(cityflow, turns):
    ours, theirs = Traffic(**SMALL, turns=turns), Traffic(**SMALL, turns=turns, engine="cityflow")

    for seed in range(2):
        assert shown(drive(theirs, seed)) == shown(drive(ours, seed))
        assert theirs.metrics() == pytest.approx(ours.metrics(), rel=1e-12)
        a, b = theirs._driver.trips(), ours._driver.trips()
        order = np.lexsort((b.entered, b.flow)), np.lexsort((a.entered, a.flow))
        for mine, other in zip(b, a, strict=True):
            np.testing.assert_array_equal(mine[order[0]], other[order[1]])
        for field in ("vehicle", "heading", "speed"):
            mine, other = (getattr(s.snapshot(), field).round(5) for s in (ours, theirs))
            assert sorted(mine.tolist()) == sorted(other.tolist())


def test_files_and_datasets_run_on_it_too(cityflow, authors, tmp_path):
    options = own_files(tmp_path)
    assert shown(drive(Traffic(**options, engine="cityflow"), n=20)) == shown(
        drive(Traffic(**options), n=20)
    )
    assert shown(drive(Traffic(network=authors, engine="cityflow"), n=10)) == shown(
        drive(Traffic(network=authors), n=10)
    )


def test_without_such_a_module_the_scenario_is_unavailable_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cityflow", None)

    with pytest.raises(Unavailable, match=r"README\.md.*embedded") as absent:
        Traffic(engine="cityflow")

    assert absent.value.bound["duration"] == 58.9


# ---- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"network": "grid_0x3"}, "network is 'grid_0x3'; .* 'grid_<rows>x<columns>'.*shenzhen"),
        ({"network": "shenzen"}, "network is 'shenzen'"),
        ({"roadnet": "a.json"}, "then flow must be too"),
        ({"roadnet": "a", "flow": "b", "network": "grid_2x2"}, "and network must not"),
        ({"network": "shenzhen", "rates": (1.0,)}, r"rates is \(1.0,\); only a generated demand"),
        ({"network": "shenzhen", "lanes": (1, 2, 1)}, "lanes is .*only a generated grid"),
        ({"roadnet": "a", "flow": "b", "demand_seed": 3}, "demand_seed is 3; only a generated"),
        ({"rates": (1.0,) * 7}, "rates are 7; an episode of 3600 s"),
        ({"rates": ()}, "rates are 0"),
        ({"rates": (0.0,)}, "no vehicle with a route"),
        ({"turns": (0.5, 0.6, 0.1)}, "turns must be probabilities"),
        ({"phases": (1, 1)}, r"phases are \(1, 1\)"),
        ({"phases": (9, 12)}, "intersection 'intersection_1_1' has phases 0 to 8 only"),
        ({"decision_s": 0}, "decision_s is 0"),
        ({"clearing_s": 10}, "clearing_s 10"),
        ({"max_steps": 8641}, "max_steps 8641; an episode of 86410 s is longer than a day"),
        ({"rates": (8.0, 60.0)}, r"rates are \(8.0, 60.0\); in 3600 s .* 122400 vehicles, at most"),
    ],
)
def test_an_option_that_breaks_a_rule_is_named_with_it(options, says):
    with pytest.raises(ValueError, match=says):
        Traffic(**options)


def test_files_that_break_a_rule_are_named_with_it(tmp_path):
    options = own_files(tmp_path, flow=[{"route": []}])
    with pytest.raises(NetworkError, match=r"flow\.json: flow 'flow_0': 'route' needs at least 1"):
        Traffic(**options)
    with pytest.raises(NetworkError, match=r"nowhere\.json: file: cannot be read"):
        Traffic(**(options | {"roadnet": str(tmp_path / "nowhere.json")}))


def test_a_network_without_signals_is_refused(tmp_path):
    roadnet = generate_roadnet(1, 2)
    for place in roadnet["intersections"]:
        place["virtual"] = True

    with pytest.raises(ValueError, match=r"roadnet\.json: no intersection has signals"):
        Traffic(**own_files(tmp_path, roadnet))


def test_a_demand_of_ones_own_may_go_with_a_known_network(tmp_path):
    flow = own_files(tmp_path)["flow"]

    scenario = Traffic(network="grid_1x2", flow=flow)

    assert scenario.spec.n_agents == 2
    assert len(scenario._site.network.flows) == 300


def test_a_generated_network_is_the_same_when_read_from_files(tmp_path):
    source = Source(network="grid_2x2", horizon_s=600)
    roadnet, flow = source.write(tmp_path)

    read = Source(network="grid_6x6", roadnet=str(roadnet), flow=str(flow), horizon_s=600).load()

    generated = source.load()
    assert read.flows == generated.flows
    for field in ("drivable_length", "cross_distance", "phase_green"):
        assert np.array_equal(getattr(read.roads, field), getattr(generated.roads, field))


def test_the_demand_has_its_rates_turns_and_seed():
    def flows(**options):
        return Source(network="grid_2x2", horizon_s=600, **options).load().flows

    usual = flows()
    assert [sum(f.start_time // 100 == part for f in usual) for part in range(6)] == [
        100, 25, 33, 200, 20, 50,
    ]  # fmt: skip
    assert flows(demand_seed=1) != usual
    assert len(flows(rates=(0.5, 1.0))) == 450
    assert len({len(f.anchors) for f in flows(turns=(0.3, 0.4, 0.3))}) > 1


def test_hashes_are_those_of_the_files_and_of_datasets_also_when_they_are_absent(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    none = {"roadnet": None, "flow": None}
    options = own_files(tmp_path)
    own = Traffic.file_hashes({"network": "grid_6x6"} | options)
    (tmp_path / "flow.json").write_text("[]")

    assert Traffic.file_hashes({"network": "grid_6x6"} | none) == {}
    assert Traffic.file_hashes({"network": "shenzhen"} | none)["flow"].startswith("f72891a2")
    changed = Traffic.file_hashes({"network": "grid_6x6"} | options)
    assert changed["roadnet"] == own["roadnet"]
    assert changed["flow"] != own["flow"]
    mixed = Traffic.file_hashes({"network": "shenzhen"} | none | {"flow": options["flow"]})
    assert mixed["flow"] == changed["flow"]
    with pytest.raises(NetworkError, match="cannot be read"):
        Traffic.file_hashes({"network": "grid_6x6", "roadnet": str(tmp_path / "no"), "flow": None})
