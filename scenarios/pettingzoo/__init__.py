"""PettingZoo, both ways: our scenarios as parallel environments, and theirs as a scenario."""

from scenarios.pettingzoo.parallel import parallel_env
from scenarios.pettingzoo.scenario import PettingZooScenario

__all__ = ["PettingZooScenario", "parallel_env"]
