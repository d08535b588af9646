"""Jungle: its rules by hand, its kernels against a slow twin, its diary, its calibration."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.base import Timestep
from scenarios.jungle import Jungle, kernels
from scenarios.references import play

DIARY = Path(__file__).parents[2] / "golden" / "jungle-small.txt"
NAMES = ["stay", "up", "down", "left", "right", "hit-up", "hit-down", "hit-left", "hit-right"]
STAY, UP, DOWN, LEFT, RIGHT, HIT_UP, HIT_DOWN, HIT_LEFT, HIT_RIGHT = range(9)
STEPS = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]


def place(scenario: Jungle, agents: list[tuple[int, int]], foods: list[tuple[int, int]]) -> Jungle:
    """Start an episode and put everything where a test wants it."""
    scenario.reset(np.random.default_rng(0))
    scenario._position[:], scenario._food[:] = agents, foods
    scenario._occupant[scenario._occupant != kernels.WALL] = kernels.EMPTY
    scenario._occupant[tuple(scenario._position.T)] = np.arange(len(agents))
    scenario._occupant[tuple(scenario._food.T)] = kernels.FOOD
    return scenario


def small(n_agents: int = 2, n_foods: int = 1, map_size: int = 7) -> Jungle:
    return Jungle(n_agents=n_agents, n_foods=n_foods, n_neighbors=1, map_size=map_size, view=5)


# ---- the rules, one by one ------------------------------------------------------------------


def test_eating_pays_one_less_the_cost_of_an_attack_and_food_stays() -> None:
    scenario = place(small(), [(2, 2), (5, 5)], [(2, 3)])

    for _ in range(3):
        ts = scenario.step(np.array([HIT_RIGHT, STAY]))

        np.testing.assert_array_equal(ts.reward, np.array([0.99, 0], np.float32))
    assert scenario.metrics()["eats"] == 3
    assert scenario.metrics()["eaters"] == 0.5


def test_an_attack_on_an_agent_pays_two_and_costs_the_victim_four() -> None:
    scenario = place(small(3), [(2, 2), (2, 3), (3, 3)], [(5, 5)])

    ts = scenario.step(np.array([HIT_RIGHT, HIT_LEFT, HIT_UP]))

    np.testing.assert_array_equal(
        ts.reward, np.array([2 - 4 - 0.01, 2 - 4 - 4 - 0.01, 2 - 0.01], np.float32)
    )
    assert scenario.metrics()["attacks"] == 3


@pytest.mark.parametrize("action", [HIT_UP, HIT_LEFT, HIT_RIGHT, HIT_DOWN])
def test_an_attack_on_a_wall_or_an_empty_cell_costs_a_hundredth(action: int) -> None:
    scenario = place(small(), [(1, 1), (5, 5)], [(3, 3)])

    ts = scenario.step(np.array([action, STAY]))

    np.testing.assert_array_equal(ts.reward, np.array([-0.01, 0], np.float32))
    assert scenario.metrics()["attacks"] == 0


def test_walking_and_staying_cost_nothing() -> None:
    scenario = place(small(), [(1, 1), (5, 5)], [(3, 3)])

    assert not scenario.step(np.array([DOWN, STAY])).reward.any()


def test_attacks_hit_before_anybody_moves() -> None:
    scenario = place(small(), [(2, 2), (2, 3)], [(5, 5)])

    ts = scenario.step(np.array([HIT_RIGHT, DOWN]))

    np.testing.assert_array_equal(ts.reward, np.array([1.99, -4], np.float32))
    assert scenario._position.tolist() == [[2, 2], [3, 3]]


def test_walls_foods_and_agents_block_a_move() -> None:
    scenario = place(small(3), [(1, 1), (1, 2), (3, 3)], [(3, 4)])

    scenario.step(np.array([UP, LEFT, RIGHT]))

    assert scenario._position.tolist() == [[1, 1], [1, 2], [3, 3]]


def test_agents_move_in_order_of_their_index() -> None:
    scenario = place(small(3), [(1, 1), (1, 2), (1, 4)], [(5, 5)])

    scenario.step(np.array([RIGHT, RIGHT, LEFT]))  # 0 is blocked by 1, 1 leaves, 2 is blocked by 1

    assert scenario._position.tolist() == [[1, 1], [1, 3], [1, 4]]
    scenario.step(np.array([STAY, DOWN, LEFT]))  # 1 leaves before 2 enters

    assert scenario._position.tolist() == [[1, 1], [2, 3], [1, 3]]


def test_a_map_shows_agents_as_1_and_foods_as_minus_1_in_a_circle_without_walls() -> None:
    scenario = place(small(3), [(3, 3), (1, 3), (5, 4)], [(1, 2)])

    ts = scenario.step(np.zeros(3, np.int64))

    assert ts.obs.dtype == np.int8
    expected = [
        [0, 0, 1, 0, 0],  # the food at (1, 2) lies outside the circle of radius 2
        [0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],  # so does agent 2
    ]
    assert ts.obs[0].tolist() == [*np.ravel(expected), 3, 3]
    assert ts.obs[1, :25].reshape(5, 5)[2].tolist() == [0, -1, 1, 0, 0]
    np.testing.assert_array_equal(scenario.spec.obs_scale[-2:], np.float32(1 / 7))


def test_planes_show_agents_and_foods_apart() -> None:
    one = Jungle().reset(np.random.default_rng(3)).obs
    two = Jungle(planes=True).reset(np.random.default_rng(3)).obs

    assert one.shape[1] == 123
    assert two.shape[1] == 244
    np.testing.assert_array_equal(two[:, :121], one[:, :121] == 1)
    np.testing.assert_array_equal(two[:, 121:242], one[:, :121] == -1)
    np.testing.assert_array_equal(two[:, 242:], one[:, 121:])


def test_the_default_view_is_a_circle_of_81_cells() -> None:
    scenario = Jungle(n_agents=400, n_foods=384, max_steps=2)  # every cell is taken

    ts = scenario.reset(np.random.default_rng(0))

    inner = np.flatnonzero((np.abs(scenario._position - 14.5) < 8).all(axis=1))
    assert (np.count_nonzero(ts.obs[inner, :121], axis=1) == 81).all()


def test_everybody_starts_on_a_cell_of_its_own_within_the_wall() -> None:
    scenario = Jungle(n_agents=3, n_foods=1, n_neighbors=1, map_size=4, max_steps=2)
    seen = set()
    for seed in range(200):
        scenario.reset(np.random.default_rng(seed))
        cells = [tuple(c) for c in (*scenario._position.tolist(), *scenario._food.tolist())]
        assert sorted(cells) == [(1, 1), (1, 2), (2, 1), (2, 2)]
        seen.add(tuple(cells))

    assert len(seen) == 24


def test_foods_are_three_fifths_of_the_agents() -> None:
    foods = [len(_started(Jungle(n_agents=n))._food) for n in (10, 20, 30, 40, 50)]

    assert foods == [6, 12, 18, 24, 30]


def _started(scenario: Jungle) -> Jungle:
    scenario.reset(np.random.default_rng(0))
    return scenario


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_agents": 20, "map_size": 7}, "map_size is 7: 25 free cells .* 20 agents and 12 foods"),
        ({"map_size": 2}, "map_size is 2: 0 free cells"),
        ({"n_agents": 4, "n_neighbors": 4}, r"n_neighbors is 4; .* at most 3"),
        ({"n_agents": 3, "n_neighbors": 3}, r"n_neighbors is 3; .* at most 2"),
        ({"n_agents": 3, "n_neighbors": 7}, r"n_neighbors is 7; .* at most 2"),
        ({"n_agents": 1}, "n_agents = 1"),
        ({"view": 10}, "view is 10; .* odd"),
    ],
)
def test_an_option_that_breaks_a_rule_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Jungle(**options)


# ---- the slow twin --------------------------------------------------------------------------


def slow_step(
    actions: list[int], agents: list[tuple[int, int]], foods: list[tuple[int, int]], size: int
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Play a step as the data sheet says it, with lists."""
    reward = np.zeros(len(agents))
    for i, action in enumerate(actions):
        if action > RIGHT:
            down, right = STEPS[action - 4]
            target = (agents[i][0] + down, agents[i][1] + right)
            reward[i] -= 0.01
            if target in foods:
                reward[i] += 1
            if target in agents:
                reward[i] += 2
                reward[agents.index(target)] -= 4
    agents = list(agents)
    for i, action in enumerate(actions):
        if action <= RIGHT:
            down, right = STEPS[action]
            to = (agents[i][0] + down, agents[i][1] + right)
            if to not in agents and to not in foods and min(to) > 0 and max(to) < size - 1:
                agents[i] = to
    return agents, reward.astype(np.float32)


def slow_obs(
    agents: list[tuple[int, int]], foods: list[tuple[int, int]], view: int, planes: bool
) -> np.ndarray:
    """Look at every cell of every field."""
    radius, rows = view // 2, []
    for row, column in agents:
        kinds: list[list[int]] = [[], []]
        for down, right in itertools.product(range(-radius, radius + 1), repeat=2):
            cell, near = (row + down, column + right), down**2 + right**2 <= radius**2
            kinds[0].append(int(near and cell in agents))
            kinds[1].append(int(near and cell in foods))
        field = kinds[0] + kinds[1] if planes else list(np.subtract(*kinds))
        rows.append([*field, row, column])
    return np.array(rows, np.int8)


def slow_slots(agents: list[tuple[int, int]], k: int) -> np.ndarray:
    def squared(i: int, j: int) -> int:
        return (agents[i][0] - agents[j][0]) ** 2 + (agents[i][1] - agents[j][1]) ** 2

    everybody = range(len(agents))
    return np.array(
        [sorted(set(everybody) - {i}, key=lambda j: (squared(i, j), j))[:k] for i in everybody]
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_kernels_play_as_the_slow_twin(data: st.DataObject) -> None:
    n_agents, n_foods = data.draw(st.integers(2, 7)), data.draw(st.integers(1, 4))
    size, view = data.draw(st.integers(6, 9)), data.draw(st.sampled_from([3, 5, 7, 11]))
    k, planes = data.draw(st.integers(1, n_agents - 1)), data.draw(st.booleans())
    seed = data.draw(st.integers(0, 2**32 - 1))
    scenario = Jungle(
        n_agents=n_agents, n_foods=n_foods, n_neighbors=k, map_size=size, view=view,
        max_steps=12, planes=planes,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    ts = scenario.reset(rng)
    agents = [tuple(cell) for cell in scenario._position.tolist()]
    foods = [tuple(cell) for cell in scenario._food.tolist()]
    distances, total, reward = [], 0.0, np.zeros(n_agents, np.float32)
    while True:
        slots = slow_slots(agents, k)
        rows = np.eye(n_agents, dtype=np.bool_)
        np.put_along_axis(rows, slots, values=True, axis=1)
        distances += [min(abs(r - a) + abs(c - b) for a, b in foods) for r, c in agents]
        total += float(reward.astype(np.float64).sum())

        np.testing.assert_array_equal(ts.obs, slow_obs(agents, foods, view, planes))
        np.testing.assert_array_equal(ts.neighbors, slots)
        np.testing.assert_array_equal(ts.graph, rows)
        np.testing.assert_array_equal(ts.reward, reward)
        if ts.last:
            break
        actions = rng.integers(0, 9, n_agents)
        ts = scenario.step(actions)
        agents, reward = slow_step(actions.tolist(), agents, foods, size)
    figures = scenario.metrics()
    assert figures["reward_per_step"] == pytest.approx(total / (12 * n_agents), abs=1e-6)
    assert figures["distance_to_food"] == pytest.approx(np.mean(distances))


@pytest.mark.parametrize(("side", "n_foods", "limit"), [(2, 1, 9), (3, 2, 9), (3, 2, 2), (2, 3, 5)])
def test_the_expected_distance_is_that_of_all_placements(
    side: int, n_foods: int, limit: int
) -> None:
    cells = list(itertools.product(range(side), repeat=2))
    missed = [
        min(limit, min(abs(r - a) + abs(c - b) for a, b in foods))
        for (r, c), *foods in itertools.permutations(cells, n_foods + 1)
    ]

    assert kernels.missed_steps(side, n_foods, limit) == pytest.approx(np.mean(missed))


# ---- MAgent, the original -------------------------------------------------------------------

TO_MAGENT = np.array([2, 0, 4, 1, 3, 5, 8, 6, 7], np.int32)  # its number of each of our actions


def magent_world(scenario: Jungle, size: int) -> Any:
    """Set MAgent up as the code of Jiang et al. (2020) does, with the same start."""
    gridworld = pytest.importorskip(
        "magent2.gridworld", reason="MAgent2 0.3.4, an optional extra, is absent"
    )
    config = gridworld.Config()
    config.set({"map_width": size, "map_height": size, "embedding_size": 12})
    body = {"width": 1, "length": 1, "view_range": gridworld.CircleRange(5), "damage": 1}
    arms = {"attack_range": gridworld.CircleRange(1), "attack_in_group": 1, "attack_penalty": -0.01}
    alive = config.register_agent_type("agent", body | arms | {"hp": 400, "speed": 1})
    still = {"hp": 500, "speed": 0, "attack_range": gridworld.CircleRange(0)}
    groups = [
        config.add_group(kind) for kind in (alive, config.register_agent_type("food", body | still))
    ]
    a, b, c = (gridworld.AgentSymbol(groups[g], index="any") for g in (0, 0, 1))
    config.add_reward_rule(gridworld.Event(a, "attack", c), receiver=a, value=1)
    config.add_reward_rule(gridworld.Event(a, "attack", b), receiver=[a, b], value=[2, -4])
    world = gridworld.GridWorld(config)
    world.reset()
    for handle, cells in zip(
        world.get_handles(), (scenario._position, scenario._food), strict=True
    ):
        corners = [(column, row, 0) for row, column in cells.tolist()]
        world.add_agents(handle, method="custom", pos=corners)
    return world


@pytest.mark.parametrize("map_size", [30, 12, 9])
def test_magent_gives_the_same_rewards_positions_and_views(map_size: int) -> None:
    scenario, rng = Jungle(map_size=map_size), np.random.default_rng(map_size)
    for _ in range(3):
        ts = scenario.reset(rng)
        world = magent_world(scenario, map_size)
        agents = world.get_handles()[0]
        while not ts.last:
            actions = rng.integers(0, 9, 20)
            ts = scenario.step(actions)
            world.set_action(agents, TO_MAGENT[actions])
            world.step()
            rewards = world.get_reward(agents)
            world.clear_dead()
            view = world.get_observation(agents)[0]  # 1 agents, 3 foods

            np.testing.assert_allclose(ts.reward, rewards, atol=1e-6)
            np.testing.assert_array_equal(scenario._position[:, ::-1], world.get_pos(agents))
            field = ts.obs[:, :121].reshape(20, 11, 11)
            np.testing.assert_array_equal(field == 1, view[..., 1] > 0)
            np.testing.assert_array_equal(field == -1, view[..., 3] > 0)


# ---- reference policies ---------------------------------------------------------------------


def test_greedy_walks_to_the_nearest_food_with_a_free_side_and_eats() -> None:
    scenario = place(small(2, 2), [(1, 1), (5, 5)], [(1, 4), (5, 1)])
    greedy, rng = scenario.references()["greedy"], np.random.default_rng(0)
    ts = scenario.step(np.zeros(2, np.int64))
    taken = []
    for _ in range(4):
        actions = greedy(ts, rng)
        taken.append(int(actions[0]))
        ts = scenario.step(actions)

    assert taken == [RIGHT, RIGHT, HIT_RIGHT, HIT_RIGHT]


def test_shortest_path_goes_around_those_who_stand_in_the_way() -> None:
    scenario = place(small(2, 1), [(3, 1), (3, 2)], [(3, 3)])
    shortest_path, rng = scenario.references()["shortest_path"], np.random.default_rng(0)
    ts = scenario.step(np.zeros(2, np.int64))
    for _ in range(4):
        ts = scenario.step(shortest_path(ts, rng))

    assert scenario._position.tolist() == [[2, 3], [3, 2]]
    assert ts.reward[1] == np.float32(0.99)


# ---- calibration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_agents", "published"), [(10, 0.93), (20, 0.95), (30, 0.96), (40, 0.96), (50, 0.97)]
)
def test_the_bounds_are_those_of_figure_5(n_agents: int, published: float) -> None:
    scenario = Jungle(n_agents=n_agents)
    start = []
    for seed in range(200):
        scenario.reset(np.random.default_rng(seed))
        start.append(1 - scenario.metrics()["distance_to_food"] / 120)

    bound = scenario.bound["reward_per_step"]

    assert abs(bound - published) < 0.01
    assert abs(np.mean(start) - bound) < 4 * np.std(start) / np.sqrt(len(start))


@pytest.mark.parametrize(
    ("name", "recorded", "error"), [("greedy", 0.916, 0.002), ("shortest_path", 0.944, 0.001)]
)
def test_reference_policies_score_what_the_data_sheet_records(
    name: str, recorded: float, error: float
) -> None:
    figures = play(Jungle(), name, 30)["reward_per_step"]

    spread = np.hypot(error, figures.std(ddof=1) / np.sqrt(len(figures)))
    assert abs(figures.mean() - recorded) < 3 * spread
    assert not play(Jungle(), name, 3)["attacks"].any()


# ---- the diary ------------------------------------------------------------------------------


def diary() -> Iterator[str]:
    """Tell a short episode on a crowded map, so that a person can check every rule."""
    scenario = Jungle(n_agents=4, n_foods=3, n_neighbors=2, map_size=6, view=5, max_steps=10)
    rng = np.random.default_rng(7)
    ts = scenario.reset(rng)
    yield "jungle version 1: n_agents=4 n_foods=3 n_neighbors=2 map_size=6 view=5 max_steps=10"
    yield "# wall, F food, 0-3 agents, . empty. All attacks come first, then moves by index."
    yield from scene(scenario, ts)
    while not ts.last:
        actions = rng.integers(0, 9, 4)
        ts = scenario.step(actions)
        yield ""
        yield f"step {ts.step}: " + ", ".join(f"{i} {NAMES[a]}" for i, a in enumerate(actions))
        yield "reward: " + " ".join(f"{r:.2f}" for r in ts.reward)
        yield from scene(scenario, ts)
    yield ""
    yield "the end: " + ", ".join(f"{k} {v:.4f}" for k, v in scenario.metrics().items())


def scene(scenario: Jungle, ts: Timestep) -> Iterator[str]:
    """Draw the map and, beside it, the field that agent 0 sees."""
    letters = {kernels.EMPTY: ".", kernels.FOOD: "F", kernels.WALL: "#"}
    field = ts.obs[0, :25].reshape(5, 5)
    for row, line in enumerate(scenario._occupant.tolist()):
        drawn = " ".join(letters.get(x, str(x)) for x in line)
        seen = " ".join(f"{x:2d}" for x in field[row]) if row < 5 else f"at {ts.obs[0, -2:]}"
        yield f"{drawn}    0 sees {seen}"
    yield "neighbors: " + "  ".join(f"{i}: {row.tolist()}" for i, row in enumerate(ts.neighbors))


def test_the_diary_is_replayed_line_by_line() -> None:
    assert list(diary()) == DIARY.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__" and sys.argv[1:] == ["write"]:
    DIARY.write_text("\n".join(diary()) + "\n", encoding="utf-8")
