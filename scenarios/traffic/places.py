"""Where the intersections of grids are, known without their files."""

import numpy as np

from scenarios.base import AgentMap
from scenarios.traffic.networks import grid_size

_KNOWN = {"authors_6x6": (6, 6)}  # the same grid, in the same order
_KINDS = ("inner", "edge", "corner")


def agent_map(network: str) -> AgentMap | None:
    """Return the map of a grid, column by column from the south; None for another network."""
    size = _KNOWN.get(network) or grid_size(network)
    if size is None:
        return None
    rows, columns = size
    x, y = np.divmod(np.arange(rows * columns), rows)
    sides = ((x == 0) | (x == columns - 1)).astype(int) + ((y == 0) | (y == rows - 1))
    place = np.stack([x, y], axis=1).astype(np.float64)
    return AgentMap(place, tuple(_KINDS[n] for n in sides))
