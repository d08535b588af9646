"""A study: which trial is next, and what the budget still pays for; and where all studies are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.results.files import is_held, storage_errors
from harness.tuning.plan import BASE, Plan, difference, fields, identity, plans
from harness.tuning.proposing import JointTPE, decoded, distribution, encoded
from harness.tuning.storage import StudyFiles, exists, load, locked, open_storage
from harness.tuning.trial import ATTEMPT, Attempt, RunningTrial, State, Trial, best, counts

FIRST = ("paper", BASE)  # presets that are tried before anything is proposed
_RETRY, _BUDGET, _IDENTITY = "retry_of", "budget", "identity"


class Study:
    """A study in Optuna's storage; several processes may work on it at the same time.

    Args:
        plan: What it compares.
        files: Where it is kept.
        url: A database in place of its journal.

    Raises:
        ConfigurationError: Under its name there is a study of something else, or its journal is
            damaged or locked.
        StorageError: The folder cannot be written.
    """

    def __init__(self, plan: Plan, files: StudyFiles, url: str | None = None) -> None:
        self.plan, self.files = plan, files
        self._ended: dict[int, Trial] = {}  # read once: they do not change any more
        self._distributions = {
            name: distribution(parameter) for name, parameter in plan.space.items()
        }
        storage = open_storage(files, url)
        with locked(self.files.choosing):
            self._study = load(storage, plan.name, maximize=plan.maximize)
            wanted, stands = identity(plan), self.notes.get(_IDENTITY)
            if stands is None:
                self.note(_IDENTITY, wanted)
            elif differs := difference(stands, wanted):
                raise ConfigurationError(
                    f"study {plan.name} ({files.journal}) differs in {differs}. Its trials cannot "
                    "be compared with new ones: move it aside, or take other --results or --storage"
                )

    @property
    def budget(self) -> int:
        """What it may use [environment steps]."""
        return int(self.notes.get(_BUDGET, 0))

    @property
    def notes(self) -> Mapping[str, Any]:
        """What is kept beside the trials."""
        return self._study.user_attrs

    def note(self, name: str, value: Any) -> None:
        """Keep something beside the trials."""
        with storage_errors(self.files.journal):
            self._study.set_user_attr(name, value)

    def grant(self, steps: int) -> None:
        """Let it use so many environment steps in all; less than before changes nothing."""
        with locked(self.files.choosing):
            if steps > self.budget:
                self.note(_BUDGET, steps)

    def trials(self) -> tuple[Trial, ...]:
        """Return its trials; of interrupted ones only what they go on as."""
        found = []
        for kept in filter(counts, self._study.get_trials(deepcopy=False)):
            trial = self._ended.get(kept.number) or Trial.of(kept, len(self.plan.seeds))
            if not trial.goes_on:
                self._ended[trial.number] = trial
            found.append(trial)
        return tuple(found)

    def best(self) -> Trial | None:
        """Return its best complete trial."""
        return best(self.trials(), maximize=self.plan.maximize)

    def next(self) -> RunningTrial | None:
        """Return the next trial to run, or none if the budget pays for no more.

        Interrupted trials go on first; then presets are tried as they are, then what is proposed.
        """
        with locked(self.files.choosing), storage_errors(self.files.journal):
            self._take_back_orphans()
            trials = self.trials()
            waiting = next((trial for trial in trials if trial.state is State.WAITING), None)
            if waiting is not None:
                return self._ask(waiting.attempt)
            seeds = affordable(self.plan, self.budget, trials)
            if not seeds:
                return None
            tried = {trial.attempt.preset for trial in trials}
            for preset in FIRST:
                if preset not in tried:
                    parameters = self.plan.preset_parameters(preset)
                    attempt = Attempt(preset=preset, parameters=parameters, seeds=seeds)
                    self._enqueue(attempt, {ATTEMPT: attempt.record()})
                    return self._ask(attempt)
            return self._propose(seeds, len(trials))

    def _propose(self, seeds: tuple[int, ...], n_trials: int) -> RunningTrial:
        space = self.plan.space
        self._study.sampler = JointTPE(self._distributions, self.plan.name, n_trials)
        asked = self._study.ask(self._distributions)
        parameters = {name: decoded(space[name], value) for name, value in asked.params.items()}
        attempt = Attempt(preset=None, parameters=parameters, seeds=seeds)
        asked.set_user_attr(ATTEMPT, attempt.record())  # from here on it counts
        return RunningTrial(self.plan, self.files, asked, attempt)

    def _ask(self, attempt: Attempt) -> RunningTrial:
        asked = self._study.ask({name: self._distributions[name] for name in attempt.parameters})
        return RunningTrial(self.plan, self.files, asked, attempt)

    def _enqueue(self, attempt: Attempt, notes: Mapping[str, Any]) -> None:
        params = {name: encoded(value) for name, value in attempt.parameters.items()}
        self._study.enqueue_trial(params, user_attrs=dict(notes))

    def _take_back_orphans(self) -> None:
        """Let trials whose process is gone go on under another number, with the runs they have."""
        lost = {t.number for t in self._running() if not is_held(self.files.trial(t.number))}
        # Read once more: a trial ends before it lets go of its lock, so what runs now is lost.
        orphans = [t for t in self._running() if t.number in lost]
        retried = {t.user_attrs.get(_RETRY) for t in self._study.get_trials(deepcopy=False)}
        for t in orphans:
            if counts(t) and t.number not in retried:
                attempt = Attempt.from_record(t.user_attrs[ATTEMPT])
                self._enqueue(attempt, {**t.user_attrs, _RETRY: t.number})
            self._study.tell(t.number, state=TrialState.FAIL)
            self.files.trial(t.number).unlink(missing_ok=True)

    def _running(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def affordable(plan: Plan, budget: int, trials: Sequence[Trial]) -> tuple[int, ...]:
    """Return the seeds that a further trial may run so that the budget cannot be overshot.

    What trials that go on may use yet is put by. All seeds, or none; once nothing else goes on,
    as many as the rest pays for: such a trial is cut short, it only makes budgets equal.

    Args:
        plan: Of the study.
        budget: What the study may use [environment steps].
        trials: All trials of the study.
    """
    going_on = [trial for trial in trials if trial.goes_on]
    to_come = sum(len(trial.attempt.seeds) - len(trial.runs) for trial in going_on)
    n = max(0, (budget - spent(trials)) // plan.run_steps - to_come)
    if n >= len(plan.seeds):
        return plan.seeds
    return () if going_on else plan.seeds[:n]


def spent(trials: Sequence[Trial]) -> int:
    """Return the environment steps that trials have used."""
    return sum(trial.steps for trial in trials)


def finished(study: Study) -> bool:
    """Say whether a study has spent its budget and no trial of it goes on."""
    trials, budget = study.trials(), study.budget
    if not budget or any(trial.goes_on for trial in trials):
        return False
    return not affordable(study.plan, budget, trials)


class StudyStore:
    """The studies of a grid.

    Args:
        grid: Which.
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
        there = (p for p in self.plans if exists(p, StudyFiles.of(self._folder, p), self._url))
        return [self.study(plan) for plan in there]

    def parent(self, plan: Plan) -> Plan:
        """Return the plan of the study that a plan inherits from.

        Raises:
            ConfigurationError: The grid asks for no such study.
        """
        for other in self.plans:
            if (other.task, other.method) == (plan.task, plan.parent):
                return other
        raise ConfigurationError(
            f"{plan.name}: inherits from {plan.parent}, which the grid does not have there; add it"
        )

    def _with_inheritance(self, plan: Plan) -> Plan:
        """Return the plan with all that the best trial of its parent has."""
        study = self.study(self.parent(plan))
        leader = study.best()
        if leader is None or not finished(study):
            raise ConfigurationError(
                f"{plan.name}: inherits from {plan.parent}, whose study is not finished; tune "
                f"{plan.parent} first, or both with one command"
            )
        config = leader.attempt.cell(study.plan, study.plan.seeds[0]).config
        names = sorted(fields(study.plan.method))
        return replace(plan, inherited={name: getattr(config, name) for name in names})
