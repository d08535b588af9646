"""Simulators of networked multi-agent problems, and the table of their names."""

from collections.abc import Mapping
from types import MappingProxyType

from scenarios.base import Scenario
from scenarios.jungle import Jungle
from scenarios.pettingzoo import PettingZooScenario
from scenarios.prisoner import Prisoner
from scenarios.routing import Routing
from scenarios.traffic import Traffic

SCENARIOS: Mapping[str, type[Scenario]] = MappingProxyType(
    {
        "prisoner": Prisoner,
        "jungle": Jungle,
        "traffic": Traffic,
        "routing": Routing,
        "pettingzoo": PettingZooScenario,  # any environment of others: it needs the module's name
    }
)
