"""Where a vehicle goes next, and whom it follows there (specification, sections 4.1, 7 and 10)."""

from typing import Any

from scenarios.compiled import inlined, kernel, lean_kernel
from scenarios.traffic.engine.conflict import mark
from scenarios.traffic.engine.state import NONE, RUNNING


@lean_kernel
def leads_to(lanes: Any, links: Any, lane_out: Any, lane: int, road: int) -> bool:
    """Return whether a lane has a link to a road."""
    for k in range(lanes[lane].out_first, lanes[lane].out_last):
        if lanes[links[lane_out[k]].end].road == road:
            return True
    return False


@lean_kernel
def link_after_lane(lanes: Any, links: Any, lane_out: Any, routes: Any, v: Any, lane: int) -> int:
    """Return the link a vehicle takes from a lane, NONE at its route's end or where none fits.

    Among the links to the next road whose end lane leads on to the road after it, the one that
    ends nearest to the lane's own index; the first of equals.
    """
    k = v.route_first + v.road_index
    while k < v.route_last and routes[k] != lanes[lane].road:
        k += 1
    if k >= v.route_last - 1:
        return NONE
    best, best_shift = NONE, 0
    for j in range(lanes[lane].out_first, lanes[lane].out_last):
        link = lane_out[j]
        end = links[link].end
        if lanes[end].road != routes[k + 1]:
            continue
        if k + 2 < v.route_last and not leads_to(lanes, links, lane_out, end, routes[k + 2]):
            continue
        shift = abs(lanes[end].index - lanes[lane].index)
        if best == NONE or shift < best_shift:
            best, best_shift = link, shift
    return best


@lean_kernel
def drivable_after(
    lanes: Any, links: Any, lane_out: Any, routes: Any, v: Any, drivable: int,
) -> int:  # fmt: skip
    """Return the drivable after a lane or link on a vehicle's way, or NONE."""
    n_lanes = len(lanes)
    if drivable >= n_lanes:
        return links[drivable - n_lanes].end
    link = link_after_lane(lanes, links, lane_out, routes, v, drivable)
    return link + n_lanes if link != NONE else NONE


@lean_kernel
def planned(lanes: Any, links: Any, lane_out: Any, routes: Any, v: Any, plan: Any, i: int) -> int:
    """Return the i-th drivable ahead of a vehicle, or NONE.

    What was looked up once stays in ``plan``, as in CityFlow, where it matters for routes that
    visit a road twice.
    """
    if i < v.n_planned:
        return plan[i]
    at = plan[v.n_planned - 1] if v.n_planned > 0 else v.drivable
    for j in range(v.n_planned, i + 1):
        at = drivable_after(lanes, links, lane_out, routes, v, at)
        if at == NONE:
            return NONE
        if j < len(plan):
            plan[j] = at
            v.n_planned = j + 1
    return at


@lean_kernel
def enter_drivable(
    lanes: Any, links: Any, lane_out: Any, routes: Any, v: Any, plan: Any, drivable: int,
) -> None:  # fmt: skip
    """Move a vehicle's position on its route to a drivable that was planned."""
    used = 0
    while used < v.n_planned and plan[used] != drivable:
        used += 1
    used = min(used + 1, v.n_planned)
    for j in range(used, v.n_planned):
        plan[j - used] = plan[j]
    v.n_planned -= used
    v.prev_drivable = v.drivable
    v.drivable = drivable
    if drivable < len(lanes):
        k = v.route_first + v.road_index
        while k < v.route_last and routes[k] != lanes[drivable].road:
            k += 1
        v.road_index = k - v.route_first
    v.after = planned(lanes, links, lane_out, routes, v, plan, 0)


@lean_kernel
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


@kernel
def _replan(tables: Any, state: Any, slot: int) -> None:
    v = state.vehicles[slot]
    v.n_planned = 0
    v.after = planned(
        tables.lanes, tables.links, tables.lane_out, tables.routes, v, state.plans[slot], 0
    )
    if v.after >= len(tables.lanes):
        mark(state.coming, tables.links, v.after - len(tables.lanes))


@kernel
def try_route(tables: Any, state: Any, slot: int, first: int, last: int) -> bool:
    """Give a vehicle on a lane a stored route; keep the old one if its lane does not lead on.

    A route that ends on the vehicle's road, after a round, is over on this lane.
    """
    v, plan = state.vehicles[slot], state.plans[slot]
    old_first, old_last, old_index = v.route_first, v.route_last, v.road_index
    old_plan, n_planned, after = plan.copy(), v.n_planned, v.after
    v.route_first, v.route_last, v.road_index = first, last, 0
    _replan(tables, state, slot)
    if v.after != NONE or tables.routes[last - 1] == tables.lanes[v.drivable].road:
        return True
    v.route_first, v.route_last, v.road_index = old_first, old_last, old_index
    v.n_planned, v.after = n_planned, after
    plan[:] = old_plan
    return False


@kernel
def replan_all(tables: Any, state: Any) -> None:
    """Rewind every vehicle to its route's start and forget what it planned (section 10)."""
    for slot in range(len(state.vehicles)):
        v = state.vehicles[slot]
        v.road_index = 0
        if v.state == RUNNING:
            _replan(tables, state, slot)
        else:
            v.n_planned = 0
