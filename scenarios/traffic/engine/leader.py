"""Whom a vehicle follows, and at what gap (specification, section 7)."""

from typing import Any

from scenarios.traffic.engine.compiled import inlined, kernel
from scenarios.traffic.engine.plan import planned
from scenarios.traffic.engine.state import NONE


@kernel
def update_leader(tables: Any, state: Any, slot: int, before: int) -> None:
    """Set the leader and gap of a vehicle; `before` is its predecessor in the list or NONE."""
    v = state.vehicles[slot]
    if before != NONE:
        lead = state.vehicles[before]
        v.leader, v.gap = before, lead.dis - lead.length - v.dis
    else:
        look_ahead(
            tables.length, tables.lanes, tables.links, tables.lane_out, tables.routes,
            state.vehicles, state.tail, v, state.plans[slot],
            state.models[slot].approach,
        )  # fmt: skip


@inlined
def look_ahead(
    length: Any, lanes: Any, links: Any, lane_out: Any, routes: Any, vehicles: Any, tail: Any,
    v: Any, plan: Any, approach: float,
) -> None:  # fmt: skip
    """Find the leader of the first vehicle of a list on the drivables it will pass.

    The next drivable is always inspected, then as far as ``approach`` reaches. On a lane's exit
    all links that leave the lane count, whichever the vehicle takes.
    """
    v.leader = NONE
    n_lanes = len(lanes)
    dis = length[v.drivable] - v.dis
    drivable, i = v.after, 0
    while drivable != NONE:
        if drivable >= n_lanes:
            start = links[drivable - n_lanes].start
            nearest_on_links(lanes, lane_out, vehicles, tail, v, start, dis)
        elif tail[drivable] != NONE:
            v.leader = tail[drivable]
            v.gap = dis + vehicles[v.leader].dis - vehicles[v.leader].length
        if v.leader != NONE:
            return
        dis += length[drivable]
        if dis > approach:
            return
        i += 1
        drivable = planned(lanes, links, lane_out, routes, v, plan, i)


@inlined
def nearest_on_links(
    lanes: Any, lane_out: Any, vehicles: Any, tail: Any, v: Any, lane: int, dis: float,
) -> None:  # fmt: skip
    """Set the leader to the nearest last vehicle on the links that leave a lane, if any."""
    n_lanes = len(lanes)
    for j in range(lanes[lane].out_first, lanes[lane].out_last):
        last = tail[lane_out[j] + n_lanes]
        if last == NONE:
            continue
        gap = dis + vehicles[last].dis - vehicles[last].length
        if v.leader == NONE or gap < v.gap:
            v.leader, v.gap = last, gap
