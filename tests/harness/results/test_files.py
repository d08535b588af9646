import errno
import os
import stat
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from harness.errors import StorageError
from harness.results.checkpoint import (
    DamagedCheckpoint,
    Stream,
    Tail,
    load_checkpoint,
)
from harness.results.failure import load_failure
from harness.results.files import (
    CellFiles,
    NotAFile,
    cell_lock,
    check_writable,
    is_held,
    move_aside,
    open_file,
    read_file,
    remove,
    storage_errors,
    sweep,
    tidy,
    write_text,
)
from harness.results.result import DamagedResult, load_result
from support.recorded import cell, result

CELL = cell()
TROUBLES = [
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE, errno.ESTALE, errno.EINVAL),
]


@contextmanager
def soon():
    """The block ends within seconds: nothing waits for a pipe's other end."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 5


def pipe(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


def folder(path):
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("number", TROUBLES)
@pytest.mark.parametrize("done", ["read", "written"])
def test_every_error_of_the_system_is_trouble_with_storage(tmp_path, number, done):
    with (
        pytest.raises(StorageError, match=f"x: cannot be {done} .*give the same command again"),
        storage_errors(tmp_path / "x", done),
    ):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("error", [FileNotFoundError, NotADirectoryError])
def test_what_is_not_there_to_be_read_is_no_trouble(tmp_path, error):
    with pytest.raises(error), storage_errors(tmp_path / "x", "read"):
        raise error


def test_a_path_too_long_is_shown_in_part():
    with pytest.raises(StorageError) as caught:
        read_file(CellFiles.of(Path("a" * 5000), CELL).result)

    assert "its name is too long" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("place", [pipe, folder])
def test_what_is_no_file_is_never_opened(tmp_path, place):
    path = place(tmp_path / "x.json")

    with soon():
        for read in (open_file, read_file):
            with pytest.raises(NotAFile):
                read(path)
        with pytest.raises(DamagedResult, match="is not a file"):
            load_result(path)
        with pytest.raises(DamagedCheckpoint, match="is not a file"):
            load_checkpoint(path)
        with pytest.raises(NotAFile):
            Stream(path)
        assert load_failure(path) is None
        assert not Tail(path).look()
        assert not is_held(path)


@pytest.mark.parametrize("place", [pipe, folder])
def test_what_is_no_file_is_moved_out_of_a_cells_way(tmp_path, place):
    of = CellFiles.of(tmp_path, CELL)
    ways = (of.result, of.stream, of.checkpoint, of.failure, of.policy)
    for path in ways:
        place(path)

    with soon():
        notes = tidy(of)

    assert not any(path.exists() for path in ways)
    assert all(path.with_name(f"{path.name}.damaged").exists() for path in ways)
    assert notes[0].endswith("seed=0.json: is not a file; moved to seed=0.json.damaged")


def test_a_folder_in_place_of_a_lock_is_named(tmp_path):
    folder(tmp_path / "x.lock")

    with (
        pytest.raises(StorageError, match=r"x\.lock: cannot be written \(a folder is in the way"),
        cell_lock(tmp_path / "x.lock"),
    ):
        pass
    assert not is_held(tmp_path / "x.lock")


@pytest.mark.parametrize(("number", "held"), [(errno.EROFS, False), (errno.EACCES, True)])
def test_a_lock_that_cannot_be_opened(tmp_path, monkeypatch, number, held):
    """On a read-only disk nobody holds it; one of another user may well be held."""
    write_text(tmp_path / "x.lock", "")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", fail)

    assert is_held(tmp_path / "x.lock") is held


def test_trying_whether_a_folder_can_be_written_leaves_nothing(tmp_path):
    check_writable(tmp_path / "a" / "b")

    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


def test_a_folder_is_synced_after_a_rename_where_the_system_can(tmp_path, monkeypatch):
    synced = []

    def fsync(handle):
        synced.append(os.path.realpath(f"/dev/fd/{handle}"))
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(os, "fsync", fsync)

    write_text(tmp_path / "x", "text")

    assert len(synced) == 2
    assert (tmp_path / "x").read_text() == "text"


def leave(of, *names):
    for name in names:
        write_text(of.result.with_name(name), "")


def names(of):
    return sorted(path.name for path in of.result.parent.iterdir())


def test_what_killed_runs_left_of_a_done_cell_is_swept_away(tmp_path):
    of = CellFiles.of(tmp_path, CELL)
    leave(of, "seed=0.jsonl", "seed=0.pt", ".seed=0.pt.x_1.part", ".seed=0.json.ab.part")
    leave(of, ".seed=01.json.ab.part", "seed=0.failed.json")
    result(CELL).save(tmp_path)

    sweep(tmp_path, [CELL])

    kept = [".seed=01.json.ab.part", "seed=0.failed.json", "seed=0.json", "seed=0.lock"]
    assert names(of) == kept


def test_what_a_run_needs_that_is_to_replace_a_result_is_kept(tmp_path):
    of = CellFiles.of(tmp_path, CELL)
    result(CELL).save(tmp_path)
    time.sleep(0.02)  # longer than a file system's tick
    leave(of, "seed=0.jsonl", "seed=0.pt")

    sweep(tmp_path, [CELL])

    assert names(of) == ["seed=0.json", "seed=0.jsonl", "seed=0.pt"]


def test_what_somebody_is_writing_is_left_alone(tmp_path):
    of = CellFiles.of(tmp_path, CELL)
    leave(of, ".seed=0.pt.x_1.part")

    with cell_lock(of.lock) as mine:
        sweep(tmp_path, [CELL])

    assert mine
    assert ".seed=0.pt.x_1.part" in names(of)


@pytest.mark.parametrize("change", [move_aside, lambda path: write_text(path / "x", "")])
def test_the_way_to_a_file_may_be_blocked(tmp_path, change):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="cannot be written"):
        change(tmp_path / "file" / "below")
    with pytest.raises(StorageError):
        remove(tmp_path)
