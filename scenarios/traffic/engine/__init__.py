"""A traffic microsimulation that behaves as CityFlow 0.1 does, bit for bit, and faster."""

from scenarios.traffic.engine.engine import Archive, Engine
from scenarios.traffic.engine.simulation import Simulation

__version__ = "0.1"

__all__ = ["Archive", "Engine", "Simulation", "__version__"]
