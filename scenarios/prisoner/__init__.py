"""Two agents in a corridor, with the prisoner's dilemma at their first move."""

from scenarios.prisoner.scenario import COOPERATE, DEFECT, Prisoner

__all__ = ["COOPERATE", "DEFECT", "Prisoner"]
