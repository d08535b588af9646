"""The files of one study, and the locks that keep processes off each other's trials."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import ConfigurationError
from harness.tune.plan import Plan

FOLDER = "tune"  # in a grid's folder of results
PATIENCE_S = 30.0  # with who holds a lock; it takes milliseconds


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """Where a study keeps what.

    Attributes:
        journal: All its trials: the record, and committed. ``optuna-dashboard`` opens it.
        writing: Lock, held while a line is added to the journal.
        choosing: Lock, held while the next trial is chosen.
        unseen: Lock, held by who compares what was found with the defaults.
    """

    journal: Path
    writing: Path
    choosing: Path
    unseen: Path

    @classmethod
    def of(cls, results: Path, plan: Plan) -> "StudyFiles":
        """Return the files of a study in a grid's folder of results."""
        stem = results / FOLDER / plan.place / plan.method
        suffixes = (".log", ".writing.lock", ".choosing.lock", ".unseen.lock")
        return cls(*(stem.with_name(stem.name + suffix) for suffix in suffixes))

    def trial(self, number: int) -> Path:
        """Return the lock that is held while a trial is being run."""
        return self.journal.with_suffix(f".trial-{number}.lock")


def has_studies(results: Path) -> bool:
    """Say whether a grid's folder of results has journals; of databases only `tune` knows."""
    return any((results / FOLDER).glob("*/*.log"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock for the time of the block; the system frees it when its process dies.

    Raises:
        ConfigurationError: Somebody else holds it for too long.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE_S, poll_interval=0.005)
    except Timeout:
        raise ConfigurationError(
            f"{path}: locked by another process for {PATIENCE_S:g} s; is a `tune` on the same "
            "study stopped or stuck? End it; no finished trial is lost"
        ) from None
    try:
        yield
    finally:
        lock.release()


def try_lock(path: Path) -> FileLock | None:
    """Return a lock, taken; None if somebody else has it."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
