"""Trials as Optuna keeps them, read into ours."""

from collections.abc import Iterable
from dataclasses import replace

from optuna.trial import FrozenTrial, TrialState

from harness.tune.task import fate_of
from harness.tune.trial import Attempt, Fate, Trial, runs_of

ATTEMPT = "attempt"  # the note that says what a trial tries; the last thing that makes it one
_GOING_ON = {TrialState.RUNNING: Fate.RUNNING, TrialState.WAITING: Fate.WAITING}


class Reader:
    """Reads the trials of a study; those that have ended, only once.

    Args:
        n_seeds: Seeds of a whole trial.
    """

    def __init__(self, n_seeds: int) -> None:
        self._n_seeds = n_seeds
        self._ended: dict[int, Trial] = {}

    def read(self, kept: Iterable[FrozenTrial]) -> tuple[Trial, ...]:
        """Return the trials; of interrupted ones only what they go on as."""
        return tuple(self._ended.get(t.number) or self._read(t) for t in kept if counts(t))

    def _read(self, t: FrozenTrial) -> Trial:
        trial = Trial(
            number=t.number,
            attempt=Attempt.from_record(t.user_attrs[ATTEMPT]),
            runs=runs_of(t.user_attrs),
            fate=_GOING_ON.get(t.state, Fate.COMPLETE),
        )
        if t.state in _GOING_ON:
            return trial
        ended = "" if t.datetime_complete is None else t.datetime_complete.isoformat()
        trial = replace(trial, fate=fate_of(trial, self._n_seeds), ended=ended)
        self._ended[t.number] = trial
        return trial


def counts(t: FrozenTrial) -> bool:
    """Tell a trial from one that went on as another, or died before its values were whole."""
    return t.state is not TrialState.FAIL and ATTEMPT in t.user_attrs
