"""How fast jungle and routing are, against the bars of the project.

``python tests/bench/test_simulators.py`` prints the figures; the test runs that in a process of
its own, since the shape checks of the test suite would slow ``step()`` down, and holds the bars.
Rates are medians of several rounds, per second of processor time, so that other work on the machine
disturbs less. MAgent2 0.3.4 is an optional extra.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numba import njit

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 7
BARS = {
    "jungle kernel [agent-steps/s]": 5e6,
    "routing kernel [env-steps/s]": 250e3,
    "jungle step() [env-steps/s]": 60e3,
    "routing step() [env-steps/s]": 50e3,
}
JUNGLE, MAGENT = "jungle kernel [agent-steps/s]", "MAgent2 0.3.4 raw GridWorld [agent-steps/s]"
RATIO = 5


def median_rate(work: Callable[[], int]) -> float:
    """Return units of work per second, the first round not counted."""
    rates = []
    for _ in range(ROUNDS + 1):
        start = time.process_time()
        units = work()
        rates.append(units / (time.process_time() - start))
    return statistics.median(rates[1:])


def jungle_kernel() -> float:
    """Steps with observations and graph written into buffers, actions drawn before."""
    from scenarios.jungle import Jungle, kernels

    @njit
    def play(joint, food, position, occupant, ate, counts, reward, obs, graph, neighbors):  # type: ignore[no-untyped-def]
        for t in range(joint.shape[0]):
            obs[:] = 0
            graph[:] = False
            kernels.step(
                joint[t], 5, False, food, position, occupant, ate, counts,
                reward, obs, graph, neighbors,
            )  # fmt: skip

    scenario, rng = Jungle(), np.random.default_rng(0)
    ts = scenario.reset(rng)
    joint = rng.integers(0, 9, (20_000, 20))

    def work() -> int:
        play(
            joint, scenario._food, scenario._position, scenario._occupant, scenario._ate,
            scenario._counts, ts.reward, ts.obs, ts.graph, ts.neighbors,
        )  # fmt: skip
        return joint.size

    return median_rate(work)


def routing_kernel() -> float:
    """Whole episodes on shortest paths, chosen in the compiled loop; draws not counted."""
    from scenarios.routing import Routing, kernels
    from scenarios.routing.packets import draw_packets

    scenario, rng = Routing(), np.random.default_rng(0)
    best = scenario._km.argmin(axis=2)

    @njit
    def play(best, net, packets, state, reward, obs, steps):  # type: ignore[no-untyped-def]
        kernels.appear(0, net, packets, state, obs)
        actions = np.zeros(best.shape[0], np.int64)
        for now in range(steps):
            for i in range(actions.shape[0]):
                head = state.ends[i, 0]
                actions[i] = best[i, packets.destination[head]] if head >= 0 else 0
            if not kernels.step(actions, now, net, packets, state, reward, obs):
                raise ValueError("a shortest path was refused")

    ts = scenario.reset(rng)
    elapsed = []
    for _ in range(50 * ROUNDS):
        scenario.reset(rng)
        packets, state = draw_packets(scenario._rates, 18, rng), scenario._state
        for array in state:
            array[:] = 0
        state.ends[:] = kernels.NONE
        start = time.process_time()
        play(best, scenario._net, packets, state, ts.reward, ts.obs, 300)
        elapsed.append(time.process_time() - start)
    return 300 / statistics.median(elapsed)


def python_step(name: str) -> float:
    """Whole episodes through ``reset`` and ``step``, the actions recorded before."""
    from scenarios import SCENARIOS

    scenario, rng = SCENARIOS[name](), np.random.default_rng(0)
    policy = scenario.references()["greedy" if name == "jungle" else "shortest_distance"]
    ts, joint = scenario.reset(np.random.default_rng(1)), []
    while not ts.last:
        joint.append(policy(ts, rng))
        ts = scenario.step(joint[-1])

    def work() -> int:
        for _ in range(20):
            scenario.reset(np.random.default_rng(1))
            for actions in joint:
                scenario.step(actions)
        return 20 * len(joint)

    return median_rate(work)


def magent() -> float | None:
    """The same game by MAgent2's raw interface, with its observations and without a graph."""
    try:
        from magent2 import gridworld
    except ImportError:
        return None
    config = gridworld.Config()
    config.set({"map_width": 30, "map_height": 30, "embedding_size": 12})
    body = {"width": 1, "length": 1, "view_range": gridworld.CircleRange(5), "damage": 1}
    agent = config.register_agent_type(
        "agent", body | {
            "hp": 400, "speed": 1, "attack_range": gridworld.CircleRange(1),
            "attack_in_group": 1, "attack_penalty": -0.01,
        },
    )  # fmt: skip
    food = config.register_agent_type(
        "food", body | {"hp": 500, "speed": 0, "attack_range": gridworld.CircleRange(0)}
    )
    agents, foods = config.add_group(agent), config.add_group(food)
    a, b, c = (gridworld.AgentSymbol(group, index="any") for group in (agents, agents, foods))
    config.add_reward_rule(gridworld.Event(a, "attack", c), receiver=a, value=1)
    config.add_reward_rule(gridworld.Event(a, "attack", b), receiver=[a, b], value=[2, -4])
    world = gridworld.GridWorld(config)
    world.reset()
    hungry, eaten = world.get_handles()
    world.add_agents(hungry, method="random", n=20)
    world.add_agents(eaten, method="random", n=12)
    n_actions = world.get_action_space(hungry)[0]
    joint = np.random.default_rng(0).integers(0, n_actions, (2_000, 20)).astype(np.int32)

    def work() -> int:
        for actions in joint:
            world.get_observation(hungry)
            world.set_action(hungry, actions)
            world.step()
            world.get_reward(hungry)
            world.clear_dead()  # without it the rewards would add up
        return joint.size

    return median_rate(work)


def measure() -> dict[str, float | None]:
    return {
        JUNGLE: jungle_kernel(),
        MAGENT: magent(),
        "routing kernel [env-steps/s]": routing_kernel(),
        "jungle step() [env-steps/s]": python_step("jungle"),
        "routing step() [env-steps/s]": python_step("routing"),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, float | None]:
    command = [sys.executable, str(Path(__file__))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    measured: dict[str, float | None] = json.loads(done.stdout)
    return measured


@pytest.mark.bench
@pytest.mark.parametrize("name", BARS)
def test_a_simulator_passes_its_bar(figures: dict[str, float | None], name: str) -> None:
    rate = figures[name]

    assert rate is not None
    assert rate >= BARS[name]


@pytest.mark.bench
def test_jungle_is_five_times_as_fast_as_magent(figures: dict[str, float | None]) -> None:
    ours, theirs = figures[JUNGLE], figures[MAGENT]
    if ours is None or theirs is None:
        pytest.skip("MAgent2 0.3.4, an optional extra, is absent")

    assert ours >= RATIO * theirs


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(json.dumps(measure(), indent=1) + "\n")
