"""Packets of :mod:`scenarios.routing`: when and where they appear, and how fast they could be."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from scenarios.routing.kernels import FIRST, NONE, Network, Packets, State


def rate_per_step(rates: Sequence[float], max_steps: int) -> Float64[np.ndarray, "steps"]:
    """Spread arrival rates over an episode, in equal blocks (to the step, if that is uneven).

    Args:
        rates: Packets that appear in the whole network per step, one mean per block.
        max_steps: Length of the episode [steps].

    Raises:
        ValueError: No rate is above zero, or a block is empty.
    """
    if not any(rate > 0 for rate in rates):
        raise ValueError(f"rates are {list(rates)}; without packets there is nothing to route")
    if max_steps < len(rates):
        raise ValueError(
            f"max_steps is {max_steps}; each of the {len(rates)} rates needs at least a step"
        )
    return np.array([rates[t * len(rates) // max_steps] for t in range(max_steps)], np.float64)


def draw_packets(
    rates: Float64[np.ndarray, "steps"], n_agents: int, rng: np.random.Generator
) -> Packets:
    """Draw all packets of an episode: Poisson numbers, uniform and different ends."""
    birth = np.repeat(np.arange(len(rates)), rng.poisson(rates))
    source = rng.integers(n_agents, size=len(birth))
    return Packets(
        source=source,
        destination=(source + rng.integers(1, n_agents, size=len(birth))) % n_agents,
        birth=birth,
        due=np.zeros(len(birth), np.int64),
        behind=np.full(len(birth), NONE),
        visited=np.zeros((len(birth), n_agents), np.bool_),
    )


def under_way(
    net: Network, packets: Packets, state: State, now: int
) -> tuple[Int64[np.ndarray, "packets 2"], Float64[np.ndarray, "packets"]]:
    """Return between which routers each packet on a link travels, and which part it has covered."""
    n, n_slots = net.neighbors.shape
    link, progress = [], []
    for i, slot in np.ndindex(n, n_slots):
        packet = state.ends[n + i * n_slots + slot, FIRST]
        while packet != NONE:
            link.append((i, net.neighbors[i, slot]))
            progress.append(1 - (packets.due[packet] - now) / net.transit[i, slot])
            packet = packets.behind[packet]
    return np.array(link, np.int64).reshape(-1, 2), np.array(progress, np.float64)


def unhindered(
    duration: Float64[np.ndarray, "agents agents"], rates: Float64[np.ndarray, "steps"]
) -> Mapping[str, float]:
    """Return the expected delay and throughput on fastest paths if no packet ever waits.

    No policy delivers more. A lower mean delay is possible, by delivering fewer distant packets.

    Args:
        duration: Fastest path between routers [steps].
        rates: Packets that appear per step.

    Raises:
        ValueError: The episode is so short that nothing can arrive.
    """
    durations = duration[~np.eye(len(duration), dtype=np.bool_)]
    in_time = np.arange(len(rates))[:, None] + durations <= len(rates)
    delivered = float(rates @ in_time.mean(axis=1))
    if delivered == 0:
        raise ValueError(
            f"max_steps is {len(rates)}; no packet could arrive: the shortest way takes "
            f"{durations.min():.0f} steps"
        )
    return {
        "delay": float(rates @ (in_time * durations).mean(axis=1)) / delivered,
        "throughput": delivered,
    }
