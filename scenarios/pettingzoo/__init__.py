"""Environments of PettingZoo as a scenario; ``scenarios.parallel`` has ours as theirs."""

from scenarios.pettingzoo.scenario import PettingZooScenario

__all__ = ["PettingZooScenario"]
