"""Laws that every drawing obeys, and what each one shows."""

import dataclasses
import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from scenarios import SCENARIOS, drawing
from scenarios.pictures import DRAWN, Drawable, Episode, Frame, load_picture
from scenarios.prisoner.picture import MOST_ROWS
from scenarios.routing.picture import APART, map_of
from scenarios.routing.topology import load_topology, transit_steps

DPI = 50
SMALL = {
    "jungle": {"max_steps": 12},
    "routing": {"max_steps": 60},
    "traffic": {"network": "grid_2x3", "max_steps": 12},
}


def frame(scenario, ts, actions, share=None):
    return Frame(
        ts=ts,
        actions=actions,
        traces={} if share is None else {"selfishness": share[:, 0]},
        share_out=share,
        metrics=dict(scenario.metrics()),
        snapshot=scenario.snapshot(),
    )


def play(scenario, policy, *, shares=False):
    """An episode; with shares, of agents that share at random."""
    rng, frames = np.random.default_rng(1), []
    ts = scenario.reset(np.random.default_rng(0))
    while True:
        share = None
        if shares:
            drawn = rng.dirichlet(np.ones(scenario.spec.n_neighbors + 1), scenario.spec.n_agents)
            share = drawn.astype(np.float32)
        actions = None if ts.last else policy(ts, rng)
        frames.append(frame(scenario, ts, actions, share))
        if actions is None:
            return Episode(tuple(frames))
        ts = scenario.step(actions)


def reference(name, *, shares=False, **options):
    scenario = SCENARIOS[name](**(SMALL.get(name, {}) | options))
    return play(scenario, next(iter(scenario.references().values())), shares=shares)


def drawn(name, episode, t):
    """The figure of a step, and its pixels."""
    picture = load_picture(name)
    figure = Figure(figsize=picture.size(episode), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    picture.draw(figure, episode, t)
    canvas.draw()
    return figure, np.array(canvas.buffer_rgba())


def wedges(figure, color):
    """Corners of the wedges of a color."""
    return [
        path.vertices[:3]
        for collection in figure.axes[0].collections
        if isinstance(collection, PolyCollection)
        for path, fill in zip(
            collection.get_paths(),
            np.resize(collection.get_facecolor(), (len(collection.get_paths()), 4)),
            strict=True,
        )
        if np.allclose(fill[:3], to_rgba(color)[:3])
    ]


@pytest.fixture(params=sorted(DRAWN))
def name(request):
    return request.param


def test_a_drawing_is_of_a_scenario_that_shows_itself(name):
    assert isinstance(SCENARIOS[name](), Drawable)
    assert 0 <= load_picture(name).still <= 1
    assert load_picture(name).fps > 0


def test_a_scenario_without_a_drawing_is_named_with_a_remedy():
    with pytest.raises(ValueError, match=r"'foo' has no picture.*CONTRIBUTING"):
        load_picture("foo")


@pytest.mark.parametrize("shares", [False, True])
def test_every_step_can_be_drawn_and_no_two_look_alike(name, shares):
    episode = reference(name, shares=shares)

    some = [drawn(name, episode, t)[1] for t in (0, episode.n_steps // 2, episode.n_steps)]

    assert all(np.ptp(pixels[:, :, :3]) > 200 for pixels in some)
    assert not np.array_equal(some[0], some[1])
    assert not np.array_equal(some[1], some[2])


def test_the_same_step_looks_the_same_whatever_was_drawn_before(name):
    episode = reference(name, shares=True)

    _, once = drawn(name, episode, 2)
    drawn(name, episode, 1)
    _, again = drawn(name, episode, 2)

    assert np.array_equal(once, again)


def test_a_picture_is_of_moderate_size(name):
    episode = reference(name, shares=True)
    width, height = load_picture(name).size(episode)
    file = io.BytesIO()

    Image.fromarray(drawn(name, episode, episode.n_steps)[1]).save(file, "png")

    assert 3 <= width <= 12
    assert 2 <= height <= 10
    assert len(file.getvalue()) < 100_000


def test_shares_are_seen(name):
    with_shares, without = reference(name, shares=True), reference(name)

    assert wedges(drawn(name, with_shares, 1)[0], drawing.ORANGE)
    assert not wedges(drawn(name, without, 1)[0], drawing.ORANGE)


def test_what_was_shown_never_changes_and_looking_changes_nothing(name):
    watched, unwatched = SCENARIOS[name](), SCENARIOS[name]()
    policy = next(iter(watched.references().values()))
    blind = next(iter(unwatched.references().values()))
    ts, other = (s.reset(np.random.default_rng(3)) for s in (watched, unwatched))
    kept = []
    while not ts.last and ts.step < 30:
        kept.append((watched.snapshot(), repr(watched.snapshot())))
        ts = watched.step(policy(ts, np.random.default_rng(ts.step)))
        other = unwatched.step(blind(other, np.random.default_rng(other.step)))

    assert all(repr(snapshot) == then for snapshot, then in kept)
    assert len({then for _, then in kept}) > 1
    assert watched.metrics() == unwatched.metrics()
    assert np.array_equal(ts.obs, other.obs)


def test_a_wedge_is_broad_where_it_starts_and_lies_right_of_its_way():
    scenario = SCENARIOS["prisoner"]()
    ts = scenario.reset(np.random.default_rng(0))
    share = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    place = np.array([[0.0, 0.0], [4.0, 0.0]])

    shown = drawing.edge_wedges(place, frame(scenario, ts, None, share), share=2.0, plain=9.0)

    there, back = (path.vertices[:3] for path in shown.get_paths())
    np.testing.assert_allclose(there, [[0, 0], [4, 0], [0, -1.5]], atol=1e-12)
    np.testing.assert_allclose(back, [[4, 0], [0, 0], [4, 1.0]], atol=1e-12)


def test_an_empty_slot_gets_no_wedge():
    scenario = SCENARIOS["routing"]()
    ts = scenario.reset(np.random.default_rng(0))
    place = scenario.snapshot().place

    shown = drawing.edge_wedges(place, frame(scenario, ts, None), share=1.0, plain=1.0)

    assert (ts.neighbors < 0).any()
    assert len(shown.get_paths()) == 48  # 24 edges, both ways


def test_jungle_tells_eating_hitting_and_striking_at_nothing_apart():
    scenario = SCENARIOS["jungle"](n_agents=4, n_foods=1, map_size=30)
    ts = scenario.reset(np.random.default_rng(0))
    base = frame(scenario, ts, np.array([6, 8, 0, 5]))  # down, right, -, up
    position = np.array([[9, 10], [20, 10], [20, 11], [5, 5]])
    snapshot = base.snapshot._replace(position=position, food=np.array([[10, 10]]))
    episode = Episode((dataclasses.replace(base, snapshot=snapshot),))

    figure, _ = drawn("jungle", episode, 0)

    (bite,), (hit,) = wedges(figure, drawing.YELLOW), wedges(figure, drawing.VERMILLION)
    assert bite[1].tolist() == [10, 10]  # x, y of the point
    assert bite[[0, 2]].mean(axis=0).tolist() == [10, 9]
    assert hit[1].tolist() == [11, 20]
    assert len(wedges(figure, "white")) == 1


def test_packets_under_way_are_where_their_duration_says():
    scenario = SCENARIOS["routing"]()
    shortest = scenario.references()["shortest_distance"]
    ts, rng = scenario.reset(np.random.default_rng(0)), np.random.default_rng(0)
    before: dict[tuple[int, int], list[float]] = {}
    for _ in range(100):
        ts = scenario.step(shortest(ts, rng))
        seen, now = scenario.snapshot(), {}
        for link, part in zip(map(tuple, seen.link.tolist()), seen.progress, strict=True):
            assert ts.graph[link]
            now.setdefault(link, []).append(part)
        for link, parts in now.items():
            assert parts == sorted(parts, reverse=True)  # first in, first out
            if link in before and parts[0] > before[link][0]:  # the same packet leads
                steps = 1 / (parts[0] - before[link][0])
                assert steps == pytest.approx(round(steps))
        before = now
        assert scenario.metrics()["undelivered"] == len(seen.link) + seen.waiting.sum()
    assert len(before) > 10


def test_a_packet_just_sent_has_covered_one_step_of_its_link():
    scenario, rng = SCENARIOS["routing"](rates=[20.0]), np.random.default_rng(0)
    transit = transit_steps(load_topology("ibm", "zoo"), 18.0)

    scenario.step(scenario.references()["min_hop"](scenario.reset(rng), rng))

    seen = scenario.snapshot()
    assert len(seen.link) > 5
    np.testing.assert_allclose(seen.progress, 1 / transit[tuple(seen.link.T)])


def test_routers_are_pushed_apart_no_further_than_needed():
    crowded = np.array([[40.0, -100.0], [40.0, -100.1], [40.0, -80.0], [40.0, -80.0]])

    flat = map_of(crowded)

    distance = np.hypot(*(flat[:, np.newaxis] - flat).transpose(2, 0, 1))
    assert distance[~np.eye(4, dtype=bool)].min() == pytest.approx(APART, rel=0.05)
    assert distance[0, 1] < 1.2 * APART
    assert flat[0, 0] < flat[2, 0]
    assert np.isfinite(map_of(np.zeros((3, 2)))).all()


def test_of_a_long_episode_of_prisoner_the_last_steps_are_drawn():
    def dither(ts, rng):
        return np.array([0, 1]) if ts.step % 2 == 0 else np.array([1, 0])

    episode = play(SCENARIOS["prisoner"](max_steps=200), dither)

    figure, _ = drawn("prisoner", episode, 150)

    shown = [text.get_text() for text in figure.axes[0].texts if text.get_ha() == "right"]
    assert episode.n_steps == 200
    assert shown == [*map(str, range(151 - MOST_ROWS, 151)), "step"]


def test_traffic_shows_vehicles_on_their_lanes_and_lights_as_they_are():
    scenario = SCENARIOS["traffic"](network="grid_1x1", max_steps=30)
    scenario.reset(np.random.default_rng(0))
    for _ in range(20):
        scenario.step(np.array([2]))  # left turns from west and east

    seen = scenario.snapshot()

    roads = scenario._site.network.roads
    assert seen.now == 200
    assert seen.place.tolist() == [[0.0, 0.0]]
    lights = {roads.lane_ids[k]: light for k, light in enumerate(seen.light.tolist())}
    assert lights["road_0_1_0_0"] == lights["road_2_1_2_0"] == 1
    assert lights["road_0_1_0_1"] == lights["road_1_0_1_0"] == lights["road_1_2_3_1"] == 0
    assert lights["road_0_1_0_2"] == lights["road_1_1_0_0"] == -1  # right turns; a road out
    on_lane = dict.fromkeys(range(roads.n_lanes), 0)
    for x, y in seen.vehicle:
        nearest = min(on_lane, key=lambda k: distance_to(seen.lanes[k], x, y))
        on_lane[nearest] += distance_to(seen.lanes[nearest], x, y) < 1e-9
    assert list(on_lane.values()) == scenario._driver.counts().tolist()
    np.testing.assert_allclose(np.hypot(*seen.heading.T), 1)
    assert (seen.speed < 0.1).sum() == seen.waiting.sum() > 0


def distance_to(line, x, y):
    """Distance of a point from a straight lane."""
    (ax, ay), (bx, by) = line[0], line[-1]
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    along = min(max(along, 0), 1)
    return float(np.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y))


def test_a_traffic_picture_has_the_proportions_of_its_map():
    wide, tall = (reference("traffic", network=f"grid_{size}") for size in ("1x4", "4x1"))

    width, height = load_picture("traffic").size(wide)
    assert width > 1.5 * height
    width, height = load_picture("traffic").size(tall)
    assert height > width
