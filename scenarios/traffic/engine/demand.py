"""Vehicles appear, get a lane and enter it (specification, sections 3 and 5.1 to 5.3)."""

from typing import Any

from scenarios.compiled import lean_kernel
from scenarios.traffic.engine.conflict import mark
from scenarios.traffic.engine.plan import leads_to, planned, update_leader
from scenarios.traffic.engine.random_numbers import add, discard, draw, draw_priority
from scenarios.traffic.engine.state import FREE, NEVER, NONE, PLANNED, QUEUED, RUNNING


@lean_kernel
def create(
    tables: Any, state: Any, model: int, route_first: int, route_last: int, first_road: int,
    flow: int, number: int, speed: float,
) -> int:  # fmt: skip
    """Make a vehicle and put it into its first road's buffer; return its slot.

    An empty route is an invalid one. There must be a free slot and a free trip.
    """
    clock, vehicles = state.clock[0], state.vehicles
    priority = draw_priority(state.random, state.keys)
    add(state.keys, priority)
    clock.n_free -= 1
    slot = state.free[clock.n_free]
    v, journey, trip = vehicles[slot], state.journeys[slot], state.trips[clock.n_trips]
    v.dis, v.speed, v.gap = 0.0, speed, 0.0
    state.models[slot] = tables.models[model]
    m = state.models[slot]
    v.brake = 0.5 * speed * speed / m.max_neg_acc
    v.usual_brake = 0.5 * speed * speed / m.usual_neg_acc
    v.length, v.new_dis, v.new_speed = m.length, 0.0, speed
    v.drivable, v.after, v.leader, v.behind = NONE, NONE, NONE, NONE
    v.blocker, v.new_blocker, v.new_drivable, v.prev_drivable = NONE, NONE, NONE, NONE
    v.link_time, v.priority, v.n_planned, v.road_index = NEVER, priority, 0, 0
    v.route_first, v.route_last, v.state, v.custom = route_first, route_last, PLANNED, 0
    journey.enter_time, journey.custom_speed = clock.step * clock.dt, 0.0
    journey.flow, journey.number, journey.trip = flow, number, clock.n_trips
    journey.first_road, journey.model = first_road, model
    trip.flow, trip.number, trip.created, trip.admitted = flow, number, clock.step, NONE
    trip.left_approach, trip.finished, trip.first_road = NONE, NONE, first_road
    trip.route_first, trip.route_last = route_first, route_last
    clock.n_trips += 1
    clock.n_alive += 1
    clock.n_planned += 1
    _append(state.buffer_head, state.buffer_tail, vehicles, first_road, slot)
    return slot


@lean_kernel
def _append(head: Any, tail: Any, vehicles: Any, at: int, slot: int) -> None:
    vehicles[slot].behind = NONE
    if head[at] == NONE:
        head[at] = slot
    else:
        vehicles[tail[at]].behind = slot
    tail[at] = slot


@lean_kernel
def destroy(state: Any, slot: int) -> None:
    """Take a vehicle out of the pool and free its slot."""
    clock = state.clock[0]
    discard(state.keys, state.vehicles[slot].priority)
    state.vehicles[slot].state = FREE
    state.free[clock.n_free] = slot
    clock.n_free += 1
    clock.n_alive -= 1


@lean_kernel
def start_flows(tables: Any, state: Any) -> None:
    """Move the flows whose start time has come to the emitting ones, kept in file order."""
    clock, emitting = state.clock[0], state.emitting
    while clock.n_pending < len(tables.pending):
        flow = tables.pending[clock.n_pending]
        if clock.flow_time < tables.flows[flow].start:
            return
        clock.n_pending += 1
        at = clock.n_emitting
        while at > 0 and emitting[at - 1] > flow:
            emitting[at] = emitting[at - 1]
            at -= 1
        emitting[at] = flow
        clock.n_emitting += 1


@lean_kernel
def count_births(tables: Any, state: Any) -> int:
    """Return a bound on the vehicles the flows make in this step.

    A whole number: room is asked for and compared by the same count.
    """
    clock = state.clock[0]
    births = 0
    for j in range(clock.n_emitting):
        flow = state.emitting[j]
        if state.now[flow] >= tables.flows[flow].interval:
            births += 2 + int(state.now[flow] / tables.flows[flow].interval)
    return births


@lean_kernel
def emit_flows(tables: Any, state: Any, valid: Any) -> None:
    """Make the vehicles of this step, flows in file order (section 5.1).

    Flows that have ended or proved invalid leave the emitting ones for good.
    """
    clock = state.clock[0]
    kept = 0
    for j in range(clock.n_emitting):
        i = state.emitting[j]
        flow = tables.flows[i]
        if not valid[i] or (flow.end != -1 and clock.flow_time > flow.end):
            continue
        while state.now[i] >= flow.interval:
            create(
                tables, state, flow.model, flow.route_first, flow.route_last,
                flow.first_road, i, state.emitted[i], 0.0,
            )  # fmt: skip
            state.emitted[i] += 1
            state.now[i] -= flow.interval
        state.now[i] += clock.dt
        state.emitting[kept] = i
        kept += 1
    clock.n_emitting = kept
    clock.flow_time += clock.dt


@lean_kernel
def place_planned(tables: Any, state: Any, valid: Any) -> None:
    """Move buffered vehicles to entry queues; drop those without a route (section 5.2)."""
    clock = state.clock[0]
    if clock.n_planned == 0:
        return
    for road in range(len(state.buffer_head)):
        slot = state.buffer_head[road]
        state.buffer_head[road] = state.buffer_tail[road] = NONE
        while slot != NONE:
            behind = state.vehicles[slot].behind
            _place(tables, state, valid, slot)
            slot = behind
    clock.n_planned = 0


@lean_kernel
def _place(tables: Any, state: Any, valid: Any, slot: int) -> None:
    v, journey, clock = state.vehicles[slot], state.journeys[slot], state.clock[0]
    if v.route_first == v.route_last:
        if journey.flow != NONE:
            valid[journey.flow] = False
        clock.n_dropped += 1
        destroy(state, slot)
        return
    road, then = tables.routes[v.route_first], tables.routes[v.route_first + 1]
    n = 0
    for lane in range(tables.road_lane_ptr[road], tables.road_lane_ptr[road + 1]):
        n += leads_to(tables.lanes, tables.links, tables.lane_out, lane, then)
    skip = draw(state.random) % n
    for lane in range(tables.road_lane_ptr[road], tables.road_lane_ptr[road + 1]):
        if leads_to(tables.lanes, tables.links, tables.lane_out, lane, then):
            if skip == 0:
                v.drivable, v.state = lane, QUEUED
                _append(state.queue_head, state.queue_tail, state.vehicles, lane, slot)
                break
            skip -= 1
    clock.n_queued += 1


@lean_kernel
def admit(tables: Any, state: Any) -> None:
    """Let at most one waiting vehicle onto each lane, lanes in order (section 5.3)."""
    clock, vehicles = state.clock[0], state.vehicles
    if clock.n_queued == 0:
        return
    for lane in range(len(state.queue_head)):
        slot = state.queue_head[lane]
        if slot == NONE:
            continue
        v, last = vehicles[slot], state.tail[lane]
        gap = state.models[slot].min_gap
        if last == NONE or vehicles[last].dis > vehicles[last].length + gap:
            state.queue_head[lane] = v.behind
            _enter(tables, state, slot, lane, last)


@lean_kernel
def _enter(tables: Any, state: Any, slot: int, lane: int, last: int) -> None:
    clock, v = state.clock[0], state.vehicles[slot]
    _append(state.head, state.tail, state.vehicles, lane, slot)
    v.state = RUNNING
    v.after = planned(
        tables.lanes, tables.links, tables.lane_out, tables.routes, v, state.plans[slot], 0
    )
    if v.after != NONE:
        mark(state.coming, tables.links, v.after - len(tables.lanes))
    state.trips[state.journeys[slot].trip].admitted = clock.step
    clock.n_queued -= 1
    clock.n_running += 1
    update_leader(tables, state, slot, last)
