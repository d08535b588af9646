"""The formulas of the driver model (specification, sections 8.1, 8.2 and 8.4).

Written in the order in which CityFlow rounds; ``min`` and ``max`` are spelled out because they
decide what happens to NaN. Vehicles, models and the clock are records.
"""

import math
from typing import Any

import numpy as np

from scenarios.compiled import inlined, lean_kernel

TURN_SPEED = 8.3333
YIELD_DISTANCE = 5


@inlined
def least(x: float, y: float) -> float:
    """Return the smaller number as CityFlow picks it: y unless x is less."""
    return x if x < y else y


@inlined
def truncate(x: float) -> int:
    """Return x as a 32-bit integer as x86 converts it: -2^31 where it does not fit."""
    if -2147483649.0 < x < 2147483648.0:
        return int(x)
    return -2147483648


@inlined
def over_dt(x: float, clock: Any) -> float:
    """Return x / dt, by a product where that is exact."""
    if clock.exact:
        return x * clock.per_dt
    return x / clock.dt


@inlined
def no_collision(
    lead_speed: float, lead_brake: float, lead_step: float, speed: float, a: float, half_over_a:
    float, gap: float, target: float, clock: Any,
) -> float:  # fmt: skip
    """Return the largest speed that keeps clear of a braking leader [m/s].

    Args:
        lead_speed: speed of the leader.
        lead_brake: its braking distance.
        lead_step: its deceleration times dt.
        speed: own speed.
        a: 0.5 over the own deceleration.
        half_over_a: 0.5 / a.
        gap: distance to the leader.
        target: gap to keep.
        clock: the clock, for dt.
    """
    c = speed * clock.dt / 2 + target - lead_brake - gap
    b = 0.5 * clock.dt
    if b * b < 4 * a * c:
        return -100.0
    v1 = half_over_a * (math.sqrt(b * b - 4 * a * c) - b)
    v2 = 2 * lead_speed - lead_step + over_dt(2 * (gap - target), clock)
    return least(v1, v2)


@inlined
def car_follow(v: Any, m: Any, lead: Any, lead_m: Any, clock: Any) -> float:
    """Return the speed that a vehicle with a leader keeps (section 8.1)."""
    x = no_collision(
        lead.speed, lead.brake, lead_m.neg_step, v.speed, m.a, m.half_over_a, v.gap, 0.0, clock
    )
    if v.custom:
        return x
    y = no_collision(
        lead.speed, lead.usual_brake, lead_m.usual_neg_step,
        v.speed, m.usual_a, m.half_over_usual_a, v.gap, m.min_gap, clock,
    )  # fmt: skip
    x = least(x, y)
    assume = v.speed - lead.speed if v.speed > lead.speed else 0.0
    y = (v.gap + (lead.speed + assume / 2) * clock.dt - v.speed * clock.dt / 2) / m.headway
    return least(x, y)


@inlined
def stop_before(v: Any, m: Any, d: float, clock: Any) -> float:
    """Return the speed with which a vehicle stops within d meters (section 8.2)."""
    ahead = v.speed + m.usual_pos_step
    if (v.speed + ahead) * clock.dt / 2 + (ahead * ahead / m.usual_neg_acc / 2) < d:
        return ahead
    t = over_dt(2 * d / (v.speed + 1e-8), clock)
    if t >= 1:
        return v.speed - v.speed / truncate(t)
    return v.speed - v.speed / t


@inlined
def can_yield(x: Any, dist: float) -> bool:
    """Return whether a vehicle can still stop before a cross, or has fully passed it."""
    if dist > 0:
        return x.brake < dist - YIELD_DISTANCE
    return dist < 0 and dist + x.length < 0


@lean_kernel
def reach(x: Any, m: Any, d: float, kind: int, clock: Any) -> int:
    """Return in how many steps a vehicle gets d meters ahead on a link of a kind."""
    if d <= 0:
        return 0
    target = TURN_SPEED if kind == 1 or kind == 2 else m.max_speed
    if x.speed > target:
        return truncate(np.ceil(d / x.speed))
    acc, dt = m.usual_pos_acc, clock.dt
    gained = distance_until(x.speed, target, acc, dt)
    if gained > d:
        return truncate(np.ceil((math.sqrt(x.speed * x.speed + 2 * acc * d) - x.speed) / acc / dt))
    first = truncate(np.ceil((target - x.speed) / acc / dt))
    return first + truncate(np.ceil((d - gained) / target / dt))


@inlined
def distance_until(speed: float, target: float, acc: float, dt: float) -> float:
    """Return the distance covered while accelerating to a target speed [m]."""
    if target <= speed:
        return 0.0
    k = truncate(np.floor((target - speed) / acc / dt))
    s1 = speed + k * acc / dt
    distance = (speed + s1) * (k * dt) / 2
    if s1 < target:
        distance += (s1 + target) * dt / 2
    return distance
