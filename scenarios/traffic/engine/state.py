"""What the compiled kernels work on: flat arrays, the fixed ones and those a snapshot copies.

Vehicles live in numbered slots that are used again. -1 stands for none everywhere. `dt` is the
step length [s]; distances are in m, speeds in m/s.
"""

from typing import Any, NamedTuple

import numpy as np
from numba.core import config

from scenarios.compiled import kernel, lean_kernel

NONE = -1
NEVER = 2147483647
FREE, PLANNED, QUEUED, RUNNING = 0, 1, 2, 3


def _record(**fields: str) -> np.dtype[Any]:
    """Return a record dtype; fields are given as names by type."""
    return np.dtype([(name, kind) for kind, names in fields.items() for name in names.split()])


# A vehicle, 128 bytes: two cache lines. `behind` is the next in its lane, queue or buffer;
# `after` the drivable it enters next; `brake` and `usual_brake` are 0.5*speed*speed over the
# largest and the comfortable deceleration; `new_*` are the buffers of the running step.
VEHICLE = _record(
    f8="dis speed gap brake usual_brake length new_dis new_speed",
    i4="drivable after leader behind blocker new_blocker new_drivable prev_drivable link_time"
    " priority n_planned route_first route_last road_index state custom",
)
# The rest of a vehicle, rarely touched. `flow` -1: pushed by hand.
JOURNEY = _record(f8="enter_time custom_speed", i4="flow number trip first_road model pad")
# One row per vehicle ever created: step indices, -1 while it has not happened. `admitted`: got
# onto its first lane; `left_approach`: last left a lane that ends at a signal; `finished`.
TRIP = _record(
    i4="flow number created admitted left_approach finished first_road route_first route_last"
)
# A vehicle model with the products of its constants that the formulas need, 128 bytes.
MODEL = _record(
    f8="max_speed pos_step neg_step usual_neg_step max_neg_acc usual_neg_acc usual_pos_acc"
    " usual_pos_step min_gap approach headway length a half_over_a usual_a half_over_usual_a"
)
LANE = _record(i4="road index out_first out_last signal")
# `conflicts` are the links it crosses, as bits by `local`, their index in the intersection `place`;
# all bits are set where a place has more links than bits.
LINK = _record(i8="conflicts", i4="start end cross_first cross_last kind place local pad")
# One side of a cross: `other` is the same cross in the list of the link `foe`.
CROSS = _record(f8="distance", i4="other foe")
# Who was notified at a side of a cross, and how far it is from it.
SLOT = _record(f8="distance", i4="vehicle pad")
FLOW = _record(f8="interval", i4="start end model route_first route_last first_road")
# Numbers of the whole simulation. `exact` says that dividing by dt is multiplying by `per_dt`.
CLOCK = _record(
    f8="dt per_dt cumulative flow_time",
    i8="exact step n_running n_alive n_finished n_free n_queued n_planned n_trips n_moved"
    " n_pending n_emitting n_dropped",
)


class Tables(NamedTuple):
    """What a simulation never changes.

    Lanes and links are numbered as in `scenarios.traffic.roadnet.Roadnet`.

    Attributes:
        by_place: the drivables in the order in which loops run where the order is free:
            intersection by intersection, for the sake of the caches.
        foe_local: the foe's `local` of each cross.
        quiet: the `busy` bits of empty intersections.
        signals: intersections with signals.
        models: the different MODEL records of the demand.
        routes: all routes, one after the other.
        pending: the flows by start time.
    """

    length: Any
    max_speed: Any
    by_place: Any
    lanes: Any
    links: Any
    lane_out: Any
    crosses: Any
    foe_local: Any
    quiet: Any
    road_lane_ptr: Any
    link_ptr: Any
    phase_ptr: Any
    phase_time: Any
    phase_green_ptr: Any
    phase_green: Any
    signals: Any
    models: Any
    routes: Any
    flows: Any
    pending: Any


class State(NamedTuple):
    """What a step changes; a snapshot is a copy of these arrays.

    Attributes:
        clock: one CLOCK record.
        vehicles: VEHICLE records by slot.
        journeys: JOURNEY records by slot.
        models: MODEL records by slot; a copy each, because vehicles that follow one another should
            lie close together in memory.
        plans: the next drivables of each slot, as far as they were looked up.
        free: stack of free slots.
        keys: hash set of the priorities in use.
        trips: TRIP records by order of creation.
        head: first vehicle of each drivable.
        tail: last vehicle.
        queue_head: first vehicle waiting to enter each lane.
        queue_tail: last one.
        buffer_head: first vehicle to be placed on each road in this step.
        buffer_tail: last one.
        count: vehicles on each lane after the last step.
        waiting: those slower than 0.1 m/s.
        waiting_sum: running sum of `waiting` over the steps since reset.
        now: time since the last vehicle of each flow [s].
        emitted: vehicles made by each flow.
        emitting: flows between their start and end, in file order.
        phase: current phase of each intersection.
        remaining: time left of it under the built-in plan [s].
        green: whether each link is open.
        green_bits: the same as bits, per intersection.
        busy: links with a vehicle on them or just behind them, as bits, per intersection; a bit too
            many costs time, a bit missing is a fault.
        coming: links that the first vehicle of their start lane takes, as bits; likewise.
        slots: SLOT records, one per side of a cross.
        notified: per link, 2 step + (1 if any slot is filled), for the step it was computed in.
        contested: per link, the entries of its crosses whose other side is filled.
        n_contested: their number, 2^32 times step added to tell stale ones.
        moved: vehicles that change drivable in this step.
        ended: those of them that finish, in the order of drivables and lists.
        arrival_step: step of the last arrival on each drivable.
        arrival_after: tail of the drivable before the arrivals of that step.
        random: 624 words of the Mersenne twister and the position in them.
    """

    clock: Any
    vehicles: Any
    journeys: Any
    models: Any
    plans: Any
    free: Any
    keys: Any
    trips: Any
    head: Any
    tail: Any
    queue_head: Any
    queue_tail: Any
    buffer_head: Any
    buffer_tail: Any
    count: Any
    waiting: Any
    waiting_sum: Any
    now: Any
    emitted: Any
    emitting: Any
    phase: Any
    remaining: Any
    green: Any
    green_bits: Any
    busy: Any
    coming: Any
    slots: Any
    notified: Any
    contested: Any
    n_contested: Any
    moved: Any
    ended: Any
    arrival_step: Any
    arrival_after: Any
    random: Any


def records(n: int, dtype: np.dtype[Any]) -> Any:
    """Return n zeroed records; as a recarray where kernels run uncompiled."""
    rows = np.zeros(n, dtype=dtype)
    return rows.view(np.recarray) if config.DISABLE_JIT else rows  # type: ignore[attr-defined]


@kernel
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


@lean_kernel
def total_time(vehicles: Any, journeys: Any, clock: Any) -> float:
    """Return the time since creation of all vehicles, until they finished [s], in any order."""
    now, total = clock[0].step * clock[0].dt, clock[0].cumulative
    for slot in range(len(vehicles)):
        if vehicles[slot].state != FREE:
            total += now - journeys[slot].enter_time
    return total
