"""Lay out a road network and its demand as the kernels' arrays; enlarge and tidy these."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scenarios.traffic.engine.conflict import ALL, N_BITS
from scenarios.traffic.engine.random_numbers import N_WORDS, add_all, new_set
from scenarios.traffic.engine.state import (
    CLOCK,
    CROSS,
    FLOW,
    FREE,
    JOURNEY,
    LANE,
    LINK,
    MODEL,
    NONE,
    SLOT,
    TRIP,
    VEHICLE,
    State,
    Tables,
    listed_vehicles,
    records,
)
from scenarios.traffic.engine.step import show_phase
from scenarios.traffic.flow import Flow, VehicleModel
from scenarios.traffic.roadnet import Roadnet

_PLAN_LEAST, _PLAN_MOST = 8, 64
_REFERENCES = ("head", "tail", "queue_head", "queue_tail", "buffer_head", "buffer_tail")


def model_records(models: Sequence[VehicleModel], dt: float) -> Any:
    """Return a MODEL record per vehicle model for steps of `dt` seconds."""
    rows = records(len(models), MODEL)
    for row, m in zip(rows, models, strict=True):
        row["max_speed"], row["min_gap"], row["length"] = m.max_speed, m.min_gap, m.length
        row["max_neg_acc"], row["usual_neg_acc"] = m.max_neg_acc, m.usual_neg_acc
        row["usual_pos_acc"] = m.usual_pos_acc
        row["pos_step"], row["neg_step"] = m.max_pos_acc * dt, m.max_neg_acc * dt
        row["usual_pos_step"] = m.usual_pos_acc * dt
        row["usual_neg_step"] = m.usual_neg_acc * dt
        row["approach"] = horizon(m, dt)
        row["headway"] = m.headway_time + dt / 2
        row["a"], row["usual_a"] = 0.5 / m.max_neg_acc, 0.5 / m.usual_neg_acc
        row["half_over_a"] = 0.5 / (0.5 / m.max_neg_acc)
        row["half_over_usual_a"] = 0.5 / (0.5 / m.usual_neg_acc)
    return rows


def horizon(m: VehicleModel, dt: float) -> float:
    """Return how far a vehicle looks ahead [m]."""
    return m.max_speed * m.max_speed / m.usual_neg_acc / 2 + m.max_speed * dt * 2


def build_tables(
    net: Roadnet,
    flows: Sequence[Flow],
    models: Sequence[VehicleModel],
    routes: Sequence[tuple[int, ...] | None],
    dt: float,
) -> Tables:
    """Return the fixed arrays.

    Args:
        net: the road network.
        flows: the demand.
        models: the different vehicle models of the flows.
        routes: the expanded route of each flow, None where there is none.
        dt: step length [s].
    """
    starts, flat = lay_out_routes(routes)
    starts_at = np.array([flow.start_time for flow in flows], dtype=np.int64)
    return Tables(
        length=net.drivable_length,
        max_speed=net.drivable_max_speed,
        by_place=_by_place(net),
        lanes=_lane_records(net),
        links=_link_records(net),
        lane_out=net.lane_out,
        crosses=_cross_records(net),
        foe_local=(_local(net)[net.cross_link[net.cross_other]] & 63).astype(np.int8),
        quiet=np.where(np.diff(net.link_ptr) > N_BITS, ALL, 0).astype(np.int64),
        road_lane_ptr=net.road_lane_ptr,
        link_ptr=net.link_ptr,
        phase_ptr=net.phase_ptr,
        phase_time=net.phase_time,
        phase_green_ptr=net.phase_green_ptr,
        phase_green=net.phase_green,
        signals=np.array(net.signalized, dtype=np.int32),
        models=model_records(models, dt),
        routes=flat,
        flows=_flow_records(flows, {m: k for k, m in enumerate(models)}, starts),
        pending=np.argsort(starts_at, kind="stable").astype(np.int32),
    )


def lay_out_routes(routes: Sequence[tuple[int, ...] | None]) -> tuple[list[tuple[int, int]], Any]:
    """Return where each route starts and ends in one flat array, equal routes stored once."""
    places: dict[tuple[int, ...] | None, tuple[int, int]] = {None: (0, 0)}
    flat: list[int] = []
    for route in routes:
        if route is not None and route not in places:
            places[route] = len(flat), len(flat) + len(route)
            flat += route
    return [places[route] for route in routes], np.array(flat, dtype=np.int32)


def _flow_records(
    flows: Sequence[Flow], model_index: dict[VehicleModel, int], starts: list[tuple[int, int]]
) -> Any:
    rows = records(len(flows), FLOW)
    for row, flow, (first, last) in zip(rows, flows, starts, strict=True):
        row["interval"], row["start"], row["end"] = flow.interval, flow.start_time, flow.end_time
        row["model"], row["first_road"] = model_index[flow.model], flow.anchors[0]
        row["route_first"], row["route_last"] = first, last
    return rows


def _lane_records(net: Roadnet) -> Any:
    rows = records(net.n_lanes, LANE)
    rows["road"], rows["index"] = net.lane_road, net.lane_index
    rows["out_first"], rows["out_last"] = net.lane_out_ptr[:-1], net.lane_out_ptr[1:]
    rows["signal"] = ~net.intersection_virtual[net.road_end[net.lane_road]]
    return rows


def _by_place(net: Roadnet) -> Any:
    """Return the drivables by intersection: the lanes that end there, then its links."""
    ends = net.road_end[net.lane_road]
    return np.argsort(np.concatenate([ends, _place(net)]), kind="stable").astype(np.int32)


def _place(net: Roadnet) -> Any:
    """Return the intersection of each link."""
    return np.repeat(np.arange(len(net.intersection_ids)), np.diff(net.link_ptr))


def _local(net: Roadnet) -> Any:
    """Return the index of each link in its intersection."""
    return np.arange(net.n_links) - net.link_ptr[_place(net)]


def _link_records(net: Roadnet) -> Any:
    rows = records(net.n_links, LINK)
    rows["start"], rows["end"], rows["kind"] = net.link_start, net.link_end, net.link_kind
    rows["cross_first"], rows["cross_last"] = net.cross_ptr[:-1], net.cross_ptr[1:]
    rows["place"], rows["local"] = _place(net), _local(net)
    foes = _local(net)[net.cross_link[net.cross_other]]
    bits = np.left_shift(np.int64(1), foes & 63, dtype=np.int64)
    np.bitwise_or.at(rows["conflicts"], net.cross_link, bits)
    rows["conflicts"][np.diff(net.link_ptr)[rows["place"]] > N_BITS] = ALL
    return rows


def _cross_records(net: Roadnet) -> Any:
    rows = records(len(net.cross_other), CROSS)
    rows["distance"], rows["other"] = net.cross_distance, net.cross_other
    rows["foe"] = net.cross_link[net.cross_other]
    return rows


def plan_length(net: Roadnet, models: Sequence[VehicleModel], dt: float) -> int:
    """Return how many drivables ahead a vehicle can come to look at, within bounds."""
    farthest = max((horizon(m, dt) for m in models), default=0.0)
    lengths = net.drivable_length[: net.n_lanes]
    known = lengths[~np.isnan(lengths)]  # a road clipped to nothing has a length of NaN
    shortest = float(known.min()) if len(known) else 1.0
    n = 2 * int(min(farthest / max(shortest, 1e-3), _PLAN_MOST)) + 4
    return min(max(n, _PLAN_LEAST), _PLAN_MOST)


def new_state(net: Roadnet, tables: Tables, dt: float, capacity: int, n_plan: int) -> State:
    """Return the state of an empty network at time 0, all signals in phase 0.

    Args:
        net: the road network.
        tables: its fixed arrays.
        dt: step length [s].
        capacity: vehicles there is room for.
        n_plan: planned drivables there is room for, per vehicle.
    """
    clock = records(1, CLOCK)
    clock["dt"], clock["n_free"] = dt, capacity
    clock["per_dt"], clock["exact"] = 1.0 / dt, np.frexp(dt)[0] == 0.5
    n_places, n_roads = len(net.intersection_ids), len(net.road_ids)
    n_lanes, n_links, n_flows = net.n_lanes, net.n_links, len(tables.flows)
    first_times = [net.phase_time[net.phase_ptr[i]] for i in net.signalized]
    state = State(
        clock=clock,
        vehicles=records(capacity, VEHICLE),
        journeys=records(capacity, JOURNEY),
        models=records(capacity, MODEL),
        plans=np.zeros((capacity, n_plan), dtype=np.int32),
        free=np.arange(capacity - 1, -1, -1, dtype=np.int32),
        keys=new_set(capacity),
        trips=records(capacity, TRIP),
        head=_none(n_lanes + n_links),
        tail=_none(n_lanes + n_links),
        queue_head=_none(n_lanes),
        queue_tail=_none(n_lanes),
        buffer_head=_none(n_roads),
        buffer_tail=_none(n_roads),
        count=np.zeros(n_lanes, dtype=np.int64),
        waiting=np.zeros(n_lanes, dtype=np.int64),
        waiting_sum=np.zeros(n_lanes, dtype=np.int64),
        now=np.array(tables.flows["interval"], dtype=np.float64),
        emitted=np.zeros(n_flows, dtype=np.int32),
        emitting=np.zeros(n_flows, dtype=np.int32),
        phase=np.zeros(n_places, dtype=np.int32),
        remaining=np.zeros(n_places, dtype=np.float64),
        green=np.zeros(n_links, dtype=np.bool_),
        green_bits=np.zeros(n_places, dtype=np.int64),
        busy=tables.quiet.copy(),
        coming=np.zeros(n_places, dtype=np.int64),
        slots=records(len(tables.crosses), SLOT),
        notified=np.full(n_links, NONE, dtype=np.int64),
        contested=np.zeros(len(tables.crosses), dtype=np.int32),
        n_contested=np.full(n_links, NONE, dtype=np.int64),
        moved=_none(capacity),
        ended=_none(capacity),
        arrival_step=np.full(n_lanes + n_links, NONE, dtype=np.int64),
        arrival_after=_none(n_lanes + n_links),
        random=np.zeros(N_WORDS + 1, dtype=np.uint32),
    )
    state.remaining[net.signalized] = first_times
    for i in net.signalized:
        show_phase(tables, state, i, 0)
    return state


def _none(n: int) -> Any:
    return np.full(n, NONE, dtype=np.int32)


def with_room(state: State, births: int) -> State:
    """Return the state with room for `births` more vehicles, at least doubled where it grows."""
    capacity, clock = len(state.vehicles), state.clock[0]
    if births > len(state.trips) - clock["n_trips"]:
        state = state._replace(trips=_longer(state.trips, len(state.trips) + births))
    if births <= clock["n_free"]:
        return state
    size = max(2 * capacity, capacity + births)
    fresh = np.arange(size - 1, capacity - 1, -1, dtype=np.int32)
    keys = new_set(size)
    in_use = state.vehicles["state"] != 0
    add_all(keys, state.vehicles["priority"][in_use].astype(np.int64))
    free = np.concatenate([state.free[: clock["n_free"]], fresh, np.zeros(size, np.int32)])
    clock["n_free"] += size - capacity
    return state._replace(
        vehicles=_longer(state.vehicles, size),
        journeys=_longer(state.journeys, size),
        models=_longer(state.models, size),
        plans=_longer(state.plans, size),
        moved=_longer(state.moved, size),
        ended=_longer(state.ended, size),
        free=free[:size],
        keys=keys,
    )


def _longer(rows: Any, least: int) -> Any:
    size = max(2 * len(rows), least)
    longer = np.zeros((size, *rows.shape[1:]), dtype=rows.dtype)
    longer[: len(rows)] = rows
    return longer.view(type(rows))


def tidy(state: State, by_place: Any) -> State:
    """Return the state with slots in the order of the lists; not within a step.

    Slots are given out in the order in which vehicles appear, so that after a while the vehicles
    of a lane are strewn all over memory. With many vehicles that costs several times more than
    driving. Nothing but slot numbers changes.

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
    free = np.zeros(capacity, dtype=np.int32)  # a stack of the last slots, the lowest on top
    free[: len(unused)] = np.arange(capacity - 1, capacity - len(unused) - 1, -1)
    moved = vehicles[order]
    for field in ("leader", "behind", "blocker", "new_blocker"):
        moved[field] = place[moved[field]]
    return state._replace(
        vehicles=moved,
        journeys=state.journeys[order],
        models=state.models[order],
        plans=state.plans[order],
        free=free,
        **{name: place[getattr(state, name)] for name in _REFERENCES},
    )
