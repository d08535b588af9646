"""Which vehicle has which name: kept beside the simulation, which knows numbers only.

A vehicle is named once, not at every call. That a slot has got another vehicle is seen by the
number of its trip, which is never given twice.
"""

from itertools import compress
from typing import Any

import numpy as np

from scenarios.traffic.engine.simulation import Simulation
from scenarios.traffic.engine.state import FREE, NONE, RUNNING, State

_FIELDS = (
    *("state", "dis", "speed", "drivable", "leader"),
    *("route_first", "route_last", "road_index"),
)


class Names:
    """The names of a simulation's vehicles, and quick ways to what is asked of one by name.

    Args:
        simulation: whose.

    Attributes:
        by_slot: name of the vehicle in each slot; of those that are gone too, until another comes.
        columns: views of fields of VEHICLE and JOURNEY, by slot.
        ways: roads that are still to come, as text, by their range of the stored routes.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._changes = simulation, NONE
        self._state: State
        self._slots: dict[str, int]
        self._trips: Any  # by slot: of the vehicle that has been named
        self._sorted: tuple[list[str], Any, Any]
        self._look_at(simulation.state)

    def slot(self, name: str) -> int:
        """Return where a vehicle is kept.

        Raises:
            RuntimeError: there is no such vehicle (any more).
        """
        if self._simulation.changes != self._changes:
            self._catch_up()
        try:
            return self._slots[name]
        except KeyError:
            raise RuntimeError(f"Vehicle '{name}' not found") from None

    def of(self, slots: list[int]) -> list[str]:
        """Return the names of the vehicles in some slots."""
        if self._simulation.changes != self._changes:
            self._catch_up()
        return list(map(self.by_slot.__getitem__, slots))

    def running(self) -> tuple[list[str], Any]:
        """Return the running vehicles, sorted by name: names and slots."""
        if self._simulation.changes != self._changes:
            self._catch_up()
        names, slots, trips = self._sorted
        kind = self.columns["state"]
        stays = (kind[slots] == RUNNING) & (self._trips[slots] == trips)
        slots = slots[stays]
        fresh = kind == RUNNING
        fresh[slots] = False
        if fresh.any() or not stays.all():
            new = np.flatnonzero(fresh)
            slots = np.concatenate([slots, new])
            names = [*compress(names, stays), *map(self.by_slot.__getitem__, new.tolist())]
            order = sorted(range(len(names)), key=names.__getitem__)  # two runs, soon merged
            names, slots = list(map(names.__getitem__, order)), slots[order]
            self._sorted = names, slots, self._trips[slots]
        return names, slots

    def _catch_up(self) -> None:
        """Forget the vehicles that went since the last look, and name those that came."""
        state = self._simulation.state
        if state is not self._state:
            self._look_at(state)
        trips = np.where(self.columns["state"] == FREE, NONE, self.columns["trip"])
        changed = np.flatnonzero(trips != self._trips)
        for slot in changed[self._trips[changed] != NONE].tolist():
            del self._slots[self.by_slot[slot]]
        came = changed[trips[changed] != NONE]
        journeys = state.journeys[came]
        for slot, flow, number in zip(
            came.tolist(), journeys["flow"].tolist(), journeys["number"].tolist(), strict=True
        ):
            name = f"flow_{flow}_{number}" if flow >= 0 else f"manually_pushed_{number}"
            self.by_slot[slot], self._slots[name] = name, slot
        self._trips, self._changes = trips, self._simulation.changes

    def _look_at(self, state: State) -> None:
        """Start over: the arrays are new, since they grew, or slots or trips were renumbered."""
        self._state, n_slots = state, len(state.vehicles)
        self.columns = {name: np.asarray(state.vehicles[name]) for name in _FIELDS}
        self.columns["trip"] = np.asarray(state.journeys["trip"])
        self.by_slot, self.ways = [""] * n_slots, dict[tuple[int, int], str]()
        self._slots, self._trips = {}, np.full(n_slots, NONE)
        self._sorted = [], *np.zeros((2, 0), dtype=np.int64)
