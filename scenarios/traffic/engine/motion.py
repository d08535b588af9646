"""Every running vehicle decides where it will be (specification, sections 5.5 and 8).

The arrays are named as in `scenarios.traffic.engine.state`. They are passed one by one: parts of a
hot loop that take them as a tuple spend more time on passing it than on driving.
"""

from typing import Any

from scenarios.compiled import inlined, lean_kernel
from scenarios.traffic.engine.conflict import (
    find_contested,
    first_to_yield,
    may_conflict,
    must_stop_at_line,
)
from scenarios.traffic.engine.formulas import (
    TURN_SPEED,
    YIELD_DISTANCE,
    car_follow,
    least,
    no_collision,
    stop_before,
)
from scenarios.traffic.engine.plan import planned
from scenarios.traffic.engine.state import NONE

CAP = 100.0


@lean_kernel
def act(
    clocks: Any, by_place: Any, length: Any, max_speed: Any, lanes: Any, links: Any, lane_out:
    Any, crosses: Any, foe_local: Any, routes: Any, vehicles: Any, journeys: Any, models: Any,
    plans: Any, head: Any, tail: Any, green: Any, green_bits: Any, busy: Any, coming: Any,
    slots: Any, notified: Any, contested: Any, n_contested: Any, moved: Any,
) -> None:  # fmt: skip
    """Let every running vehicle choose its speed and its new place."""
    clock, n_lanes, n_moved = clocks[0], len(lanes), 0
    for drivable in by_place:
        slot = head[drivable]
        while slot != NONE:
            v = vehicles[slot]
            m = models[slot]
            v.new_blocker = NONE
            speed = free_speed(clock, max_speed[drivable], models, vehicles, journeys, slot, v, m)
            rest = length[drivable] - v.dis
            if drivable >= n_lanes or (v.after >= n_lanes and rest <= m.approach):
                link = (drivable if drivable >= n_lanes else v.after) - n_lanes
                start = v.dis if drivable >= n_lanes else -rest
                x = intersection_speed(
                    clock, length, links, crosses, foe_local, models, vehicles, head, tail, green,
                    green_bits, busy, coming, slots, notified, contested, n_contested, v, m,
                    drivable < n_lanes, link, start, n_lanes,
                )  # fmt: skip
                speed = least(speed, x)
            speed = least(speed, CAP)
            if v.after == NONE and (
                drivable >= n_lanes or lanes[drivable].road != routes[v.route_last - 1]
            ):
                x = no_collision(
                    0.0, 0.0, clock.dt, v.speed, m.a, m.half_over_a, rest, m.min_gap, clock
                )
                speed = least(speed, x)
            x = v.speed - m.neg_step
            choose(clock, v, speed if speed > x else x)
            v.new_drivable = drivable
            if v.new_dis > length[drivable]:
                pass_on(length, lanes, links, lane_out, routes, v, plans[slot])
                moved[n_moved] = slot
                n_moved += 1
            slot = v.behind
    clock.n_moved = n_moved


@inlined
def choose(clock: Any, v: Any, speed: float) -> None:
    """Buffer a vehicle's next speed and how far it gets with it on its drivable."""
    if speed < 0:
        v.new_speed, v.new_dis = 0.0, v.brake + v.dis
    else:
        v.new_speed, v.new_dis = speed, (v.speed + speed) * clock.dt / 2 + v.dis


@lean_kernel
def pass_on(
    length: Any, lanes: Any, links: Any, lane_out: Any, routes: Any, v: Any, plan: Any,
) -> None:  # fmt: skip
    """Carry a vehicle's new distance over to the drivables ahead, NONE after the last."""
    i = 0
    while v.new_drivable != NONE and v.new_dis > length[v.new_drivable]:
        v.new_dis -= length[v.new_drivable]
        v.new_drivable = planned(lanes, links, lane_out, routes, v, plan, i)
        i += 1


@inlined
def free_speed(
    clock: Any, limit: float, models: Any, vehicles: Any, journeys: Any, slot: int, v: Any, m:
    Any,
) -> float:  # fmt: skip
    """Return the speed that the vehicle, the lane and the leader allow (section 8.1)."""
    speed = least(least(m.max_speed, v.speed + m.pos_step), limit)
    if v.leader == NONE:
        return least(speed, journeys[slot].custom_speed) if v.custom else speed
    lead = vehicles[v.leader]
    x = car_follow(v, m, lead, models[v.leader], clock)
    if v.custom:
        x = least(journeys[slot].custom_speed, x)
    return least(speed, x)


@inlined
def intersection_speed(
    clock: Any, length: Any, links: Any, crosses: Any, foe_local: Any, models: Any, vehicles:
    Any, head: Any, tail: Any, green: Any, green_bits: Any, busy: Any, coming: Any, slots: Any,
    notified: Any, contested: Any, n_contested: Any, v: Any, m: Any, before: bool, link: int,
    start: float, n_lanes: int,
) -> float:  # fmt: skip
    """Return the speed that signals, full lanes and crossing traffic allow (section 8.3).

    ``before`` says that the vehicle is still on the lane, ``start`` is its place on the link,
    negative before it. Sets the vehicle it waits for.
    """
    speed = m.max_speed
    if before:
        if must_stop_at_line(v, vehicles, links, tail, green, link, -start):
            return least(speed, stop_before(v, m, -start, clock))
        if links[link].kind == 1 or links[link].kind == 2:
            speed = least(speed, TURN_SPEED)
    foes = may_conflict(links, busy, coming, green_bits, link)
    if foes == 0:
        return speed
    if n_contested[link] >> 32 != clock.step:
        n_contested[link] = clock.step << 32 | find_contested(
            length, links, crosses, foe_local, vehicles, head, tail, green, slots, notified,
            contested, clock.step, link, n_lanes, foes,
        )  # fmt: skip
    n = n_contested[link] & 0xFFFFFFFF
    if n > 0:
        e = first_to_yield(
            links, crosses, vehicles, models, slots, contested, n, clock, v, m, link, start
        )
        if e != NONE:
            v.new_blocker = slots[crosses[e].other].vehicle
            d = crosses[e].distance - start - YIELD_DISTANCE
            speed = least(speed, stop_before(v, m, d, clock))
    return speed
