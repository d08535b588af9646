"""The step of the simulation, phase by phase (specification, section 5)."""

from typing import Any

from scenarios.traffic.engine.commit import commit, lead_first, relocate
from scenarios.traffic.engine.compiled import kernel
from scenarios.traffic.engine.demand import (
    admit,
    count_births,
    emit_flows,
    place_planned,
    start_flows,
)
from scenarios.traffic.engine.lights import advance_lights
from scenarios.traffic.engine.motion import act


@kernel
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
            return done, int(births)
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
