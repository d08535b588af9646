"""What the user wants of ``tune``."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigurationError
from harness.tuning.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asked for beside the grid: see the options of the same names.

    Attributes:
        trials: Whole trials that the budget is to pay for; None if the budget is given.
        budget: Environment steps of every study; None if trials are given, or nothing is tuned.
        unseen: Seeds on which results are compared with the defaults.
        n_workers: Runs at a time.
        storage: A database in place of journals.
        write: Where preset ``tuned`` goes.
        matched_snr: Whether to run fixed LToS and NeurComm at matched levels.
        track: Whether studies go to MLflow; None: if there is a tracker.
    """

    trials: int | None
    budget: int | None
    unseen: int
    n_workers: int
    storage: str | None
    write: Path | None
    matched_snr: bool
    track: bool | None

    @property
    def tunes(self) -> bool:
        """Whether anything is to be tuned."""
        return self.trials is not None or self.budget is not None

    def steps(self, plan: Plan) -> int:
        """Return the budget of a study [environment steps].

        Raises:
            ConfigurationError: It does not pay for one trial.
        """
        if self.trials is not None:
            return self.trials * plan.trial_steps
        assert self.budget is not None  # one of both is given
        if self.budget < plan.trial_steps:
            raise ConfigurationError(
                f"--budget {self.budget}: a trial of {plan.name} may take {plan.trial_steps:,} "
                f"environment steps ({len(plan.seeds)} seeds, {plan.run_steps:,} each); give that "
                "much for every trial"
            )
        return self.budget
