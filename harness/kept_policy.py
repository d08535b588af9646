"""What a finished run learned, kept beside its result so that its episodes can be played again."""

from pathlib import Path

from harness.cell import Cell
from harness.checkpoint import DamagedCheckpoint, load_checkpoint, save_checkpoint
from harness.files import CellFiles, storing
from harness.result import fingerprint
from harness.runner import Training

NOT_KEPT = "replay"  # gigabytes, and only of use to further training


def keep_policy(folder: Path, training: Training) -> None:
    """Write what a run learned, if it learns at all, into a grid's folder of results.

    Raises:
        StorageError: The folder cannot be written.
    """
    if not training.method.learns:
        return
    path, state = CellFiles.of(folder, training.cell).policy, training.method.state_dict()
    learned = {name: value for name, value in state.items() if name != NOT_KEPT}
    with storing(path):
        save_checkpoint(path, {"fingerprint": fingerprint(training.cell), "policy": learned})


def recall_policy(folder: Path, cell: Cell) -> Training | None:
    """Return a run as it stood at its last evaluation, ready to play its episodes again.

    A method that does not learn needs no file.

    Returns:
        The run; None where no policy is kept, or one of other settings or another version.

    Raises:
        DamagedCheckpoint: The file cannot be read, or does not fit the method.
    """
    training = Training(cell)
    training.evaluation = training.n_evaluations
    if not training.method.learns:
        return training
    path = CellFiles.of(folder, cell).policy
    if not path.exists():
        return None
    kept = load_checkpoint(path)
    try:
        if kept["fingerprint"] != fingerprint(cell):
            return None
        training.method.load_state_dict(training.method.state_dict() | kept["policy"])
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise DamagedCheckpoint(f"{path}: does not fit its method ({error})") from error
    return training
