"""Rules of thumb for signals: what a learner has to beat.

*Fixed times* go through the phases that somebody's way needs, each green for so long, everywhere
at once. *Greedy* shows the phase that opens the lanes with most vehicles, *longest queue* the one
with most standing vehicles, *max pressure* (Varaiya, 2013) the one whose lanes hold most vehicles
in excess of the lanes they lead to. These three keep the phase while no other has more, and see the
lanes of their intersection only, max pressure also those that leave it. What every phase opens,
such as right turns, does not count.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Int64

from scenarios.base import Actions, Policy, Timestep
from scenarios.traffic.drivers import Driver
from scenarios.traffic.signals import Movements, Signals, Site

GREENS_S = (10, 20, 30)  # ours
_HOLDS = 1e-9  # [vehicles]: less than any difference of counts and of their means
Look = Callable[[], Int64[np.ndarray, "lanes"]]


def rules_of_thumb(
    site: Site, decision_s: int, driver: Callable[[], Driver]
) -> Mapping[str, Policy]:
    """Return the rules by name.

    Args:
        site: What they control.
        decision_s: Time between decisions [s].
        driver: Returns the simulation of the episode.
    """
    shape, movements = site.signals.allowed.shape, site.movements
    turns = _cycles(site.signals, movements)
    fixed = {f"fixed_{s}s": _fixed_times(turns, s, decision_s) for s in GREENS_S}
    return fixed | {
        "greedy": _fullest(movements, shape, lambda: driver().counts()),
        "longest_queue": _fullest(movements, shape, lambda: driver().waiting()),
        "max_pressure": _fullest(movements, shape, lambda: driver().counts(), ahead=1.0),
        "random": lambda ts, rng: np.argmax(
            np.where(ts.action_mask, rng.random(ts.action_mask.shape), -1), axis=1
        ),
    }


def _cycles(signals: Signals, movements: Movements) -> list[Int64[np.ndarray, "turns"]]:
    """Return the actions in use at each intersection; the first one where none is."""
    needed = np.zeros(signals.allowed.shape, dtype=np.bool_)
    needed[movements.agent[movements.used], movements.action[movements.used]] = True
    idle = ~needed.any(axis=1)
    needed[idle, signals.allowed.argmax(axis=1)[idle]] = True
    return [np.flatnonzero(row) for row in needed]


def _fixed_times(cycles: list[Int64[np.ndarray, "turns"]], green_s: int, decision_s: int) -> Policy:
    def policy(ts: Timestep, rng: np.random.Generator) -> Actions:
        turn = ts.step * decision_s // green_s
        return np.array([cycle[turn % len(cycle)] for cycle in cycles])

    return policy


def _fullest(
    movements: Movements, shape: tuple[int, ...], look: Look, ahead: float = 0.0
) -> Policy:
    """Return the rule of the fullest lanes, less ``ahead`` times those they lead to."""
    opened = np.stack([movements.agent, movements.action, movements.start])
    _, which, ways = np.unique(opened, axis=1, return_inverse=True, return_counts=True)
    share = 1 / ways[which.reshape(-1)]  # a lane counts once, however many it leads to
    cell = movements.agent * shape[1] + movements.action
    agents = np.arange(shape[0])

    def policy(ts: Timestep, rng: np.random.Generator) -> Actions:
        vehicles, current = look(), ts.obs[:, : shape[1]].argmax(axis=1)
        excess = share * (vehicles[movements.start] - ahead * vehicles[movements.end])
        scores = np.bincount(cell, excess, minlength=shape[0] * shape[1]).reshape(shape)
        scores[~ts.action_mask] = -np.inf
        best = scores.argmax(axis=1)
        return np.where(scores[agents, best] > scores[agents, current] + _HOLDS, best, current)

    return policy
