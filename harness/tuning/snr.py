"""How much an agent counts itself in fixed LToS and in NeurComm, so that they can be matched.

Source: paper 000, Appendix A.2, "signal-to-noise ratio". In fixed LToS an agent with k neighbors
counts itself s and each neighbor (1 - s) / k: its ratio is ``s / (1 - s) * k``. In NeurComm it
counts itself 1 and a neighbor alpha: ``1 / alpha``. The first depends on the agent's number of
neighbors; the second leaves out those further away, who count alpha^2 and less. So both are also
matched by the self share, the part of what an agent learns from that is its own: s, and
``1 / sum_j alpha^d_ij``.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from scipy.optimize import brentq

from methods.learners.rewards import hop_distances

RATIO, SHARE = "self-neighbor ratio (SNR)", "self share"
RATIOS = (1.0, 2.0, 5.0, 10.0, 20.0)  # Tables 6 and 7 of paper 000: 1, about 10 and about 20
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
KNOBS = {"fixed_ltos": "selfishness", "neurcomm": "alpha"}  # the parameter that sets it
_DIGITS = 4

Graph = Bool[np.ndarray, "agents agents"]
PerAgent = Float64[np.ndarray, "agents"]


class Setting(NamedTuple):
    """A method's parameter at a level.

    Attributes:
        kind: What is matched.
        level: Its value, mean over the agents.
        method: ``fixed_ltos`` or ``neurcomm``.
        parameter: Value of its parameter.
        least: Of the agents, the least value of what is matched.
        most: Of the agents, the largest.
    """

    kind: str
    level: float
    method: str
    parameter: float
    least: float
    most: float


def settings(graph: Graph) -> list[Setting]:
    """Return both methods' parameters at every level that NeurComm can have, too.

    Args:
        graph: Row i is N_i, which contains i; of graphs that change, the first.
    """
    neighbors, distance = graph.sum(axis=1) - 1.0, hop_distances(graph)
    neighbors, found = neighbors[neighbors > 0], list[Setting]()
    if not len(neighbors):
        return found  # nobody to share with
    for ratio in RATIOS:
        s = round(ratio / (ratio + float(neighbors.mean())), _DIGITS)
        own = s / (1 - s) * neighbors
        found.append(_setting(RATIO, ratio, "fixed_ltos", s, own))
        alpha = round(1 / ratio, _DIGITS)
        found.append(_setting(RATIO, ratio, "neurcomm", alpha, np.array([1 / alpha])))
    for share in SHARES:
        matched = alpha_of(share, distance)
        if matched is not None:
            found.append(_setting(SHARE, share, "fixed_ltos", share, np.array([share])))
            own = self_share(matched, distance)
            found.append(_setting(SHARE, share, "neurcomm", matched, own))
    return found


def self_share(alpha: float, distance: Float64[np.ndarray, "agents agents"]) -> PerAgent:
    """Return the part of what each agent of NeurComm learns from that is its own reward."""
    reachable = np.isfinite(distance)
    weights = np.where(reachable, alpha ** np.where(reachable, distance, 0.0), 0.0)
    return 1 / weights.sum(axis=1)


def alpha_of(share: float, distance: Float64[np.ndarray, "agents agents"]) -> float | None:
    """Return the alpha at which the mean self share is so much; None where none up to 1 is."""

    def excess(alpha: float) -> float:
        return float(self_share(alpha, distance).mean()) - share

    if excess(1.0) > 0:
        return None
    return round(float(brentq(excess, 0.0, 1.0)), _DIGITS)


def _setting(kind: str, level: float, method: str, parameter: float, own: PerAgent) -> Setting:
    return Setting(kind, level, method, parameter, float(own.min()), float(own.max()))
