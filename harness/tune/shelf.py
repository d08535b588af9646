"""The studies of a grid: opened when they are asked for, parents before heirs."""

from pathlib import Path

from harness.errors import ConfigurationError
from harness.grid import Grid
from harness.hparams import load_config
from harness.tune.budget import GOING_ON, affordable
from harness.tune.plan import Plan, plans
from harness.tune.storage import exists
from harness.tune.study import Study
from harness.tune.study_files import StudyFiles


class Shelf:
    """The studies of a grid.

    Args:
        grid: It.
        results: Folder of the results of all grids.
        url: A database in place of the journals.

    Attributes:
        plans: Of all studies that the grid asks for, parents before heirs.
    """

    def __init__(self, grid: Grid, results: Path, url: str | None = None) -> None:
        self._folder, self._url = results / grid.name, url
        self.plans = plans(grid, grid.cells)
        self._open = dict[str, Study]()

    def study(self, plan: Plan) -> Study:
        """Open a study, or make it.

        Raises:
            ConfigurationError: It is damaged, locked or of something else, or its parent has
                nothing to inherit yet.
            StorageError: The folder cannot be written.
        """
        if plan.name not in self._open:
            whole = plan if plan.parent is None else self._with_inheritance(plan)
            self._open[plan.name] = Study(whole, StudyFiles.of(self._folder, plan), self._url)
        return self._open[plan.name]

    def begun(self) -> list[Study]:
        """Open the studies that there are; none is made."""
        return [self.study(plan) for plan in self.plans if self._exists(plan)]

    def parent(self, plan: Plan) -> Plan:
        """Return the plan of the study that a plan inherits from.

        Raises:
            ConfigurationError: The grid asks for no such study.
        """
        for other in self.plans:
            if (other.place, other.method) == (plan.place, plan.parent):
                return other
        raise ConfigurationError(
            f"{plan.name}: inherits from {plan.parent}, which the grid does not have there; add it"
        )

    def _exists(self, plan: Plan) -> bool:
        return exists(plan.name, StudyFiles.of(self._folder, plan), self._url)

    def _with_inheritance(self, plan: Plan) -> Plan:
        study = self.study(self.parent(plan))
        best = study.best()
        if best is None or not finished(study):
            raise ConfigurationError(
                f"{plan.name}: inherits from {plan.parent}, whose study is not finished; tune "
                f"{plan.parent} first, or both with one command"
            )
        return plan.heir_of(load_config(best.attempt.cell(study.plan, study.plan.seeds[0])))


def finished(study: Study) -> bool:
    """Say whether a study has spent its budget and no trial of it goes on."""
    trials = study.trials()
    return (
        study.budget > 0
        and not any(trial.fate in GOING_ON for trial in trials)
        and not affordable(study.plan, study.budget, trials)
    )
