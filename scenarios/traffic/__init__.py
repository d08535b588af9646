"""Signals of intersections let queues of vehicles pass."""

from scenarios.traffic.scenario import Traffic

__all__ = ["Traffic"]
