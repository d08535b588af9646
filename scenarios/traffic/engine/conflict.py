"""Who gives way where lane links cross (specification, sections 5.4, 8.3 and 8.4).

CityFlow notifies every cross of every link in every step. Here a link's crosses are filled in when
somebody first asks for them in a step. The answer is the same, since nothing they depend on
changes before all vehicles have decided.

Which links of an intersection have anybody near them is kept as bits of an int64. They let a
vehicle skip the crosses of its link where nobody can be: in most intersections, most of the time.
An intersection with more links than bits counts as busy everywhere.
"""

from typing import Any

from scenarios.compiled import inlined, lean_kernel
from scenarios.traffic.engine.formulas import can_yield, reach
from scenarios.traffic.engine.state import NONE

N_BITS = 63
ALL = -1


@inlined
def mark(masks: Any, links: Any, link: int) -> None:
    """Set the bit of a link in the mask of its intersection."""
    masks[links[link].place] |= 1 << (links[link].local & 63)


@inlined
def may_conflict(links: Any, busy: Any, coming: Any, green_bits: Any, link: int) -> int:
    """Return the links that cross a link and may have somebody near, as bits."""
    place = links[link].place
    return links[link].conflicts & (busy[place] | (coming[place] & green_bits[place]))


@inlined
def notify(
    length: Any, links: Any, crosses: Any, vehicles: Any, head: Any, tail: Any, green: Any,
    slots: Any, link: int, n_lanes: int,
) -> bool:  # fmt: skip
    """Fill in who is near the crosses of a link, from its end backwards (section 5.4).

    Returns:
        Whether anybody is.
    """
    here = links[link]
    ahead, on, before = tail[here.end], head[link + n_lanes], head[here.start]
    leaving = ahead != NONE and vehicles[ahead].prev_drivable == link + n_lanes
    coming = before != NONE and green[link] and vehicles[before].after == link + n_lanes
    if not leaving and not coming and on == NONE:
        return False
    cursor = here.cross_last - 1
    if leaving:
        cursor = notify_leaving(length[link + n_lanes], here, crosses, vehicles, slots, ahead)
    while on != NONE:
        v = vehicles[on]
        while cursor >= here.cross_first:
            d = crosses[cursor].distance
            if v.dis > d and not v.dis - d - v.length <= 0:
                break
            slots[cursor].vehicle, slots[cursor].distance = on, d - v.dis
            cursor -= 1
        on = v.behind
    rest = length[here.start] - vehicles[before].dis if coming else 0.0
    for e in range(cursor, here.cross_first - 1, -1):
        slots[e].vehicle = before if coming else NONE
        slots[e].distance = rest + crosses[e].distance
    return True


@inlined
def notify_leaving(
    length: float, here: Any, crosses: Any, vehicles: Any, slots: Any, ahead: int,
) -> int:  # fmt: skip
    """Notify the crosses that the vehicle ahead has not fully left; return the next one."""
    v, cursor = vehicles[ahead], here.cross_last - 1
    while cursor >= here.cross_first:
        rest = length - crosses[cursor].distance
        if not rest + (v.dis - v.length) < 0:
            break
        slots[cursor].vehicle, slots[cursor].distance = ahead, -(v.dis + rest)
        cursor -= 1
    return cursor


@inlined
def find_contested(
    length: Any, links: Any, crosses: Any, foe_local: Any, vehicles: Any, head: Any, tail: Any,
    green: Any, slots: Any, notified: Any, contested: Any, step: int, link: int, n_lanes: int,
    foes: int,
) -> int:  # fmt: skip
    """List the crosses of a link whose other side is taken; return how many there are.

    ``foes`` are the links that may take them, as bits.
    """
    n, first = 0, links[link].cross_first
    for e in range(first, links[link].cross_last):
        if not foes >> foe_local[e] & 1:
            continue
        foe = crosses[e].foe
        if notified[foe] >> 1 != step:
            filled = notify(
                length, links, crosses, vehicles, head, tail, green, slots, foe, n_lanes
            )
            notified[foe] = 2 * step + filled
        if notified[foe] & 1 and slots[crosses[e].other].vehicle != NONE:
            contested[first + n] = e
            n += 1
    return n


@inlined
def first_to_yield(
    links: Any, crosses: Any, vehicles: Any, models: Any, slots: Any, contested: Any,
    n_contested: int, clock: Any, v: Any, m: Any, link: int, start: float,
) -> int:  # fmt: skip
    """Return the first cross ahead at which a vehicle must give way, or NONE (section 8.3).

    ``start`` is the vehicle's position on the link, negative before it.
    """
    first = links[link].cross_first
    for j in range(first, first + n_contested):
        e = contested[j]
        d1 = crosses[e].distance - start
        if crosses[e].distance < start or not can_yield(v, d1):
            continue
        other = slots[crosses[e].other]
        foe, kind, foe_kind = other.vehicle, links[link].kind, links[crosses[e].foe].kind
        if not goes_first(
            v, m, d1, kind, vehicles[foe], models[foe], other.distance, foe_kind, clock
        ) and not is_deadlock(vehicles, foe):  # fmt: skip
            return e
    return NONE


@lean_kernel
def goes_first(
    v: Any, m: Any, d1: float, kind: int, foe: Any, foe_m: Any, d2: float, foe_kind: int, clock:
    Any,
) -> bool:  # fmt: skip
    """Return whether a vehicle that could still stop may pass before its foe (section 8.4)."""
    if not can_yield(foe, d2):
        return False
    if kind > foe_kind:
        return True
    if d2 <= 0:
        return d2 + foe.length < 0
    mine, theirs = reach(v, m, d1, kind, clock), reach(foe, foe_m, d2, foe_kind, clock)
    if kind < foe_kind or mine != theirs:
        return theirs > mine
    if v.link_time != foe.link_time:
        return v.link_time < foe.link_time
    return v.priority > foe.priority if d1 == d2 else d1 < d2


@inlined
def is_deadlock(vehicles: Any, foe: int) -> bool:
    """Return whether the blockers of the last step, followed from the foe, run in a circle."""
    slow = fast = foe
    while fast != NONE and vehicles[fast].blocker != NONE:
        slow = vehicles[slow].blocker
        fast = vehicles[vehicles[fast].blocker].blocker
        if slow == fast:
            return True
    return False


@inlined
def must_stop_at_line(
    v: Any, vehicles: Any, links: Any, tail: Any, green: Any, link: int, rest: float,
) -> bool:  # fmt: skip
    """Return whether a vehicle on a lane stops at its end: red or no room, and it still can."""
    if green[link]:
        last = tail[links[link].end]
        if last == NONE:
            return False
        room = vehicles[last].dis > vehicles[last].length + v.length
        if room or vehicles[last].speed >= 2:
            return False
    return not v.brake > rest
