"""Has every file operation of a cell's run fail, one after the other, and runs it again."""

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from harness.config.cell import Budget, Cell
from harness.errors import StorageError
from harness.results.checkpoint import Stream
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.results.result import RunResult, load_result
from harness.training.worker import work
from support.disk import Disk, mounted
from support.kills import COMPARED
from support.recorded import cell

BUDGET = Budget(episodes=8, steps=16, evaluations=2, evaluation_episodes=1)
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
WAYS = tuple(product(ERRORS, (False, True)))  # how it fails, and whether for good
TRIED = ("mkdir", "utime", "open")  # a library may try them, and do without

Way = tuple[int, bool]


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of it.

    Attributes:
        operations: How many there are of each kind in a run that nothing happens to.
        n_failed: How often one was made to fail.
        wrong: What was not as it should be; a line each.
    """

    operations: Counter[str]
    n_failed: int
    wrong: list[str]


def anew(folder: Path, of: Cell) -> None:
    """Leave nothing: the cell starts from nothing."""


def stopped(folder: Path, of: Cell) -> None:
    """Leave what a stopped cell has, and a killed writer's draft."""
    asked = iter((False, True))
    work(of, folder, 0.0, lambda: next(asked))
    files = CellFiles.of(folder, of)
    files.result.with_name(f".{files.policy.name}.x.part").write_text("half a")


def in_the_way(folder: Path, of: Cell) -> None:
    """Leave a damaged result, the record of a failure, a checkpoint of nothing and a folder."""
    files = CellFiles.of(folder, of)
    Stream(files.stream).append({"evaluation": 1})
    files.result.write_text("{ half a")
    Failure(id="", fingerprint="", kind="error", message="", traceback="", time="").save(
        files.failure
    )
    files.checkpoint.write_bytes(b"nothing")
    files.policy.mkdir()


def fail_each(
    folder: Path, begin: Callable[[Path, Cell], None], ways: Callable[[int], Iterable[Way]]
) -> Tally:
    """Make the n-th operation fail, for every n, and compare what a second run ends with.

    Args:
        folder: An empty one.
        begin: Puts into a folder what the cell begins with.
        ways: Ways to fail at operation n.
    """
    of = cell("dqn", budget=BUDGET)
    torch.set_num_threads(1)  # as in workers
    (folder / "begun").mkdir()
    begin(folder / "begun", of)
    shutil.copytree(folder / "begun", folder / "whole")
    disk = Disk(folder / "whole")
    with mounted(disk):
        work(of, disk.folder, 0.0, lambda: False)
    whole = load_result(CellFiles.of(disk.folder, of).result)
    failures = [(n, *way) for n in range(1, len(disk.operations) + 1) for way in ways(n)]
    wrong = []
    for n, error, lasting in failures:
        shutil.copytree(folder / "begun", folder / "broken")
        broken = Disk(folder / "broken", fails_at=n, error=error, lasting=lasting)
        found = [*_broken(of, broken), *_resumed(of, broken.folder, disk.folder, whole)]
        what = f"operation {n}, {disk.operations[n - 1]}: {errno.errorcode[error]}"
        wrong += [f"{what}{' for good' * lasting}: {fault}" for fault in found]
        shutil.rmtree(folder / "broken")
    return Tally(Counter(disk.operations), len(failures), wrong)


def _broken(of: Cell, disk: Disk) -> Iterator[str]:
    """Run the cell on a disk that fails; yield what does not end in StorageError."""
    try:
        with mounted(disk):
            outcome = work(of, disk.folder, 0.0, lambda: False)
        if disk.lasting or disk.operations[disk.fails_at - 1] not in TRIED:
            yield f"went unnoticed: {outcome.state}"
    except StorageError as error:
        if "nothing computed so far is lost" not in str(error):
            yield f"without a remedy: {error}"
    except Exception as error:
        yield f"{type(error).__name__}: {error}"


def _resumed(of: Cell, folder: Path, model: Path, whole: RunResult) -> Iterator[str]:
    """Run the cell again; yield in what its folder differs from an uninterrupted run's."""
    work(of, folder, 0.0, lambda: False)
    result = load_result(CellFiles.of(folder, of).result)
    differing = [key for key in COMPARED if getattr(result, key) != getattr(whole, key)]
    if differing:
        yield f"other {', '.join(differing)}"
    if result.provenance["resumed"] < whole.provenance["resumed"]:
        yield "its checkpoint was lost"
    names = [sorted(path.name for path in place.rglob("*")) for place in (folder, model)]
    if names[0] != names[1]:
        yield f"leaves {names[0]}"
