"""Routers of a backbone forward packets along unequal links."""

from scenarios.routing.scenario import Routing

__all__ = ["Routing"]
