"""What keeps studies: a journal file for each, or a database of the user's."""

import json
import os
import re
import warnings
from functools import cache
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from harness.errors import ConfigurationError
from harness.files import storing
from harness.tune.study_files import StudyFiles, locked, take

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
    with storing(files.journal):
        files.journal.parent.mkdir(parents=True, exist_ok=True)
        return _journal(files) if url is None else _database(url, files.journal.parents[1])


def exists(name: str, files: StudyFiles, url: str | None) -> bool:
    """Say whether there is a study of a name; makes none.

    Raises:
        ConfigurationError: There is no such database.
    """
    if url is None:
        return files.journal.exists()
    return name in optuna.get_all_study_names(_database(url, files.journal.parents[1]))


class _JournalLock(JournalFileOpenLock):
    """Optuna's own locks outlive a killed process by half a minute; this one does not at all."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Wait for the lock."""
        take(self._lock)
        return True

    def release(self) -> None:
        """Give it back."""
        self._lock.release()


def _journal(files: StudyFiles) -> JournalStorage:
    path = files.journal
    with locked(files.writing):
        _mend(path)
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_JournalLock(files.writing)))
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _mend(path: Path) -> None:
    """Cut off a line that a power cut left half written; refuse any other damage."""
    content = path.read_bytes() if path.exists() else b""
    *lines, half = content.split(b"\n")
    for n, line in enumerate(lines, start=1):
        if not _is_entry(line):
            raise _damaged(path, f"line {n} is no entry of a journal")
    if half:
        beginning = b'{"op_code":'
        if half[: len(beginning)] != beginning[: len(half)]:
            raise _damaged(path, f"line {len(lines) + 1} is no entry of a journal")
        os.truncate(path, len(content) - len(half))


def _is_entry(line: bytes) -> bool:
    try:
        return "op_code" in json.loads(line)
    except (ValueError, TypeError):
        return False


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
