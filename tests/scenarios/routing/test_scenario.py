"""Routing: its rules by hand, its kernels against a slow twin, its diary, its calibration."""

import json
import math
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.base import Timestep
from scenarios.references import play
from scenarios.routing import Routing, kernels
from scenarios.routing.topology import Topology, great_circle_km, load_topology

DIARY = Path(__file__).parents[2] / "golden" / "routing-small.txt"
KM_PER_DEGREE = great_circle_km((0.0, 0.0), (0.0, 1.0))
N = 18


def write(folder: Path, longitudes: list[float], edges: list[tuple[int, int]]) -> str:
    """Write a network of routers A, B, ... on the equator and return its path."""
    nodes = [{"name": chr(65 + i), "zoo": [0.0, x]} for i, x in enumerate(longitudes)]
    path = folder / "net.json"
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}), encoding="utf-8")
    return str(path)


def line(folder: Path, **options: Any) -> Routing:
    """Three routers A - B - C; a packet takes 2 steps from A to B and 3 from B to C."""
    topology = write(folder, [0, 2, 5], [(0, 1), (1, 2)])
    given_options: dict[str, Any] = {"km_per_step": KM_PER_DEGREE * 1.001, "max_steps": 12}
    return Routing(topology=topology, **(given_options | options))


def feed(scenario: Routing, packets: list[tuple[int, int, int]]) -> Timestep:
    """Start an episode with these packets only: birth, source, destination."""
    scenario.reset(np.random.default_rng(0))
    columns = np.array(packets).T
    n = scenario.spec.n_agents
    scenario._packets = scenario._packets._replace(
        birth=columns[0], source=columns[1], destination=columns[2],
        due=np.zeros(len(packets), np.int64),
        behind=np.full(len(packets), kernels.NONE),
        visited=np.zeros((len(packets), n), np.bool_),
    )  # fmt: skip
    for array in scenario._state:
        array[:] = 0
    scenario._state.ends[:] = kernels.NONE
    obs = scenario._template.copy()
    kernels.appear(0, scenario._net, scenario._packets, scenario._state, obs)
    return scenario._timestep(obs, np.zeros(n, np.float32))


# ---- the rules, one by one ------------------------------------------------------------------


def test_a_packet_spends_steps_on_links_and_in_queues(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    feed(scenario, [(0, 0, 1)])
    delivered = []
    for _ in range(4):
        scenario.step(np.zeros(3, np.int64))
        delivered.append(scenario.metrics()["throughput"])

    assert delivered == [0, 1, 1, 1]  # sent at t = 0, two steps to B
    assert scenario.metrics()["delay"] == 2


def test_waiting_counts_as_delay_and_as_reward(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    feed(scenario, [(0, 0, 1), (0, 0, 1), (0, 0, 1)])

    rewards = [scenario.step(np.zeros(3, np.int64)).reward.tolist() for _ in range(5)]

    assert rewards == [[-2, 0, 0], [-1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert scenario.metrics()["delay"] == (2 + 3 + 4) / 3
    assert scenario.metrics()["queue"] == 3 / (3 * 5)


def test_a_link_takes_a_packet_every_step_each_way_and_keeps_their_order(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    feed(scenario, [(0, 0, 2), (0, 0, 2), (0, 1, 0), (1, 1, 0)])
    ts = scenario.step(np.array([0, 0, 0]))  # A to B, and B to A (B's slot 0 is the nearer A)

    ts = scenario.step(np.array([0, 0, 0]))

    at_b, at_a = seen(ts.obs[1], 3, 2), seen(ts.obs[0], 3, 2)
    assert at_b["links"][0] == (1, [0, 0, 1])  # the first has arrived at t = 2
    assert at_b["head"] == [0, 0, 1]
    assert at_a["links"][0] == (1, [1, 0, 0])
    assert scenario.metrics()["throughput"] == 1


def test_a_packet_forwarded_again_goes_on_at_once(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    feed(scenario, [(0, 0, 2)])
    for action in ([0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]):
        scenario.step(np.array(action))

    assert scenario.metrics()["throughput"] == 1
    assert scenario.metrics()["delay"] == 2 + 3


@pytest.mark.parametrize(("max_steps", "throughput", "delay"), [(3, 1, 3), (2, 0, 2)])
def test_an_arrival_at_the_last_step_counts_and_without_any_delay_is_the_limit(
    tmp_path: Path, max_steps: int, throughput: int, delay: int
) -> None:
    scenario = line(tmp_path, max_steps=max_steps, rates=[1.0])
    ts = feed(scenario, [(0, 1, 2)])
    while not ts.last:
        ts = scenario.step(np.array([0, 1, 0]))

    assert scenario.metrics()["throughput"] == throughput
    assert scenario.metrics()["delay"] == delay
    assert scenario.metrics()["undelivered"] == 1 - throughput


def test_routers_a_packet_has_visited_are_masked_unless_none_is_left(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    ts = feed(scenario, [(0, 0, 2)])
    assert ts.action_mask.tolist() == [[True, False], [True, True], [True, False]]

    scenario.step(np.zeros(3, np.int64))
    ts = scenario.step(np.zeros(3, np.int64))
    assert ts.action_mask[1].tolist() == [False, True]  # at B: not back to A

    ts = feed(scenario, [(0, 1, 2)])
    for _ in range(2):
        ts = scenario.step(np.zeros(3, np.int64))  # astray to A, a dead end
    assert ts.action_mask[0].tolist() == [True, False]
    for _ in range(2):
        ts = scenario.step(np.zeros(3, np.int64))
    assert ts.action_mask[1].tolist() == [False, True]  # back at B: A is ruled out, C is free


def test_an_idle_router_must_name_a_neighbor_and_nothing_happens(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    feed(scenario, [(3, 0, 1)])

    ts = scenario.step(np.array([0, 1, 0]))

    assert not ts.reward.any()
    assert not ts.obs[:, 3 : 3 + scenario._seen].any()
    with pytest.raises(ValueError, match="agent 2 plays 1, masked"):
        scenario.step(np.array([0, 1, 1]))


def test_an_observation_holds_what_the_data_sheet_says(tmp_path: Path) -> None:
    scenario = line(tmp_path)
    ts = feed(scenario, [(0, 0, 1), (0, 0, 2), (0, 0, 2), (1, 0, 1)])
    assert ts.obs[0, :3].tolist() == [1, 0, 0]
    assert seen(ts.obs[0], 3, 2) == {
        "head": [0, 1, 0], "behind": [0, 0, 2], "number": 2,
        "links": [(0, [0, 0, 0]), (0, [0, 0, 0])], "neighbors": [[0, 1, 0], [0, 0, 0]],
    }  # fmt: skip

    ts = scenario.step(np.zeros(3, np.int64))

    assert seen(ts.obs[0], 3, 2)["head"] == [0, 0, 1]
    assert seen(ts.obs[0], 3, 2)["behind"] == [0, 1, 1]
    assert seen(ts.obs[1], 3, 2)["links"] == [(1, [0, 1, 0]), (0, [0, 0, 0])]
    assert seen(ts.obs[1], 3, 2)["neighbors"] == [[1, 0, 0], [0, 0, 1]]


def seen(obs: np.ndarray, n: int, n_slots: int) -> dict[str, Any]:
    """Name the parts of an observation."""
    parts = np.split(obs.tolist(), np.cumsum([n, n, n, 1] + [1, n] * n_slots + [n] * n_slots))
    lists = [part.tolist() for part in parts]
    links = [(lists[4 + 2 * k][0], lists[5 + 2 * k]) for k in range(n_slots)]
    names = lists[4 + 2 * n_slots : -1]
    return {
        "head": lists[1], "behind": lists[2], "number": lists[3][0],
        "links": links, "neighbors": names,
    }  # fmt: skip


def test_packets_are_drawn_as_table_3_says() -> None:
    scenario = Routing()
    born = np.zeros(300)
    pairs = np.zeros((N, N))
    for seed in range(400):
        scenario.reset(np.random.default_rng(seed))
        born += np.bincount(scenario._packets.birth, minlength=300)
        np.add.at(pairs, (scenario._packets.source, scenario._packets.destination), 1)

    blocks = born.reshape(3, 100).sum(1)

    for count, rate in zip(blocks, (1, 10 / 3, 1), strict=True):
        mean = 400 * 100 * rate
        assert abs(count - mean) < 5 * math.sqrt(mean)
    assert not pairs.diagonal().any()
    each = born.sum() / (N * (N - 1))
    assert (abs(pairs[~np.eye(N, dtype=np.bool_)] - each) < 5 * math.sqrt(each)).all()


# ---- the network ----------------------------------------------------------------------------


def test_the_backbone_is_that_of_the_topology_zoo() -> None:
    zoo, true = load_topology("ibm", "zoo"), load_topology("ibm", "true")
    km = zoo.length_km[np.isfinite(zoo.length_km)]

    assert len(zoo.names) == N
    assert len(km) == 2 * 24
    assert (zoo.graph.sum(1) - 1).tolist() == [2, 3, 3, 2, 4, 3, 4, 2, 2, 2, 1, 3, 3, 2, 3, 3, 2, 4]
    assert [round(x, 1) for x in (km.min(), km.mean(), km.max())] == [41.0, 933.3, 2983.4]
    np.testing.assert_array_equal(zoo.neighbors.shape, (N, 4))
    names = zoo.names
    assert round(zoo.length_km[names.index("Montreal"), names.index("Toronto")], 1) == 1021.4
    assert round(true.length_km[names.index("Montreal"), names.index("Toronto")], 1) == 503.2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"edges": [[0, 1]]}, "no path leads from A to C, D"),
        ({"edges": [[0, 1], [1, 2], [2, 3], [3, 2]]}, r"edge \[3, 2\] is listed twice"),
        ({"edges": [[0, 0]]}, r"edge \[0, 0\] must join two different nodes of 0 to 3"),
        ({"edges": [[0, 4]]}, r"edge \[0, 4\] must join"),
        ({"nodes": [{"name": "A"}]}, "node A has None as coordinates 'zoo'"),
        ({"nodes": [{"name": "A", "zoo": [1]}]}, r"node A has \[1\] as coordinates"),
        ({"nodes": [{"name": "A", "zoo": [1, 2]}], "edges": []}, "at least 2 nodes; it has 1"),
        ({"nodes": [], "edges": []}, "at least 2 nodes; it has 0"),
    ],
)
def test_a_network_that_breaks_a_rule_is_refused(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    whole = {"nodes": [{"name": name, "zoo": [0, i]} for i, name in enumerate("ABCD")]}
    path = tmp_path / "net.json"
    path.write_text(json.dumps(whole | {"edges": [[0, 1], [1, 2], [2, 3]]} | content))

    with pytest.raises(ValueError, match=message):
        Routing(topology=str(path))


@pytest.mark.parametrize("text", ["", "[]", '{"nodes": []}'])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"net.json' must be JSON with nodes and edges"):
        Routing(topology=str(path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topology": "nowhere"}, "topology is 'nowhere'"),
        ({"coordinates": "mars"}, "node Montreal has None as coordinates 'mars'"),
        ({"rates": [0.0, 0.0]}, "without packets"),
        ({"rates": []}, "without packets"),
        ({"max_steps": 2}, "max_steps is 2; each of the 3 rates"),
        ({"max_steps": 2, "rates": [1.0]}, "max_steps is 2; no packet could arrive: .* 3 steps"),
    ],
)
def test_an_option_that_breaks_a_rule_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Routing(**options)


# ---- the slow twin --------------------------------------------------------------------------


class SlowRouting:
    """The data sheet with lists and queues; packets are dicts."""

    def __init__(self, scenario: Routing, network: Topology, km_per_step: float) -> None:
        self.net, self.scale = network, km_per_step
        self.n, self.n_slots = network.neighbors.shape
        drawn = scenario._packets
        self.unborn = deque(
            {"birth": int(b), "at": int(s), "to": int(d), "been": set()}
            for b, s, d in zip(drawn.birth, drawn.source, drawn.destination, strict=True)
        )
        self.queues: list[list[dict[str, Any]]] = [[] for _ in range(self.n)]
        self.flying: list[dict[str, Any]] = []
        self.delays: list[int] = []
        self.now = 0
        self.add()

    def add(self) -> None:
        while self.unborn and self.unborn[0]["birth"] == self.now:
            self.join(self.unborn.popleft())

    def join(self, packet: dict[str, Any]) -> None:
        packet["been"].add(packet["at"])
        self.queues[packet["at"]].append(packet)

    def step(self, actions: list[int]) -> np.ndarray:
        for i, queue in enumerate(self.queues):
            if queue:
                packet, to = queue.pop(0), int(self.net.neighbors[i, actions[i]])
                steps = max(1, math.ceil(self.net.length_km[i, to] / self.scale))
                order = (i, actions[i])
                packet.update(at=to, sender=i, due=self.now + steps, order=order)
                self.flying.append(packet)
        reward = np.array([-len(queue) for queue in self.queues], np.float32)
        self.now += 1
        landed = sorted((p for p in self.flying if p["due"] == self.now), key=lambda p: p["order"])
        self.flying = [p for p in self.flying if p["due"] != self.now]
        for packet in landed:
            if packet["at"] == packet["to"]:
                self.delays.append(self.now - packet["birth"])
            else:
                self.join(packet)
        self.add()
        return reward

    def histogram(self, packets: list[dict[str, Any]]) -> list[int]:
        return [sum(p["to"] == j for p in packets) for j in range(self.n)]

    def obs(self) -> np.ndarray:
        rows = []
        for i, queue in enumerate(self.queues):
            row = self.histogram([{"to": i}]) + self.histogram(queue[:1])
            row += [*self.histogram(queue[1:]), len(queue[1:])]
            for j in self.net.neighbors[i]:
                coming = [p for p in self.flying if (p["sender"], p["at"]) == (j, i)]
                row += [len(coming), *self.histogram(coming)]
            for j in self.net.neighbors[i]:
                row += self.histogram([{"to": j}])
            rows.append(row)
        return np.array(rows, np.int16)

    def mask(self) -> np.ndarray:
        mask = self.net.neighbors >= 0
        for i, queue in enumerate(self.queues):
            been = queue[0]["been"] if queue else set()
            fresh = np.array([j >= 0 and int(j) not in been for j in self.net.neighbors[i]])
            if fresh.any():
                mask[i] = fresh
        return mask


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_kernels_play_as_the_slow_twin(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 6))
    longitudes = data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    tree = [(data.draw(st.integers(0, i - 1)), i) for i in range(1, n)]
    pairs = [(i, j) for j in range(n) for i in range(j) if (i, j) not in tree]
    extra = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    rates = data.draw(st.lists(st.sampled_from([0.5, 3.0, 9.0]), min_size=1, max_size=3))
    km = KM_PER_DEGREE * data.draw(st.sampled_from([0.7, 1.5, 4.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), list(map(float, longitudes)), tree + extra)
        scenario = Routing(topology=path, km_per_step=km, rates=rates, max_steps=25)
        network = load_topology(path, "zoo")
    ts = scenario.reset(rng)
    twin, reward, waited = SlowRouting(scenario, network, km), np.zeros(n, np.float32), 0.0
    while True:
        np.testing.assert_array_equal(ts.obs, twin.obs())
        np.testing.assert_array_equal(ts.action_mask, twin.mask())
        np.testing.assert_array_equal(ts.reward, reward)
        if ts.last:
            break
        actions = scenario.references()["random"](ts, rng)
        ts, reward = scenario.step(actions), twin.step(actions.tolist())
        waited -= float(reward.sum())
    under_way = len(twin.flying) + sum(map(len, twin.queues))
    assert scenario.metrics() == {
        "delay": np.mean(twin.delays) if twin.delays else 25,
        "throughput": len(twin.delays),
        "undelivered": under_way,
        "queue": waited / (25 * n),
    }


# ---- reference policies and calibration -----------------------------------------------------


def test_shortest_distance_and_min_hop_differ_where_they_should(tmp_path: Path) -> None:
    # from A to D: three short hops by B and C, or two long ones by E
    path = write(tmp_path, [0, 1, 2, 3, 9], [(0, 1), (1, 2), (2, 3), (0, 4), (3, 4)])
    scenario = Routing(topology=path, km_per_step=KM_PER_DEGREE, max_steps=60)
    ts = feed(scenario, [(0, 0, 3)])

    by_km, by_hops = (
        scenario.references()[name](ts, np.random.default_rng(0))
        for name in ("shortest_distance", "min_hop")
    )

    assert ts.neighbors[0, :2].tolist() == [1, 4]
    assert (by_km[0], by_hops[0]) == (0, 1)


def test_min_hop_breaks_ties_by_the_nearer_next_router(tmp_path: Path) -> None:
    path = write(tmp_path, [0, 3, 1, 4], [(0, 1), (0, 2), (1, 3), (2, 3)])
    scenario = Routing(topology=path, km_per_step=KM_PER_DEGREE, max_steps=60)
    ts = feed(scenario, [(0, 0, 3)])

    action = int(scenario.references()["min_hop"](ts, np.random.default_rng(0))[0])

    assert ts.neighbors[0, action] == 2


@pytest.mark.parametrize(
    ("name", "throughput", "delay"),
    [
        ("shortest_distance", (307.85, 0.17), (88.85, 0.03)),
        ("min_hop", (289.89, 0.17), (88.54, 0.03)),
        ("random", (79.12, 0.09), (96.34, 0.07)),
    ],
)
def test_reference_policies_reach_what_the_data_sheet_records(
    name: str, throughput: tuple[float, float], delay: tuple[float, float]
) -> None:
    figures = play(Routing(), name, 60)

    for key, (recorded, error) in (("throughput", throughput), ("delay", delay)):
        spread = np.hypot(error, figures[key].std(ddof=1) / math.sqrt(60))
        assert abs(figures[key].mean() - recorded) < 3 * spread


def test_the_bound_is_what_shortest_paths_give_when_nobody_waits(tmp_path: Path) -> None:
    # one packet every four steps or so in an episode of 12: A-B 2 steps, B-C 3, A-C 5
    scenario = line(tmp_path, rates=[0.25])
    steps, arrived = [2, 3, 5] * 2, []
    for birth in range(12):
        arrived += [d for d in steps if birth + d <= 12]

    assert scenario.bound["throughput"] == pytest.approx(0.25 * len(arrived) / 6)
    assert scenario.bound["delay"] == pytest.approx(np.mean(arrived))
    assert Routing().bound == pytest.approx({"throughput": 309.44, "delay": 88.11}, abs=0.005)


# ---- the diary ------------------------------------------------------------------------------


def diary() -> Iterator[str]:
    """Tell a short episode on a small network in full, then one on the backbone in brief."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), [0, 1, 3, 4], [(0, 1), (0, 2), (1, 2), (2, 3)])
        scenario = Routing(
            topology=path, km_per_step=KM_PER_DEGREE * 1.001, rates=[1.5, 0.0], max_steps=14
        )
    yield "routing version 1: links A-B 1 step, A-C 3, B-C 2, C-D 1; rates [1.5, 0], max_steps=14"
    yield "p3>D is packet 3 on its way to D; * marks a router it may not visit again."
    rng = np.random.default_rng(4)
    ts = scenario.reset(rng)
    yield from scene(scenario, ts)
    while not ts.last:
        actions = scenario.references()["random"](ts, rng)
        yield f"step {ts.step + 1}: " + (", ".join(sent(scenario, ts, actions)) or "nobody sends")
        ts = scenario.step(actions)
        yield "reward: " + " ".join(f"{r:.0f}" for r in ts.reward)
        yield from scene(scenario, ts)
    yield "the end: " + ", ".join(f"{k} {v:.4f}" for k, v in scenario.metrics().items())
    yield ""
    yield "The backbone, shortest_distance, seed 0: what metrics() says"
    scenario = Routing()
    ts = scenario.reset(np.random.default_rng(0))
    while not ts.last:
        ts = scenario.step(scenario.references()["shortest_distance"](ts, rng))
        if ts.step % 20 == 0:
            figures = ", ".join(f"{k} {v:.4f}" for k, v in scenario.metrics().items())
            yield f"step {ts.step}: {figures}, obs sum {int(ts.obs.sum())}"


def name_of(scenario: Routing, packet: int) -> str:
    return f"p{packet}>{'ABCD'[scenario._packets.destination[packet]]}"


def sent(scenario: Routing, ts: Timestep, actions: np.ndarray) -> Iterator[str]:
    for i, head in enumerate(scenario._state.ends[: len(actions), 0]):
        if head != kernels.NONE:
            to = "ABCD"[ts.neighbors[i, actions[i]]]
            yield f"{'ABCD'[i]} sends {name_of(scenario, head)} to {to}"


def scene(scenario: Routing, ts: Timestep) -> Iterator[str]:
    """Draw the queues and the links, and the masks."""
    n, n_slots = ts.neighbors.shape
    lines = [walk(scenario, k) for k in range(n + n * n_slots)]
    queues = [f"{'ABCD'[i]} [{' '.join(lines[i])}]" for i in range(n)]
    links = [
        f"{'ABCD'[i]}{'ABCD'[ts.neighbors[i, k]]} ({' '.join(lines[n + i * n_slots + k])})"
        for i in range(n)
        for k in range(n_slots)
        if lines[n + i * n_slots + k]
    ]
    masks = []
    for i in range(n):
        slots = [k for k in range(n_slots) if ts.neighbors[i, k] >= 0]
        names = ["ABCD"[ts.neighbors[i, k]] + "*" * (not ts.action_mask[i, k]) for k in slots]
        masks.append(f"{'ABCD'[i]}:{''.join(names)}")
    a = seen(ts.obs[0], n, n_slots)
    incoming = " ".join(f"{number} {where}" for number, where in a["links"])
    yield f"t={ts.step}  queues {' '.join(queues)}  links {' '.join(links) or '-'}"
    yield f"     slots {' '.join(masks)}"
    yield f"     A sees head {a['head']} behind {a['number']} {a['behind']} incoming {incoming}"


def walk(scenario: Routing, line_index: int) -> list[str]:
    packet, names = scenario._state.ends[line_index, 0], []
    while packet != kernels.NONE:
        names.append(name_of(scenario, packet))
        packet = scenario._packets.behind[packet]
    return names


def test_the_diary_is_replayed_line_by_line() -> None:
    assert list(diary()) == DIARY.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__" and sys.argv[1:] == ["write"]:
    DIARY.write_text("\n".join(diary()) + "\n", encoding="utf-8")
