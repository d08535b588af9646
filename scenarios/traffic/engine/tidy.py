"""Renumber the vehicles so that those that follow one another are neighbors in memory.

Slots are given out in the order in which vehicles appear, so that after a while the vehicles of a
lane are strewn all over memory. With many vehicles that costs several times more than driving.
Nothing but slot numbers changes.
"""

from typing import Any

import numpy as np

from scenarios.traffic.engine.routes import listed_vehicles
from scenarios.traffic.engine.state import FREE, NONE, State

_REFERENCES = ("head", "tail", "queue_head", "queue_tail", "buffer_head", "buffer_tail")


def tidy(state: State, by_place: Any) -> State:
    """Return the state with slots in the order of the lists; not within a step.

    Args:
        state: the state; its arrays are left alone.
        by_place: ``[drivables]`` in which order to go through the drivables.
    """
    vehicles, capacity = state.vehicles, len(state.vehicles)
    listed = np.concatenate(
        [listed_vehicles(heads, vehicles)[0] for heads in (state.head[by_place], state.queue_head)]
    )
    rest = np.ones(capacity, dtype=np.bool_)
    rest[listed] = False
    rest_in_use = np.flatnonzero(rest & (vehicles["state"] != FREE))
    unused = np.flatnonzero(rest & (vehicles["state"] == FREE))
    order = np.concatenate([listed, rest_in_use, unused])
    place = np.full(capacity + 1, NONE, dtype=np.int32)  # the last is where NONE leads
    place[order] = np.arange(capacity)
    moved = vehicles[order]
    for field in ("leader", "behind", "blocker", "new_blocker"):
        moved[field] = place[moved[field]]
    return state._replace(
        vehicles=moved,
        journeys=state.journeys[order],
        models=state.models[order],
        plans=state.plans[order],
        free=_free(capacity, len(unused)),
        **{name: place[getattr(state, name)] for name in _REFERENCES},
    )


def _free(capacity: int, n_free: int) -> Any:
    """Return the stack of free slots: the last n ones, the lowest on top."""
    stack = np.zeros(capacity, dtype=np.int32)
    stack[:n_free] = np.arange(capacity - 1, capacity - n_free - 1, -1)
    return stack
