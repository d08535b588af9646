"""Simulators of networked multi-agent problems, and the table of their names.

``scenarios.pettingzoo`` is not in it: it stands for environments of others and is nothing without
a module's name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from scenarios.base import Scenario
from scenarios.jungle import Jungle
from scenarios.prisoner import Prisoner
from scenarios.routing import Routing

SCENARIOS: Mapping[str, type[Scenario]] = MappingProxyType(
    {"prisoner": Prisoner, "jungle": Jungle, "routing": Routing}
)
