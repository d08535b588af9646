"""Give vehicles new routes, and list them lane by lane."""

from typing import Any

import numpy as np
from numba import njit

from scenarios.traffic.engine.bits import mark
from scenarios.traffic.engine.plan import planned
from scenarios.traffic.engine.state import NONE, RUNNING


@njit(cache=True, error_model="numpy")
def _replan(tables: Any, state: Any, slot: int) -> None:
    v = state.vehicles[slot]
    v.n_planned = 0
    v.after = planned(
        tables.lanes, tables.links, tables.lane_out, tables.routes, v, state.plans[slot], 0
    )
    if v.after >= len(tables.lanes):
        mark(state.coming, tables.links, v.after - len(tables.lanes))


@njit(cache=True, error_model="numpy")
def try_route(tables: Any, state: Any, slot: int, first: int, last: int) -> bool:
    """Give a vehicle on a lane a stored route; keep the old one if its lane does not lead on."""
    v, plan = state.vehicles[slot], state.plans[slot]
    old_first, old_last, old_index = v.route_first, v.route_last, v.road_index
    old_plan, n_planned, after = plan.copy(), v.n_planned, v.after
    v.route_first, v.route_last, v.road_index = first, last, 0
    _replan(tables, state, slot)
    if v.after != NONE:
        return True
    v.route_first, v.route_last, v.road_index = old_first, old_last, old_index
    v.n_planned, v.after = n_planned, after
    plan[:] = old_plan
    return False


@njit(cache=True, error_model="numpy")
def replan_all(tables: Any, state: Any) -> None:
    """Rewind every vehicle to its route's start and forget what it planned (section 10)."""
    for slot in range(len(state.vehicles)):
        v = state.vehicles[slot]
        v.road_index = 0
        if v.state == RUNNING:
            _replan(tables, state, slot)
        else:
            v.n_planned = 0


@njit(cache=True, error_model="numpy")
def listed_vehicles(head: Any, vehicles: Any) -> tuple[Any, Any]:
    """Return the slots of several lists one after the other, and where each begins.

    Args:
        head: ``[lists]`` first vehicle of each list, or -1.
        vehicles: VEHICLE records.
    """
    ptr = np.zeros(len(head) + 1, dtype=np.int64)
    slots = np.empty(len(vehicles), dtype=np.int32)
    n = 0
    for k in range(len(head)):
        slot = head[k]
        while slot != NONE:
            slots[n] = slot
            n += 1
            slot = vehicles[slot].behind
        ptr[k + 1] = n
    return slots[:n], ptr
