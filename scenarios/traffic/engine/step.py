"""The step of the simulation, phase by phase (specification, section 5).

What the vehicles decide is in `motion`, how they come into being in `demand`; here it is carried
out (5.6 to 5.8), and signals change (5.9).
"""

from typing import Any

import numpy as np

from scenarios.compiled import inlined, lean_kernel
from scenarios.traffic.engine.conflict import mark
from scenarios.traffic.engine.demand import (
    admit,
    count_births,
    destroy,
    emit_flows,
    place_planned,
    start_flows,
)
from scenarios.traffic.engine.motion import act
from scenarios.traffic.engine.plan import enter_drivable, look_ahead
from scenarios.traffic.engine.state import FREE, NEVER, NONE

WAITING_SPEED = 0.1


@lean_kernel
def advance(tables: Any, state: Any, valid: Any, builtin: bool, n: int) -> tuple[int, int]:
    """Run up to n steps; stop early where the vehicles of a step would not fit.

    Args:
        tables: the fixed arrays.
        state: the changing arrays.
        valid: ``[flows]`` whether a flow may still make vehicles; not part of a snapshot.
        builtin: whether phases follow the built-in plan.
        n: number of steps.

    Returns:
        (steps done, vehicles for which there must be room before going on).
    """
    clock = state.clock[0]
    for done in range(n):
        start_flows(tables, state)
        births = count_births(tables, state)
        if births > clock.n_free or births > len(state.trips) - clock.n_trips:
            return done, births
        emit_flows(tables, state, valid)
        place_planned(tables, state, valid)
        admit(tables, state)
        act(
            state.clock, tables.by_place, tables.length, tables.max_speed, tables.lanes,
            tables.links, tables.lane_out, tables.crosses, tables.foe_local, tables.routes,
            state.vehicles, state.journeys, state.models, state.plans, state.head, state.tail,
            state.green, state.green_bits, state.busy, state.coming, state.slots,
            state.notified, state.contested, state.n_contested, state.moved,
        )  # fmt: skip
        relocate(tables, state)
        commit(
            tables.by_place, tables.links, tables.quiet, state.vehicles, state.models,
            state.head, state.busy, state.coming, state.count, state.waiting, state.waiting_sum,
        )  # fmt: skip
        lead_first(
            tables.by_place, tables.length, tables.lanes, tables.links, tables.lane_out,
            tables.routes, state.vehicles, state.models, state.plans, state.head, state.tail,
        )  # fmt: skip
        if builtin:
            advance_lights(tables, state)
        clock.step += 1
    return n, 0


@lean_kernel
def relocate(tables: Any, state: Any) -> None:
    """Take vehicles that change drivable off their lists and append them to the new ones.

    Those that arrive on the same drivable go in by descending distance, equal ones by ascending
    priority (section 5.6).
    """
    clock, vehicles = state.clock[0], state.vehicles
    _finish(state)
    for j in range(clock.n_moved):
        _take_out(state.head, state.tail, vehicles, vehicles[state.moved[j]].drivable)
    for j in range(clock.n_moved):
        slot = state.moved[j]
        v = vehicles[slot]
        trip = state.trips[state.journeys[slot].trip]
        if v.drivable < len(tables.lanes) and tables.lanes[v.drivable].signal:
            trip.left_approach = clock.step
        if v.new_drivable == NONE:
            trip.finished = clock.step
            clock.n_running -= 1
            destroy(state, slot)
        else:
            _arrive(state, vehicles, slot, v.new_drivable, clock.step)
            enter_drivable(
                tables.lanes, tables.links, tables.lane_out, tables.routes, v,
                state.plans[slot], v.new_drivable,
            )  # fmt: skip
            v.link_time = clock.step if v.drivable >= len(tables.lanes) else NEVER


@lean_kernel
def _finish(state: Any) -> None:
    """Add up the travel times of vehicles that end, by drivable and place in the list."""
    clock, ended, n = state.clock[0], state.ended, 0
    for j in range(clock.n_moved):
        slot, at = state.moved[j], n
        if state.vehicles[slot].new_drivable == NONE:
            drivable = state.vehicles[slot].drivable
            while at > 0 and state.vehicles[ended[at - 1]].drivable > drivable:
                ended[at] = ended[at - 1]
                at -= 1
            ended[at] = slot
            n += 1
    for j in range(n):
        clock.cumulative += clock.step * clock.dt - state.journeys[ended[j]].enter_time
    clock.n_finished += n


@lean_kernel
def _take_out(head: Any, tail: Any, vehicles: Any, drivable: int) -> None:
    """Unlink all vehicles of a drivable that leave it in this step."""
    slot, kept = head[drivable], NONE
    while slot != NONE:
        behind = vehicles[slot].behind
        if vehicles[slot].new_drivable != drivable:
            if kept == NONE:
                head[drivable] = behind
            else:
                vehicles[kept].behind = behind
        else:
            kept = slot
        slot = behind
    tail[drivable] = kept


@lean_kernel
def _arrive(state: Any, vehicles: Any, slot: int, drivable: int, step: int) -> None:
    """Insert a vehicle behind all that were on the drivable before this step's arrivals."""
    head, tail, v = state.head, state.tail, vehicles[slot]
    if state.arrival_step[drivable] != step:
        state.arrival_step[drivable] = step
        state.arrival_after[drivable] = tail[drivable]
    before = state.arrival_after[drivable]
    while True:
        behind = head[drivable] if before == NONE else vehicles[before].behind
        if behind == NONE or comes_first(v, vehicles[behind]):
            break
        before = behind
    v.behind = behind
    if before == NONE:
        head[drivable] = slot
    else:
        vehicles[before].behind = slot
    if behind == NONE:
        tail[drivable] = slot


@inlined
def comes_first(a: Any, b: Any) -> bool:
    """Return whether vehicle a is appended before b."""
    return a.new_dis > b.new_dis or (a.new_dis == b.new_dis and a.priority < b.priority)


@lean_kernel
def commit(
    by_place: Any, links: Any, quiet: Any, vehicles: Any, models: Any, head: Any, busy: Any,
    coming: Any, count: Any, waiting: Any, waiting_sum: Any,
) -> None:  # fmt: skip
    """Make the buffered values current, and set the leaders within each list (5.7, 5.8)."""
    n_lanes = len(count)
    for place in range(len(quiet)):
        busy[place], coming[place] = quiet[place], 0
    for drivable in by_place:
        slot, before = head[drivable], NONE
        n = n_waiting = 0
        while slot != NONE:
            v = vehicles[slot]
            take_buffers(v, vehicles, models[slot])
            if before != NONE:
                lead = vehicles[before]
                v.leader, v.gap = before, lead.dis - lead.length - v.dis
            n += 1
            n_waiting += v.speed < WAITING_SPEED
            before, slot = slot, v.behind
        if before != NONE:
            mark_list(links, vehicles, head[drivable], before, drivable, busy, coming, n_lanes)
        if drivable < n_lanes:
            count[drivable], waiting[drivable] = n, n_waiting
            waiting_sum[drivable] += n_waiting


@inlined
def mark_list(
    links: Any, vehicles: Any, first: int, last: int, drivable: int, busy: Any, coming: Any,
    n_lanes: int,
) -> None:  # fmt: skip
    """Mark the links that the first and the last vehicle of a list take and have left."""
    if drivable >= n_lanes:
        mark(busy, links, drivable - n_lanes)
        return
    if vehicles[first].after >= n_lanes:
        mark(coming, links, vehicles[first].after - n_lanes)
    if vehicles[last].prev_drivable >= n_lanes:
        mark(busy, links, vehicles[last].prev_drivable - n_lanes)


@inlined
def take_buffers(v: Any, vehicles: Any, m: Any) -> None:
    """Make a vehicle's buffered speed, distance and blocker current."""
    v.dis, v.speed, v.custom = v.new_dis, v.new_speed, 0
    v.brake = v.usual_brake = 0.0
    if v.speed != 0.0:
        x = 0.5 * v.speed * v.speed
        v.brake, v.usual_brake = x / m.max_neg_acc, x / m.usual_neg_acc
    v.blocker = v.new_blocker
    if v.blocker != NONE and vehicles[v.blocker].state == FREE:
        v.blocker = NONE


@lean_kernel
def lead_first(
    by_place: Any, length: Any, lanes: Any, links: Any, lane_out: Any, routes: Any, vehicles:
    Any, models: Any, plans: Any, head: Any, tail: Any,
) -> None:  # fmt: skip
    """Set the leaders of the first vehicle of each list (section 5.8)."""
    for drivable in by_place:
        slot = head[drivable]
        if slot != NONE:
            v = vehicles[slot]
            look_ahead(
                length, lanes, links, lane_out, routes, vehicles, tail, v, plans[slot],
                models[slot].approach,
            )  # fmt: skip


@lean_kernel
def show_phase(tables: Any, state: Any, intersection: int, phase: int) -> None:
    """Make a phase current and open its links."""
    state.phase[intersection] = phase
    row = tables.phase_green_ptr[tables.phase_ptr[intersection] + phase]
    first = tables.link_ptr[intersection]
    bits = np.int64(0)
    for k in range(first, tables.link_ptr[intersection + 1]):
        state.green[k] = tables.phase_green[row + k - first]
        bits |= np.int64(state.green[k]) << ((k - first) & 63)
    state.green_bits[intersection] = bits


@lean_kernel
def show_phases(tables: Any, state: Any, phases: Any) -> None:
    """Make a phase current at every signalized intersection, in file order."""
    for j in range(len(tables.signals)):
        if state.phase[tables.signals[j]] != phases[j]:
            show_phase(tables, state, tables.signals[j], phases[j])


@lean_kernel
def advance_lights(tables: Any, state: Any) -> None:
    """Run the built-in plan for one step."""
    for i in tables.signals:
        state.remaining[i] -= state.clock[0].dt
        phase = state.phase[i]
        n = tables.phase_ptr[i + 1] - tables.phase_ptr[i]
        while state.remaining[i] <= 0:
            phase = (phase + 1) % n
            state.remaining[i] += tables.phase_time[tables.phase_ptr[i] + phase]
        if phase != state.phase[i]:
            show_phase(tables, state, i, phase)
