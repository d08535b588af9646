"""Where a vehicle goes next (specification, section 4.1)."""

from typing import Any

from scenarios.traffic.engine.compiled import kernel
from scenarios.traffic.engine.state import NONE


@kernel
def leads_to(lanes: Any, links: Any, lane_out: Any, lane: int, road: int) -> bool:
    """Return whether a lane has a link to a road."""
    for k in range(lanes[lane].out_first, lanes[lane].out_last):
        if lanes[links[lane_out[k]].end].road == road:
            return True
    return False


@kernel
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


@kernel
def drivable_after(
    lanes: Any, links: Any, lane_out: Any, routes: Any, v: Any, drivable: int,
) -> int:  # fmt: skip
    """Return the drivable after a lane or link on a vehicle's way, or NONE."""
    n_lanes = len(lanes)
    if drivable >= n_lanes:
        return links[drivable - n_lanes].end
    link = link_after_lane(lanes, links, lane_out, routes, v, drivable)
    return link + n_lanes if link != NONE else NONE


@kernel
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


@kernel
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
