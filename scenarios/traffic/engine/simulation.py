"""A running simulation by index: the arrays, the kernels, and nothing that has a name."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from scenarios.traffic.engine.build import (
    build_tables,
    model_records,
    new_state,
    plan_length,
    tidy,
    with_room,
)
from scenarios.traffic.engine.demand import create
from scenarios.traffic.engine.plan import replan_all, try_route
from scenarios.traffic.engine.random_numbers import seed_words
from scenarios.traffic.engine.state import FREE, NONE, RUNNING, State, listed_vehicles, total_time
from scenarios.traffic.engine.step import advance, show_phase, show_phases
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.flow import Flow, Router, VehicleModel
from scenarios.traffic.roadnet import Roadnet

_LOG = logging.getLogger(__name__)
_CAPACITY = 256
_TIDY_STEPS, _TIDY_VEHICLES = 32, 1000
_SHORTEST_CYCLE = 1e-6


class Saved(NamedTuple):
    """The vehicle models and routes known at a moment, and the state of that moment."""

    models: list[VehicleModel]
    routes: Any
    state: State


class Simulation:
    """A simulation of a road network and its demand.

    Args:
        net: the road network.
        flows: the demand.
        interval: step length [s].
        seed: of the random numbers, taken modulo 2^32.
        rl_traffic_light: phases change only through `set_phase` and `set_phases`; otherwise they
            follow the built-in plan.

    Attributes:
        net: the road network.
        dropped_flows: flows without a valid route, which make no vehicles.
        changes: how often vehicles may have come, gone or moved to other slots.
        wishes: speeds [m/s] that replace the car-following target of a slot's vehicle in the next
            step; to be set by anybody.

    Raises:
        NetworkError: the built-in plan of an intersection would never end a phase.
    """

    def __init__(
        self,
        net: Roadnet,
        flows: Sequence[Flow],
        *,
        interval: float = 1.0,
        seed: int = 0,
        rl_traffic_light: bool = True,
    ) -> None:
        if not rl_traffic_light:
            _check_plan(net, interval)
        self.net = net
        self._dt, self._seed, self._builtin = interval, seed, not rl_traffic_light
        self._whole = float(interval).is_integer()
        self._router = Router(net)
        self._models = list(dict.fromkeys(flow.model for flow in flows))
        routes = [self._router.expand(flow.anchors) for flow in flows]
        self.dropped_flows = tuple(i for i, route in enumerate(routes) if route is None)
        if self.dropped_flows:
            _report(net.file, len(flows), self.dropped_flows)
        self._tables = build_tables(net, flows, self._models, routes, interval)
        self._valid: Bool[np.ndarray, flows] = np.ones(len(flows), dtype=np.bool_)
        self._stored: dict[tuple[int, ...], tuple[int, int]] = {}
        self._n_plan = plan_length(net, self._models, interval)
        self._tidied = self.changes = 0
        self.wishes: dict[int, float] = {}
        self._state = self._empty(_CAPACITY)
        self.seed(seed)

    def _empty(self, capacity: int) -> State:
        return new_state(self.net, self._tables, self._dt, capacity, self._n_plan)

    # ---- time ----------------------------------------------------------------------------

    def step(self, n: int = 1) -> None:
        """Simulate n steps.

        Args:
            n: number of steps, at least 0.
        """
        if n < 0:
            raise ValueError(f"n must be at least 0, is {n}")
        self._heed_wishes()
        grown = False
        self.changes += 1
        while n > 0:
            block = min(n, _TIDY_STEPS)
            done, births = advance(self._tables, self._state, self._valid, self._builtin, block)
            n -= done
            if grown and not done:
                raise RuntimeError(f"room was made for {births} vehicles, and they do not fit")
            if grown := done < block:
                self._state = with_room(self._state, births)
            self._tidy()

    def _heed_wishes(self) -> None:
        if self.wishes:
            slots = list(self.wishes)
            self._state.journeys["custom_speed"][slots] = list(self.wishes.values())
            self._state.vehicles["custom"][slots] = 1
            self.wishes.clear()

    def _tidy(self) -> None:
        """Renumber the vehicles now and then, where there are too many for the fast caches."""
        clock = self._state.clock[0]
        if clock["n_alive"] >= _TIDY_VEHICLES and clock["step"] - self._tidied >= _TIDY_STEPS:
            self._state = tidy(self._state, self._tables.by_place)
            self._tidied = int(clock["step"])

    def seed(self, seed: int) -> None:
        """Restart the random numbers."""
        seed_words(seed % 2**32, self._state.random)

    def restart(self, *, seed: bool, flows: bool = False) -> None:
        """Empty the network and go back to time 0, phase 0.

        Args:
            seed: whether to restart the random numbers too; otherwise they go on.
            flows: whether flows without a route, which CityFlow gives up for good after their
                first vehicle, make that vehicle again; with ``seed`` the run is then the first's.
        """
        random, self._tidied = self._state.random, 0
        self.changes += 1
        self.wishes.clear()
        self._state = self._empty(len(self._state.vehicles))
        self._state.random[:] = random
        if flows:
            self._valid[:] = True
        if seed:
            self.seed(self._seed)

    @property
    def follows_plan(self) -> bool:
        """Whether phases follow the built-in plan."""
        return self._builtin

    @property
    def n_dropped(self) -> int:
        """Vehicles made so far that had no valid route; they never entered."""
        return int(self._state.clock["n_dropped"][0])

    @property
    def time(self) -> float:
        """The current time [s]."""
        return float(self._state.clock["step"].item(0) * self._dt)

    # ---- arrays --------------------------------------------------------------------------

    def lane_counts(self) -> Int64[np.ndarray, "lanes"]:
        """Return the number of vehicles on each lane."""
        return self._state.count.copy()

    def lane_waiting(self) -> Int64[np.ndarray, "lanes"]:
        """Return the number of vehicles slower than 0.1 m/s on each lane."""
        return self._state.waiting.copy()

    def lane_waiting_sums(self) -> Int64[np.ndarray, "lanes"]:
        """Return `lane_waiting` summed over all steps since the start.

        The difference of two calls is the sum over the steps between them.
        """
        return self._state.waiting_sum.copy()

    def phases(self) -> Int32[np.ndarray, "signals"]:
        """Return the current phase of each intersection with signals, in file order."""
        return self._state.phase[self._tables.signals]

    def set_phases(self, phases: Sequence[int] | Int64[np.ndarray, "signals"]) -> None:
        """Set the phase of every intersection with signals, in file order.

        Raises:
            ValueError: wrong number of phases, or a phase that does not exist.
            RuntimeError: the signals follow the built-in plan.
        """
        self._refuse_under_plan()
        wanted = np.asarray(phases)
        n_phases = np.diff(self.net.phase_ptr)[self._tables.signals]
        if wanted.shape != n_phases.shape or wanted.dtype.kind not in "iu":
            raise ValueError(f"phases must be {len(n_phases)} integers, is {phases!r}")
        if (wrong := np.flatnonzero((wanted < 0) | (wanted >= n_phases))).size:
            self._check_phase(int(self._tables.signals[wrong[0]]), int(wanted[wrong[0]]))
        show_phases(self._tables, self._state, wanted.astype(np.int64))

    def set_phase(self, intersection: int, phase: int) -> None:
        """Set the phase of one intersection; a virtual one has none and ignores it.

        Raises:
            ValueError: the phase does not exist.
            RuntimeError: the signals follow the built-in plan.
        """
        self._refuse_under_plan()
        if not self.net.intersection_virtual[intersection]:
            self._check_phase(intersection, phase)
            show_phase(self._tables, self._state, intersection, phase)

    def _refuse_under_plan(self) -> None:
        if self._builtin:
            raise RuntimeError("phases cannot be set: rlTrafficLight is false")

    def _check_phase(self, intersection: int, phase: int) -> None:
        n = int(np.diff(self.net.phase_ptr)[intersection])
        if not 0 <= phase < n:
            name = self.net.intersection_ids[intersection]
            raise ValueError(f"phase {phase} is not one of the {n} phases of {name!r}")

    def trips(self) -> Any:
        """Return a TRIP record for every vehicle made since the start, in order of creation.

        Steps are counted from 0: a vehicle admitted in step t is first seen at time (t + 1) dt.
        """
        return self._state.trips[: self._state.clock["n_trips"][0]].copy()

    @property
    def models(self) -> Sequence[VehicleModel]:
        """What the vehicles are and can do, as journeys refer to it."""
        return self._models

    def route(self, first: int, last: int) -> tuple[int, ...]:
        """Return the roads of a route stored as a range, as trips and vehicles refer to it."""
        return tuple(self._tables.routes[first:last].tolist())

    # ---- vehicles ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The arrays themselves, valid until the next call; for reading only."""
        return self._state

    def slots(self, *, waiting: bool) -> Int64[np.ndarray, "vehicles"]:
        """Return the slots of the vehicles by ascending priority.

        Args:
            waiting: whether to include those that have not entered the network.
        """
        vehicles = self._state.vehicles
        found = np.flatnonzero(vehicles["state"] >= (FREE + 1 if waiting else RUNNING))
        return found[np.argsort(vehicles["priority"][found])]

    def lane_lists(self) -> tuple[Int32[np.ndarray, "running"], Int64[np.ndarray, "lanes+1"]]:
        """Return the slots on all lanes, front first, and where each lane's begin."""
        return listed_vehicles(self._state.head[: self.net.n_lanes], self._state.vehicles)

    def average_travel_time(self) -> float:
        """Return the mean time since creation of all vehicles, until they finished [s]."""
        state = self._state
        n_finished, n_alive = state.clock["n_finished"].item(0), state.clock["n_alive"].item(0)
        n = n_finished + n_alive
        if not n:
            return 0.0
        if self._whole:  # sums of whole seconds are exact in any order
            return float(total_time(state.vehicles, state.journeys, state.clock)) / n
        entered = state.journeys["enter_time"][self.slots(waiting=True)]
        spent = np.concatenate([state.clock["cumulative"], self.time - entered])
        return float(np.cumsum(spent)[-1]) / n

    def push(self, model: VehicleModel, anchors: Sequence[int], number: int, speed: float) -> None:
        """Make a vehicle that enters with the next step; without a route it is dropped then."""
        route = self._router.expand(anchors)
        if route is None:
            _LOG.warning("pushed vehicle %d has no valid route and is dropped", number)
        first, last = self._store_route(route)
        if model not in self._models:
            self._models.append(model)
            self._tables = self._tables._replace(models=model_records(self._models, self._dt))
        self._state = with_room(self._state, 1)
        self.changes += 1
        create(
            self._tables, self._state, self._models.index(model), first, last, anchors[0], NONE,
            number, float(speed),
        )  # fmt: skip

    def _store_route(self, route: tuple[int, ...] | None) -> tuple[int, int]:
        if route is None:
            return 0, 0
        if route not in self._stored:
            first = len(self._tables.routes)
            routes = np.concatenate([self._tables.routes, np.array(route, dtype=np.int32)])
            self._tables = self._tables._replace(routes=routes)
            self._stored[route] = first, first + len(route)
        return self._stored[route]

    def reroute(self, slot: int, anchors: Sequence[int]) -> bool:
        """Send a vehicle on a lane along its road and further anchors; return whether it can."""
        v = self._state.vehicles[slot]
        if not 0 <= v["drivable"] < self.net.n_lanes:
            return False
        here = int(self._tables.routes[v["route_first"] + v["road_index"]])  # rewound by `resume`
        route = self._router.expand([here, *anchors])
        if route is None:
            return False
        first, last = self._store_route(route)
        return bool(try_route(self._tables, self._state, slot, first, last))

    # ---- snapshots -----------------------------------------------------------------------

    def copy(self) -> Saved:
        """Return a copy of everything a step changes, with the demand it refers to."""
        self._heed_wishes()
        return Saved(
            models=list(self._models), routes=self._tables.routes, state=_copied(self._state)
        )

    def blank(self, n_vehicles: int) -> Saved:
        """Return a copy of the empty network at time 0, with room for some vehicles."""
        state = self._empty(max(_CAPACITY, n_vehicles))
        return Saved(models=list(self._models), routes=self._tables.routes, state=state)

    def resume(self, saved: Saved) -> None:
        """Go on from a copy.

        As in CityFlow the vehicles look for their current road from their route's start again.
        """
        self._models, self._stored, self._tidied = list(saved.models), {}, 0
        self.changes += 1
        self.wishes.clear()
        self._tables = self._tables._replace(
            routes=saved.routes, models=model_records(saved.models, self._dt)
        )
        self._state = _copied(saved.state)
        for i in self._tables.signals:
            show_phase(self._tables, self._state, i, self._state.phase[i])
        replan_all(self._tables, self._state)


def _copied(state: State) -> State:
    """Return a state with arrays of its own."""
    return State(*(rows.copy() for rows in state))


@cache
def _report(file: str, n_flows: int, dropped: tuple[int, ...]) -> None:
    """Say once per network and demand that vehicles are missing."""
    shown = [f"flow_{i}" for i in dropped[:5]] + ["..."] * (len(dropped) > 5)
    _LOG.warning(
        "%s: %d of %d flows have no valid route and are dropped: %s",
        file,
        len(dropped),
        n_flows,
        ", ".join(shown),
    )


def _check_plan(net: Roadnet, interval: float) -> None:
    for i in net.signalized:
        cycle = float(net.phase_time[net.phase_ptr[i] : net.phase_ptr[i + 1]].sum())
        if cycle < _SHORTEST_CYCLE * interval:
            name = f"intersection {net.intersection_ids[i]!r}"
            raise NetworkError(
                f"{net.file}: {name}: the phases of the built-in plan last {cycle} s in total"
            )
