"""The specification, sections 3 to 9, as plain Python objects: the oracle of the fast engine.

Nothing here is fast. Names and order follow the specification page, so that the two can be read
side by side. It shares with the fast engine only the parsed network, the parsed flows and the
router.
"""

import copy
import math
import sys

import numpy as np

from scenarios.traffic.flow import Flow, Router, VehicleModel
from scenarios.traffic.roadnet import Roadnet

NEVER = 2147483647
TURN_SPEED = 8.3333
YIELD_DISTANCE = 5


def least(x, y):
    return x if x < y else y


def most(x, y):
    return x if x > y else y


def truncate(x):
    return int(x) if -2147483649.0 < x < 2147483648.0 else -2147483648


class Vehicle:
    def __init__(self, name, flow, model, priority, enter_time, anchors, speed=0.0):
        self.id, self.flow, self.model, self.priority = name, flow, model, priority
        self.enter_time, self.anchors = enter_time, anchors
        self.dis, self.speed, self.gap = 0.0, speed, 0.0
        self.drivable = self.prev_drivable = self.leader = self.blocker = None
        self.link_time = NEVER
        self.running = False
        self.custom_speed = None
        self.route, self.road_index, self.planned = None, 0, []
        self.new_dis = self.new_speed = self.new_blocker = None
        self.new_drivable, self.moved, self.ended = None, False, False

    @property
    def length(self):
        return self.model.length

    def min_brake(self):
        return 0.5 * self.speed * self.speed / self.model.max_neg_acc

    def approach(self, dt):
        m = self.model
        return m.max_speed * m.max_speed / m.usual_neg_acc / 2 + m.max_speed * dt * 2


class Drivable:
    def __init__(self, index, name, length, max_speed):
        self.index, self.id, self.length, self.max_speed = index, name, length, max_speed
        self.vehicles = []

    @property
    def last(self):
        return self.vehicles[-1] if self.vehicles else None


class Lane(Drivable):
    is_link = False

    def __init__(self, *args, road, position):
        super().__init__(*args)
        self.road, self.position, self.out, self.queue = road, position, [], []

    def links_to(self, road):
        return [link for link in self.out if link.end.road == road]


class Link(Drivable):
    is_link = True

    def __init__(self, *args, start, end, kind):
        super().__init__(*args)
        self.start, self.end, self.kind, self.green = start, end, kind, False
        self.turn = kind in (1, 2)
        self.crosses = []


class Side:
    """One link's side of a cross: the vehicle notified there, and its distance."""

    def __init__(self, link, distance):
        self.link, self.distance, self.other = link, distance, None
        self.vehicle, self.notify_distance = None, 0.0


class FlowState:
    def __init__(self, flow: Flow, name):
        self.flow, self.id, self.valid = flow, name, True
        self.reset()

    def reset(self):
        self.now, self.cur, self.count = self.flow.interval, 0.0, 0


class SlowEngine:
    def __init__(self, net: Roadnet, flows, *, dt=1.0, seed=0, rl=True):
        self.net, self.dt, self.seed, self.rl = net, dt, seed, rl
        self.router = Router(net)
        self.flows = [FlowState(flow, f"flow_{i}") for i, flow in enumerate(flows)]
        self.n_pushed = 0
        self.build()
        self.random = np.random.RandomState(seed % 2**32)._bit_generator
        self.restart()

    # ---- network -------------------------------------------------------------------------

    def build(self):
        net = self.net
        length, speed = net.drivable_length.tolist(), net.drivable_max_speed.tolist()
        self.lanes = [
            Lane(k, name, length[k], speed[k], road=int(net.lane_road[k]),
                 position=int(net.lane_index[k]))
            for k, name in enumerate(net.lane_ids)
        ]  # fmt: skip
        self.links = [
            Link(net.n_lanes + k, name, length[net.n_lanes + k], speed[net.n_lanes + k],
                 start=self.lanes[net.link_start[k]], end=self.lanes[net.link_end[k]],
                 kind=int(net.link_kind[k]))
            for k, name in enumerate(net.link_ids)
        ]  # fmt: skip
        self.drivables = self.lanes + self.links
        for k, lane in enumerate(self.lanes):
            row = net.lane_out[net.lane_out_ptr[k] : net.lane_out_ptr[k + 1]]
            lane.out = [self.links[j] for j in row]
        sides = [
            Side(self.links[k], d)
            for k, d in zip(net.cross_link.tolist(), net.cross_distance.tolist(), strict=True)
        ]
        for side, other in zip(sides, net.cross_other.tolist(), strict=True):
            side.other = sides[other]
        for k, link in enumerate(self.links):
            link.crosses = sides[net.cross_ptr[k] : net.cross_ptr[k + 1]]
        self.road_lanes = [
            self.lanes[net.road_lane_ptr[r] : net.road_lane_ptr[r + 1]]
            for r in range(len(net.road_ids))
        ]

    def restart(self):
        self.step = self.active = self.finished = 0
        self.cumulative = 0.0
        self.pool = {}
        self.plan_buffers = [[] for _ in self.net.road_ids]
        for drivable in self.drivables:
            drivable.vehicles = []
        for lane in self.lanes:
            lane.queue = []
        for state in self.flows:
            state.reset()
        n = len(self.net.intersection_ids)
        self.phase = [0] * n
        self.remaining = [
            0.0 if self.net.intersection_virtual[i] else float(self.phase_times(i)[0])
            for i in range(n)
        ]
        for i in self.net.signalized:
            self.show_phase(i)

    def phase_times(self, i):
        return self.net.phase_time[self.net.phase_ptr[i] : self.net.phase_ptr[i + 1]]

    def show_phase(self, i):
        p = self.net.phase_ptr[i] + self.phase[i]
        row = self.net.phase_green[self.net.phase_green_ptr[p] : self.net.phase_green_ptr[p + 1]]
        links = self.links[self.net.link_ptr[i] : self.net.link_ptr[i + 1]]
        for link, green in zip(links, row, strict=True):
            link.green = bool(green)

    # ---- 3, 4: creation and planning -----------------------------------------------------

    def draw(self):
        return int(self.random.random_raw())

    def create(self, name, flow, model, anchors, speed=0.0):
        while True:
            priority = self.draw()
            priority -= 2**32 if priority >= 2**31 else 0
            if priority not in self.pool:
                break
        self.draw()
        vehicle = Vehicle(name, flow, model, priority, self.step * self.dt, anchors, speed)
        self.pool[priority] = vehicle
        self.plan_buffers[anchors[0]].append(vehicle)
        return vehicle

    def after_lane(self, vehicle, lane):
        route = vehicle.route
        k = vehicle.road_index
        while k < len(route) and route[k] != lane.road:
            k += 1
        if k >= len(route) - 1:
            return None
        candidates = lane.links_to(route[k + 1])
        if k + 2 < len(route):
            candidates = [c for c in candidates if c.end.links_to(route[k + 2])]
        if not candidates:
            return None
        return min(candidates, key=lambda c: abs(c.end.position - lane.position))

    def plan(self, vehicle, i):
        while len(vehicle.planned) <= i:
            last = vehicle.planned[-1] if vehicle.planned else vehicle.drivable
            after = last.end if last.is_link else self.after_lane(vehicle, last)
            if after is None:
                return None
            vehicle.planned.append(after)
        return vehicle.planned[i]

    # ---- 5: one step ---------------------------------------------------------------------

    def next_step(self):
        self.emit_flows()
        self.place_planned()
        self.admit()
        self.notify()
        running = [v for v in self.pool.values() if v.running]
        for vehicle in running:
            self.act(vehicle)
        self.relocate()
        self.commit()
        self.update_leaders()
        if not self.rl:
            self.advance_lights()
        self.step += 1

    def emit_flows(self):
        for state in self.flows:
            flow = state.flow
            if not state.valid or (flow.end_time != -1 and state.cur > flow.end_time):
                continue
            if state.cur >= flow.start_time:
                while state.now >= flow.interval:
                    name = f"{state.id}_{state.count}"
                    self.create(name, state, flow.model, list(flow.anchors))
                    state.count += 1
                    state.now -= flow.interval
                state.now += self.dt
            state.cur += self.dt

    def place_planned(self):
        for road, buffer in enumerate(self.plan_buffers):
            self.plan_buffers[road] = []
            for vehicle in buffer:
                route = self.router.expand(vehicle.anchors)
                if route is None:
                    del self.pool[vehicle.priority]
                    if vehicle.flow is not None:
                        vehicle.flow.valid = False
                    continue
                vehicle.route = list(route)
                lanes = [k for k in self.road_lanes[route[0]] if k.links_to(route[1])]
                vehicle.drivable = lanes[self.draw() % len(lanes)]
                vehicle.drivable.queue.append(vehicle)

    def admit(self):
        for lane in self.lanes:
            if not lane.queue:
                continue
            vehicle, last = lane.queue[0], lane.last
            if last is None or last.dis > last.length + vehicle.model.min_gap:
                lane.queue.pop(0)
                vehicle.running = True
                self.active += 1
                lane.vehicles.append(vehicle)
                self.update_leader(vehicle, last)

    def notify(self):
        for link in self.links:
            for side in link.crosses:
                side.vehicle = None
        for link in self.links:
            self.notify_link(link)

    def notify_link(self, link):  # noqa: C901 - a, b and c share one cursor
        todo = link.crosses[::-1]

        def mark(vehicle, distance):
            side = todo.pop(0)
            side.vehicle, side.notify_distance = vehicle, distance

        v = link.end.last
        if v is not None and v.prev_drivable is link:
            while todo:
                c = link.length - todo[0].distance
                if not c + (v.dis - v.length) < 0:
                    break
                mark(v, -(v.dis + c))
        for v in link.vehicles:
            while todo:
                d = todo[0].distance
                if v.dis > d and not v.dis - d - v.length <= 0:
                    break
                mark(v, d - v.dis)
        first = link.start.vehicles[0] if link.start.vehicles else None
        if first is not None and self.plan(first, 0) is link and link.green:
            while todo:
                mark(first, (link.start.length - first.dis) + todo[0].distance)

    def act(self, v):
        v.new_blocker = None
        speed = self.next_speed(v)
        if speed < 0:
            move = 0.5 * v.speed * v.speed / v.model.max_neg_acc
            speed = 0.0
        else:
            move = (v.speed + speed) * self.dt / 2
        new, drivable, i = move + v.dis, v.drivable, 0
        while drivable is not None and new > drivable.length:
            new -= drivable.length
            drivable = self.plan(v, i)
            i += 1
        v.new_speed, v.new_dis, v.new_drivable = speed, new, drivable
        v.ended, v.moved = drivable is None, drivable is not v.drivable

    def relocate(self):
        arrivals, gone = [], set()
        for drivable in self.drivables:
            for v in drivable.vehicles:
                if v.ended:
                    self.finished += 1
                    self.cumulative += self.step * self.dt - v.enter_time
                    del self.pool[v.priority]
                    self.active -= 1
                    gone.add(v)
                elif v.moved:
                    arrivals.append(v)
            drivable.vehicles = [v for v in drivable.vehicles if not v.moved]
        for v in sorted(arrivals, key=lambda v: (-v.new_dis, v.priority)):
            v.new_drivable.vehicles.append(v)
            v.link_time = self.step if v.new_drivable.is_link else NEVER
        self.gone = gone

    def commit(self):
        for v in self.pool.values():
            if not v.running:
                continue
            v.dis, v.speed, v.custom_speed = v.new_dis, v.new_speed, None
            v.blocker = None if v.new_blocker in self.gone else v.new_blocker
            if not v.moved:
                continue
            v.prev_drivable, v.drivable = v.drivable, v.new_drivable
            v.planned = v.planned[v.planned.index(v.drivable) + 1 :]
            if not v.drivable.is_link:
                while v.route[v.road_index] != v.drivable.road:
                    v.road_index += 1

    def update_leaders(self):
        for drivable in self.drivables:
            before = None
            for v in drivable.vehicles:
                self.update_leader(v, before)
                before = v

    def advance_lights(self):
        for i in self.net.signalized:
            times = self.phase_times(i).tolist()
            self.remaining[i] -= self.dt
            while self.remaining[i] <= 0:
                self.phase[i] = (self.phase[i] + 1) % len(times)
                self.remaining[i] += times[self.phase[i]]
            self.show_phase(i)

    # ---- 7: leader and gap ---------------------------------------------------------------

    def update_leader(self, v, before):
        if before is not None:
            v.leader, v.gap = before, before.dis - before.length - v.dis
            return
        v.leader = None
        dis, i = v.drivable.length - v.dis, 0
        while (drivable := self.plan(v, i)) is not None:
            if drivable.is_link:
                lasts = [k.last for k in drivable.start.out if k.last is not None]
                gaps = [dis + c.dis - c.length for c in lasts]
                if gaps:
                    v.gap = min(gaps)
                    v.leader = lasts[gaps.index(v.gap)]
                    return
            elif drivable.last is not None:
                v.leader = drivable.last
                v.gap = dis + v.leader.dis - v.leader.length
                return
            dis += drivable.length
            if dis > v.approach(self.dt):
                return
            i += 1

    # ---- 8: next speed -------------------------------------------------------------------

    def next_speed(self, v):
        m, dt, here = v.model, self.dt, v.drivable
        s = m.max_speed
        s = least(s, v.speed + m.max_pos_acc * dt)
        s = least(s, here.max_speed)
        s = least(s, self.car_follow(v))
        after = self.plan(v, 0)
        near = after is not None and after.is_link and here.length - v.dis <= v.approach(dt)
        if here.is_link or near:
            s = least(s, self.intersection_speed(v, after))
        s = least(s, 100.0)
        if after is None and not (not here.is_link and here.road == v.route[-1]):
            stop = self.no_collision(0, 1, v.speed, m.max_neg_acc, here.length - v.dis, m.min_gap)
            s = least(s, stop)
        return most(s, v.speed - m.max_neg_acc * dt)

    def car_follow(self, v):
        m, dt, lead = v.model, self.dt, v.leader
        if lead is None:
            return m.max_speed if v.custom_speed is None else v.custom_speed
        x = self.no_collision(lead.speed, lead.model.max_neg_acc, v.speed, m.max_neg_acc, v.gap, 0)
        if v.custom_speed is not None:
            return least(v.custom_speed, x)
        assume = v.speed - lead.speed if v.speed > lead.speed else 0
        usual = self.no_collision(
            lead.speed, lead.model.usual_neg_acc, v.speed, m.usual_neg_acc, v.gap, m.min_gap
        )
        x = least(x, usual)
        keep = (v.gap + (lead.speed + assume / 2) * dt - v.speed * dt / 2) / (
            m.headway_time + dt / 2
        )
        return least(x, keep)

    def no_collision(self, v_l, d_l, v_f, d_f, gap, target):
        dt = self.dt
        c = v_f * dt / 2 + target - 0.5 * v_l * v_l / d_l - gap
        a, b = 0.5 / d_f, 0.5 * dt
        if b * b < 4 * a * c:
            return -100.0
        v1 = 0.5 / a * (math.sqrt(b * b - 4 * a * c) - b)
        v2 = 2 * v_l - d_l * dt + 2 * (gap - target) / dt
        return least(v1, v2)

    def stop_before(self, v, d):
        m, dt, speed = v.model, self.dt, v.speed
        ns = speed + m.usual_pos_acc * dt
        if (speed + ns) * dt / 2 + (ns * ns / m.usual_neg_acc / 2) < d:
            return speed + m.usual_pos_acc * dt
        t = 2 * d / (speed + 1e-8) / dt
        if t >= 1:
            return speed - speed / truncate(t)
        if t == 0:
            return math.nan if speed == 0 else -math.inf
        return speed - speed / t

    def intersection_speed(self, v, after):
        s, here = v.model.max_speed, v.drivable
        rest = here.length - v.dis
        if here.is_link:
            link, start = here, v.dis
        else:
            link, start = after, -rest
            if (not link.green or not self.can_enter(v, link.end)) and not v.min_brake() > rest:
                return least(s, self.stop_before(v, rest))
            if link.turn:
                s = least(s, TURN_SPEED)
        for side in link.crosses:
            if side.distance >= start and not self.can_pass(v, side, start):
                s = least(s, self.stop_before(v, side.distance - start - YIELD_DISTANCE))
                v.new_blocker = side.other.vehicle
                break
        return s

    def can_enter(self, v, lane):
        last = lane.last
        return last is None or last.dis > last.length + v.length or last.speed >= 2

    def can_pass(self, v, side, start):
        foe = side.other.vehicle
        if foe is None:
            return True
        d1, d2 = side.distance - start, side.other.notify_distance
        if not self.can_yield(v, d1):
            return True
        if self.has_right_of_way(v, side.link, d1, foe, side.other.link, d2):
            return True
        fast = slow = foe
        while fast is not None and fast.blocker is not None:
            slow, fast = slow.blocker, fast.blocker.blocker
            if slow is fast:
                return True
        return False

    def can_yield(self, x, dist):
        if dist > 0:
            return x.min_brake() < dist - YIELD_DISTANCE
        return dist < 0 and dist + x.length < 0

    def has_right_of_way(self, v, mine, d1, foe, theirs, d2):
        if not self.can_yield(foe, d2):
            return False
        if mine.kind > theirs.kind:
            return True
        if d2 <= 0:
            return d2 + foe.length < 0
        r1, r2 = self.reach(v, d1, mine), self.reach(foe, d2, theirs)
        if mine.kind < theirs.kind or r1 != r2:
            return r2 > r1
        if v.link_time != foe.link_time:
            return v.link_time < foe.link_time
        return v.priority > foe.priority if d1 == d2 else d1 < d2

    def reach(self, x, d, link):
        dt, speed, acc = self.dt, x.speed, x.model.usual_pos_acc
        target = TURN_SPEED if link.turn else x.model.max_speed
        if d <= 0:
            return 0
        if speed > target:
            return truncate(math.ceil(d / speed))
        u = self.distance_until(speed, target, acc)
        if u > d:
            return truncate(math.ceil((math.sqrt(speed * speed + 2 * acc * d) - speed) / acc / dt))
        first = truncate(math.ceil((target - speed) / acc / dt))
        return first + truncate(math.ceil((d - u) / target / dt))

    def distance_until(self, speed, target, acc):
        dt = self.dt
        if target <= speed:
            return 0.0
        k = truncate(math.floor((target - speed) / acc / dt))
        s1 = speed + k * acc / dt
        u = (speed + s1) * (k * dt) / 2
        return u + ((s1 + target) * dt / 2 if s1 < target else 0.0)

    # ---- 9, 10: the API ------------------------------------------------------------------

    def in_priority_order(self):
        return [self.pool[p] for p in sorted(self.pool)]

    def vehicle(self, name):
        for v in self.pool.values():
            if v.id == name:
                return v
        raise RuntimeError(f"Vehicle '{name}' not found")

    def get_vehicles(self, include_waiting=False):
        return [v.id for v in self.in_priority_order() if v.running or include_waiting]

    def get_average_travel_time(self):
        total = self.cumulative
        for v in self.in_priority_order():
            total += self.step * self.dt - v.enter_time
        n = self.finished + len(self.pool)
        return total / n if n else 0.0

    def set_tl_phase(self, intersection, phase):
        i = self.net.intersection_ids.index(intersection)
        if not self.net.intersection_virtual[i]:
            self.phase[i] = phase
            self.show_phase(i)

    def set_vehicle_speed(self, name, speed):
        self.vehicle(name).custom_speed = speed

    def set_vehicle_route(self, name, roads):
        v = self.vehicle(name)
        if v.drivable is None or v.drivable.is_link:
            return False
        index = {road: r for r, road in enumerate(self.net.road_ids)}
        if any(road not in index for road in roads):
            return False
        here = v.route[v.road_index]  # the route's start after a load, not the lane's road
        route = self.router.expand([here, *(index[road] for road in roads)])
        if route is None:
            return False
        old = v.route, v.road_index, v.planned
        v.route, v.road_index, v.planned = list(route), 0, []
        if self.plan(v, 0) is None and route[-1] != v.drivable.road:
            v.route, v.road_index, v.planned = old
            return False
        return True

    def push_vehicle(self, model: VehicleModel, roads, speed=0.0):
        anchors = [self.net.road_ids.index(road) for road in roads]
        self.create(f"manually_pushed_{self.n_pushed}", None, model, anchors, speed)
        self.n_pushed += 1

    def reset(self, seed=False):
        if seed:
            self.random = np.random.RandomState(self.seed % 2**32)._bit_generator
        self.restart()

    def deep_copy(self, values):
        """Copy a web of vehicles, each of which refers to others, to any depth."""
        fixed = {id(x): x for x in (self.net, self.router)}
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(200_000)
        try:
            return copy.deepcopy(values, fixed)
        finally:
            sys.setrecursionlimit(limit)

    def snapshot(self):
        return self.deep_copy(self.__dict__)

    def load(self, archive):
        validity, n_pushed = [f.valid for f in self.flows], self.n_pushed
        self.__dict__ = self.deep_copy(archive)
        self.n_pushed = n_pushed
        for flow, valid in zip(self.flows, validity, strict=True):
            flow.valid = valid
        for v in self.pool.values():
            v.road_index, v.planned = 0, []
