"""Agents on a grid eat or attack each other; the graph moves with them."""

from scenarios.jungle.scenario import Jungle

__all__ = ["Jungle"]
