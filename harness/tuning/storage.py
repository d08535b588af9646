"""The files of one study, and the locks that keep processes off each other's trials."""

import errno
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection

from harness.errors import ConfigurationError
from harness.results.files import NotAFile, read_file, storage_errors
from harness.tuning import FOLDER
from harness.tuning.plan import Plan
from harness.tuning.proposing import pruner

PATIENCE_S = 30.0  # with who holds a lock; it takes milliseconds


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """Where a study keeps what.

    Attributes:
        journal: All its trials: the record, and committed. ``optuna-dashboard`` opens it.
        writing: Lock, held while a line is added to the journal.
        choosing: Lock, held while the next trial is chosen.
        comparing: Lock, held by who compares what was found with the defaults.
    """

    journal: Path
    writing: Path
    choosing: Path
    comparing: Path

    @classmethod
    def of(cls, results: Path, plan: Plan) -> "StudyFiles":
        """Return the files of a study in a grid's folder of results."""
        stem = results / FOLDER / plan.task / plan.method
        suffixes = (".log", ".writing.lock", ".choosing.lock", ".comparing.lock")
        return cls(*(stem.with_name(stem.name + suffix) for suffix in suffixes))

    def trial(self, number: int) -> Path:
        """Return the lock that is held while a trial is being run."""
        return self.journal.with_suffix(f".trial-{number}.lock")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock for the time of the block; the system frees it when its process dies.

    Raises:
        ConfigurationError: Somebody else holds it for too long.
        StorageError: It cannot be made.
    """
    with storage_errors(path):
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
    """Return a lock, taken; None if somebody else has it.

    Raises:
        StorageError: It cannot be made.
    """
    with storage_errors(path):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock


optuna.logging.set_verbosity(optuna.logging.ERROR)  # our own views say what there is to say


def open_storage(files: StudyFiles, url: str | None) -> BaseStorage:
    """Open what keeps a study.

    Args:
        files: Of the study.
        url: A database in place of the journal.

    Raises:
        ConfigurationError: The journal is damaged or locked, or there is no such database.
        StorageError: The folder cannot be written.
    """
    with storage_errors(files.journal):
        files.journal.parent.mkdir(parents=True, exist_ok=True)
        if url is not None:
            return _database(url, files.journal.parents[1])
        with locked(files.writing):
            _mend(files.journal)
        try:
            return JournalStorage(_Journal(files))
        except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise _damaged(files.journal, f"{type(error).__name__}: {error}") from error


def exists(plan: Plan, files: StudyFiles, url: str | None) -> bool:
    """Say whether a plan's study was begun; makes none.

    Raises:
        ConfigurationError: There is no such database.
    """
    if url is None:
        return files.journal.exists()
    return plan.name in optuna.get_all_study_names(_database(url, files.journal.parents[1]))


def load(storage: BaseStorage, name: str, *, maximize: bool) -> optuna.Study:
    """Return a study, or make it."""
    try:  # `create_study` would leave a line in the journal each time
        return optuna.load_study(study_name=name, storage=storage, pruner=pruner())
    except KeyError:
        way = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
        return optuna.create_study(study_name=name, storage=storage, pruner=pruner(), direction=way)


class _Journal(JournalFileBackend):
    """Optuna's journal, quicker: it waits for the disk where a trial ends, not at every note.

    And its lock goes with its process, where Optuna's outlives a killed one by half a minute.
    """

    def __init__(self, files: StudyFiles) -> None:
        super().__init__(str(files.journal))
        self._files = files

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, all or none.

        Raises:
            OSError: The disk is full or broken.
        """
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        content = "".join(lines).encode()
        with locked(self._files.writing), self._files.journal.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                if file.write(content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if any("state" in log for log in logs):
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise


def _mend(path: Path) -> None:
    """Cut off a line that a power cut left half written; refuse any other damage."""
    try:
        content = read_file(path) if path.exists() else b""
    except NotAFile:
        raise _damaged(path, "it is not a file") from None
    *lines, half = content.split(b"\n")
    for n, line in enumerate(lines, start=1):
        try:
            whole = "op_code" in json.loads(line)
        except (ValueError, TypeError):
            whole = False
        if not whole:
            raise _damaged(path, f"line {n} is no entry of a journal")
    if half:
        beginning = b'{"op_code":'
        if half[: len(beginning)] != beginning[: len(half)]:
            raise _damaged(path, f"line {len(lines) + 1} is no entry of a journal")
        os.truncate(path, len(content) - len(half))


def _damaged(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: not the journal of a study ({reason}); it was left as it is: bring it back from "
        "version control or a backup, or move it aside to tune anew"
    )


@cache
def _database(url: str, folder: Path) -> BaseStorage:
    try:
        with locked(folder / "database.lock"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return optuna.storages.RDBStorage(url)
    except ConfigurationError:
        raise
    except Exception as error:  # of SQLAlchemy and of a dozen drivers
        reason, shown = str(error).strip().splitlines()[0], re.sub("//.*@", "//...@", url)
        raise ConfigurationError(
            f"--storage {shown}: cannot be opened ({type(error).__name__}: {reason}); a database "
            "is named as sqlite:///file.db or postgresql://user:password@host/name"
        ) from error
