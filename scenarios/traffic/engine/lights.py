"""Signal phases (specification, section 5.9)."""

from typing import Any

import numpy as np

from scenarios.traffic.engine.compiled import kernel


@kernel
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


@kernel
def show_phases(tables: Any, state: Any, phases: Any) -> None:
    """Make a phase current at every signalized intersection, in file order."""
    for j in range(len(tables.signals)):
        if state.phase[tables.signals[j]] != phases[j]:
            show_phase(tables, state, tables.signals[j], phases[j])


@kernel
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
