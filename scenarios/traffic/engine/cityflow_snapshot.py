"""Read a snapshot file that CityFlow wrote (specification, section 10).

Its numbers are read exactly, other than CityFlow reads them, so that the run goes on as it would
have without the file. What the file does not have: speeds set for the next step, when vehicles
entered (the time of their creation stands for it), and sums of waiting vehicles (they begin at 0).
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.traffic.engine.build import model_records
from scenarios.traffic.engine.random_numbers import N_WORDS, add_all
from scenarios.traffic.engine.simulation import Saved, Simulation
from scenarios.traffic.engine.state import NONE, PLANNED, QUEUED, RUNNING
from scenarios.traffic.engine.step import WAITING_SPEED
from scenarios.traffic.entries import Entry, NetworkError, read_json
from scenarios.traffic.flow import Router, VehicleModel

_NAME = re.compile(r"(?:flow_(\d+)|manually_pushed)_(\d+)", re.ASCII)
_INT32 = 2**31
_EVERY_LINK = -1  # as bits; the next step finds out which it is


def read_snapshot(path: str | Path, simulation: Simulation) -> Saved:
    """Return what a simulation can go on from.

    Args:
        path: the JSON file.
        simulation: of the network and demand that the snapshot is of; it is left alone.

    Raises:
        NetworkError: the file is unreadable, breaks a rule, or is of another network or demand.
    """
    content = read_json(path, parse_float=float)
    if not isinstance(content, dict) or "vehicles" not in content:
        raise NetworkError(f"{path}: snapshot: cannot be read: it has no 'vehicles'")
    root = Entry.of(str(path), "snapshot", content, strict=False)
    return _Reader(root, simulation).saved()


class _Reader:
    def __init__(self, root: Entry, simulation: Simulation) -> None:
        self._root, self._net = root, simulation.net
        self._router = Router(simulation.net)
        self._vehicles = [
            item.named(f"vehicle {item.string('id')!r}") for item in root.entries("vehicles")
        ]
        self._slots = {v.value["id"]: slot for slot, v in enumerate(self._vehicles)}
        self._roads = {road: r for r, road in enumerate(self._net.road_ids)}
        self._drivables = {name: d for d, name in enumerate(self._net.drivable_ids)}
        self._models, routes, self._state = simulation.blank(len(self._vehicles))
        self._routes: list[int] = routes.tolist()
        self._known: dict[tuple[int, ...], tuple[int, int]] = {}

    def saved(self) -> Saved:
        """Return models, routes and state."""
        for slot, vehicle in enumerate(self._vehicles):
            self._read_vehicle(slot, vehicle)
        priorities = self._state.vehicles["priority"][: len(self._vehicles)].astype(np.int64)
        if len(self._slots) < len(priorities) or len(set(priorities.tolist())) < len(priorities):
            self._root.fail("two vehicles have the same id or priority")
        add_all(self._state.keys, priorities)
        models = model_records(self._models, self._state.clock["dt"].item())
        which = self._state.journeys["model"][: len(priorities)]
        self._state.models[: len(priorities)] = models[which]
        self._read_lists()
        self._plan_rest()
        self._read_flows()
        self._read_lights()
        self._read_clock()
        self._state.random[:] = self._random_words()
        self._state.busy[:] = self._state.coming[:] = _EVERY_LINK
        return Saved(self._models, np.array(self._routes, dtype=np.int32), self._state)

    def _read_vehicle(self, slot: int, entry: Entry) -> None:
        v, speed = self._state.vehicles[slot], entry.number("speed", least=0.0)
        model = VehicleModel.read(replace(entry, value=entry.value | {"length": entry.get("len")}))
        x = 0.5 * speed * speed
        v["dis"], v["speed"], v["gap"] = entry.number("dis"), speed, entry.number("gap")
        v["length"], v["brake"], v["usual_brake"] = (
            model.length, x / model.max_neg_acc, x / model.usual_neg_acc
        )  # fmt: skip
        v["leader"], v["blocker"] = (self._other(entry, key) for key in ("leader", "blocker"))
        v["drivable"] = v["after"] = v["behind"] = v["new_blocker"] = v["new_drivable"] = NONE
        v["prev_drivable"] = (
            self._drivable(entry, entry.string("prevDrivable"))
            if "prevDrivable" in entry.value
            else NONE
        )
        v["link_time"] = _int32(entry, "enterLaneLinkTime")
        v["priority"], v["state"] = _int32(entry, "priority"), PLANNED
        roads = [self._road(entry, name) for name in entry.strings("route", least=1)]
        v["route_first"], v["route_last"] = self._stored(tuple(roads))
        self._read_journey(slot, entry, model, roads[0])

    def _read_journey(self, slot: int, entry: Entry, model: VehicleModel, first_road: int) -> None:
        journey, trip = self._state.journeys[slot], self._state.trips[slot]
        match = _NAME.fullmatch(entry.value["id"])
        if match is None:
            entry.fail("'id' is not one that a vehicle gets without changes of lane")
        flow, number = int(match[1] or NONE), int(match[2])
        if flow >= len(self._state.emitted):
            self._root.fail(f"is of another demand: there is no 'flow_{flow}'")
        if model not in self._models:
            self._models.append(model)
        journey["model"], journey["enter_time"] = (
            self._models.index(model), entry.number("enterTime")
        )  # fmt: skip
        journey["flow"], journey["number"], journey["trip"] = flow, number, slot
        journey["first_road"] = trip["first_road"] = first_road
        trip["flow"], trip["number"] = flow, number
        trip["created"] = round(journey["enter_time"] / self._state.clock["dt"][0])
        trip["admitted"] = trip["left_approach"] = trip["finished"] = NONE

    def _read_lists(self) -> None:
        """Put the vehicles onto the drivables and into the queues before them."""
        state, drivables = self._state, self._root.entry("drivables")
        for name in drivables.value:
            d, here = self._drivable(drivables, name), drivables.entry(name)
            slots = self._line_up(here, "vehicles", RUNNING, d)
            state.head[d], state.tail[d] = (slots[0], slots[-1]) if slots else (NONE, NONE)
            if d < self._net.n_lanes:
                speeds = state.vehicles["speed"][slots]
                state.count[d], state.waiting[d] = len(slots), (speeds < WAITING_SPEED).sum()
                queue = self._line_up(here, "waitingBuffer", QUEUED, d)
                state.queue_head[d], state.queue_tail[d] = (
                    (queue[0], queue[-1]) if queue else (NONE, NONE)
                )  # fmt: skip

    def _line_up(self, entry: Entry, key: str, kind: int, drivable: int) -> list[int]:
        slots = [self._slot(entry, name) for name in entry.strings(key)]
        v = self._state.vehicles
        if (v["state"][slots] != PLANNED).any() or len(set(slots)) < len(slots):
            entry.fail(f"'{key}' has a vehicle that is somewhere else, too")
        v["state"][slots], v["drivable"][slots] = kind, drivable
        v["behind"][slots[:-1]] = slots[1:]
        trips = self._state.trips
        if kind == RUNNING:
            trips["admitted"][slots] = trips["created"][slots]
        return slots

    def _plan_rest(self) -> None:
        """Let the vehicles that are nowhere yet, just pushed, enter with the next step."""
        state = self._state
        for slot in np.flatnonzero(state.vehicles["state"] == PLANNED).tolist():
            v, road = state.vehicles[slot], int(state.journeys["first_road"][slot])
            anchors = self._routes[v["route_first"] : v["route_last"]]
            v["route_first"], v["route_last"] = self._stored(self._router.expand(anchors) or ())
            if state.buffer_head[road] == NONE:
                state.buffer_head[road] = slot
            else:
                state.vehicles["behind"][state.buffer_tail[road]] = slot
            state.buffer_tail[road] = slot

    def _read_flows(self) -> None:
        flows, clock = self._root.entry("flows"), self._state.clock
        if len(flows.value) != len(self._state.emitted):
            flows.fail(f"is of another demand: it has {len(flows.value)} flows, not "
                       f"{len(self._state.emitted)}")  # fmt: skip
        for i in range(len(self._state.emitted)):
            flow = flows.entry(f"flow_{i}")
            self._state.now[i] = flow.number("nowTime")
            self._state.emitted[i] = _int32(flow, "cnt")
            # Flows that are over stand still; the time goes on in those that are not.
            clock["flow_time"] = max(clock["flow_time"][0], flow.number("currentTime"))

    def _read_lights(self) -> None:
        lights = self._root.entry("trafficLights")
        for i in self._net.signalized:
            light = lights.entry(self._net.intersection_ids[i])
            phase, n = light.integer("curPhaseIndex"), int(np.diff(self._net.phase_ptr)[i])
            if not 0 <= phase < n:
                light.fail(f"'curPhaseIndex' {phase} is not one of {n} phases")
            self._state.phase[i] = phase
            self._state.remaining[i] = light.number("remainDuration")

    def _read_clock(self) -> None:
        n, clock, kinds = len(self._vehicles), self._state.clock, self._state.vehicles["state"]
        clock["step"], clock["n_finished"] = (
            _int32(self._root, "step"), _int32(self._root, "finishedVehicleCnt")
        )  # fmt: skip
        clock["cumulative"] = self._root.number("cumulativeTravelTime")
        clock["n_alive"], clock["n_trips"] = n, n
        clock["n_free"] -= n
        self._state.free[: len(kinds) - n] = np.arange(len(kinds) - 1, n - 1, -1)
        for name, kind in (("n_planned", PLANNED), ("n_queued", QUEUED), ("n_running", RUNNING)):
            clock[name] = (kinds == kind).sum()

    def _random_words(self) -> Any:
        words = self._root.string("rnd").split()
        if len(words) != N_WORDS + 1 or not all(w.isdecimal() and int(w) < 2**32 for w in words):
            self._root.fail(f"'rnd' must be {N_WORDS + 1} numbers of 32 bits")
        return np.array(list(map(int, words)), dtype=np.uint32)

    def _stored(self, route: tuple[int, ...]) -> tuple[int, int]:
        if not route:
            return 0, 0
        if route not in self._known:
            self._known[route] = len(self._routes), len(self._routes) + len(route)
            self._routes += route
        return self._known[route]

    def _drivable(self, entry: Entry, name: str) -> int:
        if name not in self._drivables:
            entry.fail(f"is of another network: there is no lane or lane link {name!r}")
        return self._drivables[name]

    def _road(self, entry: Entry, name: str) -> int:
        if name not in self._roads:
            entry.fail(f"is of another network: there is no road {name!r}")
        return self._roads[name]

    def _other(self, entry: Entry, key: str) -> int:
        return self._slot(entry, entry.string(key)) if key in entry.value else NONE

    def _slot(self, entry: Entry, name: str) -> int:
        if name not in self._slots:
            entry.fail(f"there is no vehicle {name!r}")
        return self._slots[name]


def _int32(entry: Entry, key: str) -> int:
    value = entry.integer(key)
    if not -_INT32 <= value < _INT32:
        entry.fail(f"'{key}' must fit into 32 bits, is {value}")
    return value
