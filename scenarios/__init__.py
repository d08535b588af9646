"""Simulators of networked multi-agent problems, and the table of their names."""

from collections.abc import Mapping
from types import MappingProxyType

from scenarios.base import Scenario
from scenarios.prisoner import Prisoner

SCENARIOS: Mapping[str, type[Scenario]] = MappingProxyType({"prisoner": Prisoner})
