"""Tie simulators to the papers: the tables of ``docs/jungle.md``, ``routing.md``, ``traffic.md``.

``python -m scenarios.calibration jungle``, ``... routing`` and ``... traffic`` write them in
Markdown.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from scenarios.base import Policy, Scenario, Unavailable
from scenarios.jungle import Jungle
from scenarios.references import play
from scenarios.routing import Routing
from scenarios.traffic import Traffic

EPISODES = {"jungle": 2_000, "routing": 10_000, "traffic": 20}
UPPER_BOUNDS = {10: 0.93, 20: 0.95, 30: 0.96, 40: 0.96, 50: 0.97}  # paper 001, Figure 5
FIGURES = {
    "jungle": ("reward_per_step", "attacks", "eats", "distance_to_food", "eaters"),
    "routing": ("throughput", "delay", "undelivered", "queue"),
    "traffic": (
        "duration", "red_lights", "average_travel_time", "queue", "throughput", "unfinished",
    ),
}  # fmt: skip
CITYFLOW = {  # duration on the authors' file, measured with CityFlow itself [s]
    "free_flow": 59.1,
    "greedy": 96.8,
    "longest_queue": 120.0,
    "fixed_10s": 122.7,
    "fixed_20s": 125.4,
    "fixed_30s": 126.4,
    "fixed_10s, no clearing": 107.1,
    "all four phases, 10 s each": 304.4,
    "phase 1 for ever": 411,
}
KM_PER_STEP = (17.0, 18.0, 19.0)
SCALE_SHARE = 10  # other scales and coordinates are played for a tenth of the episodes


def jungle(n_episodes: int) -> Iterator[str]:
    """Write the bounds, exact and from as many drawn starts, then the reference policies."""
    yield from _head("agents", "bound (exact)", "bound (drawn)", "paper 001")
    for n_agents, published in UPPER_BOUNDS.items():
        scenario = Jungle(n_agents=n_agents)
        start = [_start(scenario, seed) for seed in range(n_episodes)]
        drawn = 1 - np.array(start) / scenario.spec.max_steps
        exact = f"{scenario.bound['reward_per_step']:.4f}"
        yield _row(n_agents, exact, _mean(drawn, 4), published)
    yield ""
    yield from _head("agents", "policy", *FIGURES["jungle"])
    for n_agents in UPPER_BOUNDS:
        for name in ("greedy", "shortest_path"):
            figures = _figures(Jungle(n_agents=n_agents), name, n_episodes // SCALE_SHARE, 3)
            yield _row(n_agents, name, *figures)


def routing(n_episodes: int) -> Iterator[str]:
    """Write the reference policies at the scenario's settings, then at others."""
    yield from _head("policy", *FIGURES["routing"])
    for name in ("shortest_distance", "min_hop", "random"):
        yield _row(name, *_figures(Routing(), name, n_episodes, 2))
    bound = Routing().bound
    yield _row(
        "shortest, nobody waits", f"{bound['throughput']:.2f}", f"{bound['delay']:.2f}", "", ""
    )
    yield ""
    yield from _head("coordinates", "km per step", "policy", *FIGURES["routing"])
    for coordinates in ("zoo", "true"):
        for km in KM_PER_STEP:
            scenario = Routing(coordinates=coordinates, km_per_step=km)
            for name in ("shortest_distance", "min_hop"):
                figures = _figures(scenario, name, n_episodes // SCALE_SHARE, 2)
                yield _row(coordinates, km, name, *figures)


def traffic(n_demands: int) -> Iterator[str]:
    """Write the rules of thumb on the files that are here, then on generated demands."""
    for network in ("authors_6x6", "shenzhen"):
        try:
            scenario = Traffic(network=network)
        except Unavailable as absent:
            yield f"{absent}"
            yield ""
            continue
        yield from _head(network, *FIGURES["traffic"], "duration in CityFlow")
        authors = network == "authors_6x6"
        rules = _rules(scenario) if authors else {}
        known = {name: (scenario, policy) for name, policy in scenario.references().items()}
        for name, (played_on, policy) in {**known, **rules}.items():
            figures = _played(played_on, policy)
            measured = CITYFLOW.get(name, "") if authors else ""
            yield _row(name, *(f"{figures[key]:.2f}" for key in FIGURES["traffic"]), measured)
        yield ""
    yield from _head(f"grid_6x6, {n_demands} demands", *FIGURES["traffic"], "least", "most")
    demands = [Traffic(demand_seed=seed) for seed in range(n_demands)]
    for name in ("greedy", "max_pressure", "fixed_10s", "free_flow"):
        played = [play(scenario, name, 1) for scenario in demands]
        columns = {key: np.concatenate([p[key] for p in played]) for key in FIGURES["traffic"]}
        duration = columns["duration"]
        ends = f"{duration.min():.2f}", f"{duration.max():.2f}"
        yield _row(name, *(_mean(column, 2) for column in columns.values()), *ends)


def _rules(scenario: Traffic) -> Mapping[str, tuple[Traffic, Policy]]:
    """Return three more policies for the authors' grid, each with the scenario it is played on."""
    hasty = Traffic(network="authors_6x6", clearing_s=0)
    n_agents = scenario.spec.n_agents
    return {
        "fixed_10s, no clearing": (hasty, hasty.references()["fixed_10s"]),
        "all four phases, 10 s each": (scenario, lambda ts, rng: np.full(n_agents, ts.step % 4)),
        "phase 1 for ever": (scenario, lambda ts, rng: np.zeros(n_agents, np.int64)),
    }


def _played(scenario: Scenario, policy: Policy) -> Mapping[str, float]:
    """Return the figures of an episode."""
    rng = np.random.default_rng((0, 1))
    ts = scenario.reset(np.random.default_rng((0, 0)))
    while not ts.last:
        ts = scenario.step(policy(ts, rng))
    return scenario.metrics()


def _start(scenario: Jungle, seed: int) -> float:
    scenario.reset(np.random.default_rng(seed))
    return scenario.metrics()["distance_to_food"]


def _figures(scenario: Scenario, name: str, n_episodes: int, digits: int) -> Iterator[str]:
    figures = play(scenario, name, n_episodes)
    group = "jungle" if isinstance(scenario, Jungle) else "routing"
    return (_mean(figures[key], digits) for key in FIGURES[group])


def _mean(values: np.ndarray, digits: int) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.{digits}f} ± {error:.{digits}f}"


def _head(*columns: str) -> Iterator[str]:
    yield _row(*columns)
    yield _row(*["---"] * len(columns))


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tables of one scenario to the standard output."""
    parser = argparse.ArgumentParser(prog="scenarios.calibration", description=__doc__)
    parser.add_argument("scenario", choices=sorted(EPISODES))
    parser.add_argument("--episodes", type=int, help="episodes per row of the first table")
    options = parser.parse_args(arguments)
    n_episodes = options.episodes or EPISODES[options.scenario]
    tables = {"jungle": jungle, "routing": routing, "traffic": traffic}[options.scenario]
    for line in tables(n_episodes):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
