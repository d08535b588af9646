"""Networks: geometry and cross order equal to CityFlow's, decimals read as CityFlow reads them."""

import json
import math

import numpy as np
import pytest
from cityflow_recordings import NETS, files, golden_dir

from scenarios.traffic import geometry
from scenarios.traffic.crosses import cross_lists, find_crosses, sort_like_libstdcxx
from scenarios.traffic.entries import parse_decimal
from scenarios.traffic.flow import Router
from scenarios.traffic.grid_generator import TABLE_1, generate_flow, generate_roadnet
from scenarios.traffic.roadnet import load_roadnet, parse_roadnet


@pytest.mark.parametrize("name", NETS)
def test_drivables_and_crosses_are_cityflows(name):
    net = load_roadnet(files(name)[0])
    golden = json.loads((golden_dir() / f"static_{name}.json").read_text())

    ids, is_link, length, max_speed = zip(*golden["drivables"], strict=True)
    assert ids == net.drivable_ids
    assert sum(is_link) == net.n_links
    assert np.array_equal(np.array(length, dtype=float), net.drivable_length)
    assert np.array_equal(np.array(max_speed, dtype=float), net.drivable_max_speed)
    for lane, (index, *out) in enumerate(golden["lane_links"]):
        row = net.lane_out[net.lane_out_ptr[lane] : net.lane_out_ptr[lane + 1]]
        assert (index, out) == (lane, (row + net.n_lanes).tolist())
    for k, (index, start, end, kind, crosses) in enumerate(golden["lanelink_info"]):
        assert index == net.n_lanes + k
        assert (start, end, kind) == (net.link_start[k], net.link_end[k], net.link_kind[k])
        entries = range(net.cross_ptr[k], net.cross_ptr[k + 1])
        other = net.cross_other[entries]
        assert crosses == [
            list(row)
            for row in zip(
                (net.cross_link[other] + net.n_lanes).tolist(),
                net.cross_distance[entries].tolist(),
                net.cross_distance[other].tolist(),
                net.cross_side[entries].tolist(),
                strict=True,
            )
        ]


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("0.1", 0.1),
        ("-9.775999999999998", -9775999999999998 / 1e15),
        ("4.4663483417512735", 44663483417512735 / 1e16),
        ("1e3", 1000.0),
        ("-2.5E-3", -0.0025),
        ("0.000", 0.0),
        ("1e-310", 1e-310),
        ("0.30000000000000004", 30000000000000004 / 1e17),
        ("12345678901234567890.5", 12345678901234567890.0),
    ],
)
def test_decimals_by_hand(token, value):
    assert parse_decimal(token) == value


def test_a_decimal_with_more_digits_than_a_double_is_read_digit_by_digit():
    # 9007199254740993 exceeds 2^53 - 1 after 16 digits; the 17th is added in floating point.
    assert parse_decimal("9.0071992547409934") == (9007199254740993.0 * 10.0 + 4) / 1e16


def test_short_decimals_are_rounded_correctly():
    rng = np.random.default_rng(0)
    for x in rng.uniform(-1e4, 1e4, 500):
        token = f"{x:.5f}"
        assert parse_decimal(token) == float(token)


def test_sorting_is_stable_up_to_sixteen_and_ordered_beyond():
    rng = np.random.default_rng(0)
    for n in range(200):
        keys = rng.integers(0, 6, n).astype(float)
        order = sort_like_libstdcxx(keys)
        assert sorted(order.tolist()) == list(range(n))
        assert (np.diff(keys[order]) >= 0).all()
        if n <= 16:
            assert order.tolist() == np.argsort(keys, kind="stable").tolist()


def test_parallel_segments_do_not_count_towards_the_distance():
    # The second polyline first runs parallel to the first for 3 m, then crosses it.
    points = np.array([[0.0, 0.0], [10.0, 0.0], [2.0, 1.0], [5.0, 1.0], [5.0, -1.0]])

    first, second, on_first, on_second = find_crosses(points, np.array([0, 2, 5]))

    assert (first.tolist(), second.tolist()) == ([0], [1])
    assert on_first.tolist() == [5.0]
    assert on_second.tolist() == [1.0]  # 4.0 along the polyline
    ptr, distance, side, other = cross_lists(first, second, on_first, on_second, 2)
    assert (ptr.tolist(), distance.tolist()) == ([0, 1, 2], [5.0, 1.0])
    assert (side.tolist(), other.tolist()) == ([0, 1], [1, 0])


def test_lane_geometry_by_hand():
    inside = geometry.shortened([(0.0, 0.0), (100.0, 0.0)], 10.0, 20.0)
    left, right = geometry.lane_polylines(inside, [4.0, 3.0])

    assert left == [(10.0, -2.0), (80.0, -2.0)]
    assert right == [(10.0, -5.5), (80.0, -5.5)]


def test_the_curve_of_a_link_without_points():
    """A wide turn has handles of half the distance; a short one has CityFlow's sign slip."""
    start, end = [(-50.0, 0.0), (0.0, 0.0)], [(0.0, 0.0), (0.0, 50.0)]
    wide = geometry.link_curve(start, end, 20.0, 20.0)
    short = geometry.link_curve(start, end, 6.0, 6.0)

    half = math.sqrt(20.0 * 20.0 + 20.0 * 20.0) * 0.5
    middle = 0.125 * -20 + 0.375 * (-20 + half)
    assert wide[5] == pytest.approx((middle, -middle))
    assert wide[0] == (-20.0, 0.0)
    assert wide[-1] == pytest.approx((0.0, 20.0))
    x, y = 0.125 * -6 + 0.375 * (-6 + 5), 0.125 * 6 + 0.375 * (6 + 5)
    assert short[5] == pytest.approx((x, y))


def test_the_generated_grid_is_the_authors_network():
    theirs = load_roadnet(files("small6x6")[0])
    ours = parse_roadnet(json.loads(json.dumps(generate_roadnet(6, 6))))

    assert ours.drivable_ids == theirs.drivable_ids
    assert ours.intersection_roads == theirs.intersection_roads
    np.testing.assert_allclose(ours.drivable_length, theirs.drivable_length, rtol=1e-12)
    np.testing.assert_allclose(ours.cross_distance, theirs.cross_distance, atol=1e-11)
    for field in ("phase_ptr", "phase_time", "phase_green", "cross_ptr", "cross_other"):
        assert np.array_equal(getattr(ours, field), getattr(theirs, field)), field


def test_the_generated_demand_has_the_rates_of_table_1():
    flows = generate_flow(6, 6, np.random.default_rng(0))

    starts = np.array([flow["startTime"] for flow in flows])
    assert len(flows) == 2570
    assert np.bincount(starts // 600).tolist() == [600, 150, 200, 1200, 120, 300]
    assert {tuple(np.diff(starts[starts // 600 == w])[:3]) for w in (1, 2)} == {(4,) * 3, (3,) * 3}
    assert sum(TABLE_1) * 600 == pytest.approx(2570)
    assert len({tuple(flow["route"]) for flow in flows}) == 24
    assert {len(flow["route"]) for flow in flows} == {7}


@pytest.mark.parametrize("lanes", [(1, 1, 1), (0, 1, 0), (1, 1, 0), (2, 2, 1), (0, 0, 1)])
def test_generated_routes_can_be_driven(lanes):
    net = parse_roadnet(generate_roadnet(2, 3, lanes=lanes, points=False))
    flows = generate_flow(2, 3, np.random.default_rng(1), rates=[0.2], turns=(0.3, 0.4, 0.3))
    router, index = Router(net), {road: r for r, road in enumerate(net.road_ids)}

    for flow in flows:
        route = tuple(index[road] for road in flow["route"])
        assert router.expand(route) == route


@pytest.mark.parametrize(
    "make",
    [
        lambda: generate_roadnet(0, 1),
        lambda: generate_roadnet(1, 1, lanes=(0, 0, 0)),
        lambda: generate_roadnet(1, 1, spacing=20.0),
        lambda: generate_flow(1, 1, np.random.default_rng(0), rates=[-1.0]),
        lambda: generate_flow(1, 1, np.random.default_rng(0), turns=(1.0, 1.0, 0.0)),
    ],
)
def test_impossible_grids_are_refused(make):
    with pytest.raises(ValueError, match=r"grid|lanes|spacing|rates|turns"):
        make()


def test_paths_are_shortest_and_equal_anchors_count_once():
    net = parse_roadnet(generate_roadnet(2, 2))
    index = {road: r for r, road in enumerate(net.road_ids)}
    router = Router(net)

    a, b = index["road_0_1_0"], index["road_2_1_0"]
    assert router.expand([a, a, b]) == (a, index["road_1_1_0"], b)
    assert router.expand([a]) is None
    assert router.expand([a, a]) is None
    assert router.expand([b, a]) is None
