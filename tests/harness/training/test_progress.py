import json

import pytest
from rich.console import Console

from harness.config.cell import Budget
from harness.results.failure import Failure
from harness.results.files import CellFiles
from harness.training.pool import Job
from harness.training.progress import Board, LogView, draw, shorten
from harness.training.worker import Outcome
from support.recorded import cell

BUDGET = Budget(episodes=100, steps=0, evaluations=10, evaluation_episodes=1)
JOBS = [Job(cell=cell(seed=seed, budget=BUDGET), expected_s=100.0) for seed in range(40)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def evaluated(folder, job: Job, evaluation: int) -> None:
    stream = CellFiles.of(folder, job.cell).stream
    stream.parent.mkdir(parents=True, exist_ok=True)
    row = {
        "evaluation": evaluation,
        "episode": 10 * evaluation,
        "step": 50 * evaluation,
        "metrics": {"return": 0.97},
    }
    with stream.open("a") as file:
        file.write(json.dumps(row) + "\n")


def shown(board: Board, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(draw(board, width, height))
    return console.export_text().splitlines()


def test_progress_is_read_from_the_stream(tmp_path, clock):
    board = Board(JOBS[:2], tmp_path, 1, clock)
    board.update(JOBS[:1])
    clock.now = 2.0
    evaluated(tmp_path, JOBS[0], 1)
    board.update(JOBS[:1])
    clock.now = 4.0
    evaluated(tmp_path, JOBS[0], 2)
    board.update(JOBS[:1])

    progress = board.running[JOBS[0].cell]

    assert (progress.episode, progress.value, progress.share) == (20, 0.97, 0.2)
    assert progress.steps_per_s == pytest.approx(25.0)
    assert progress.left_s == pytest.approx(16.0)
    assert board.left_s == pytest.approx(16.0 + 100.0)


def test_a_resumed_cell_is_not_credited_with_evaluations_of_before(tmp_path, clock):
    evaluated(tmp_path, JOBS[0], 5)
    board = Board(JOBS[:1], tmp_path, 1, clock)
    board.update(JOBS[:1])
    clock.now = 3.0
    evaluated(tmp_path, JOBS[0], 6)
    board.update(JOBS[:1])

    assert board.running[JOBS[0].cell].left_s == pytest.approx(4 * 3.0)


def test_what_is_left_is_corrected_by_what_cells_really_took(tmp_path, clock):
    board = Board(JOBS[:3], tmp_path, 2, clock)

    board.settle(JOBS[0], Outcome(state="done", metrics={"return": 1.0}, wall_s=50.0))

    assert board.n_settled == 1
    assert board.left_s == pytest.approx(2 * 100.0 * 0.5 / 2)


def test_failures_are_counted_and_stopped_cells_are_not(tmp_path, clock):
    board = Board(JOBS[:3], tmp_path, 2, clock)
    failure = Failure(id="", fingerprint="", kind="killed", message="", traceback="", time="")

    board.settle(JOBS[0], failure)
    board.settle(JOBS[1], Outcome(state="stopped", metrics={"return": 1.0}))

    assert (board.n_settled, board.n_failed) == (1, 1)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 10), (200, 50)])
def test_the_live_table_fits_the_terminal(tmp_path, clock, width, height):
    board = Board(JOBS, tmp_path, 40, clock)
    board.update(JOBS)
    clock.now = 2.0
    for job in JOBS:
        evaluated(tmp_path, job, 1)
    board.update(JOBS)

    lines = shown(board, width, height)

    assert max(map(len, lines)) <= width
    assert len(lines) < height
    assert "0 of 40 cells ended" in lines[0]
    assert "seed=0" in lines[2]
    assert lines[2].split()[-5:] == ["10", "0.97", "-", "18", "s"]
    if height < 40:
        assert "more" in lines[-1]


def test_a_long_name_keeps_both_ends():
    name = "traffic,network=shenzhen/ip,paper/seed=12"

    assert shorten(name, 30).startswith("traffic")
    assert shorten(name, 30).endswith("seed=12")
    assert len(shorten(name, 30)) == 30
    assert shorten(name, 60) == name


def test_the_log_tells_starts_ends_failures_and_warnings(tmp_path, clock):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    failure = Failure(
        id="", fingerprint="", kind="killed", message="by [SIGKILL]", traceback="", time=""
    )
    with console.file:
        view = LogView(Board(JOBS[:3], tmp_path, 2, clock), console)
        view.tick(JOBS[:3])
        view.settled(
            JOBS[0],
            Outcome(state="done", metrics={"return": 0.9712}, wall_s=1.25, notes=("collapsed",)),
        )
        view.settled(JOBS[1], failure)
        view.settled(JOBS[2], Outcome(state="stopped", metrics={}))

    lines = [line[9:].rstrip() for line in console.export_text().splitlines()]

    ids = [job.cell.id for job in JOBS]
    assert lines == [
        *(f"start   {name}" for name in ids[:3]),
        f"warning {ids[0]}  collapsed",
        f"done    {ids[0]}  return 0.9712  1.2 s  [1/3]",
        f"failed  {ids[1]}  killed: by [SIGKILL]  [2/3]",
    ]


def test_the_log_says_how_long_a_cell_has_shown_nothing(tmp_path, clock, monkeypatch):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        view = LogView(Board(JOBS[:2], tmp_path, 2, clock), console)
        view.tick(JOBS[:2])
        evaluated(tmp_path, JOBS[1], 1)
        clock.now = 240.0
        view.tick(JOBS[:2])
        clock.now = 280.0
        with monkeypatch.context() as patch:
            patch.setattr(view, "_beats", lambda: True)
            view.tick(JOBS[:2])

    silent, busy, _ = console.export_text().splitlines()[-3:]

    assert "episode 0, no evaluation for 5 min" in silent
    assert "episode 10, return 0.97, " in busy
    assert "no evaluation" not in busy
