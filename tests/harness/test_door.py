"""``import harness`` is for notebooks: quick to import, and its page shows code that runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "notebook.md"

SCRIPT = """
from pathlib import Path

import harness

if __name__ == "__main__":
    grid = harness.load_grid("mine.toml")
    learned = harness.run_cell(grid.cells[0])
    frame = harness.load_results("results/paper/prisoner")
    policy = harness.load_policy(grid.cells[-1], Path("results/mine"))
    steps = list(policy.evaluation_episode(0))
    harness.plot_curves(frame[frame["metric"] == "return"]).savefig("curves.png")
    trained = harness.load_policy(grid.cells[0], Path("results/mine"))
    print(learned.cell.id, len(learned.curve))
    print(*frame.columns)
    print(policy.method.learns, len(steps), policy.scenario.metrics()["return"])
    list(trained.evaluation_episode(0))
    print(trained.scenario.metrics()["return"] == learned.episodes["return"][-1][0])
"""
GRID = """
description = "a user's own"

[[sweep]]
scenario = "prisoner"
methods = ["dqn"]
seeds = [0]
budget = { episodes = 6, steps = 0, evaluations = 3, evaluation_episodes = 2 }

[[sweep]]
scenario = "prisoner"
methods = ["reference"]
fields.policy = ["cooperate"]
seeds = [0]
"""


@pytest.fixture
def python(tmp_path):
    """Run a script in a folder with the committed results; returns its lines and its log."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "paper").symlink_to(ROOT / "results" / "paper")

    def python(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), done.stderr

    return python


def test_importing_it_imports_nothing_that_takes_long(python):
    code = (
        "import sys, harness; dir(harness)\n"
        "print({'torch', 'pandas', 'matplotlib', 'numba'} & sys.modules.keys())"
    )

    assert python("-c", code)[0] == ["set()"]


@pytest.mark.parametrize("name", harness.__all__)
def test_what_it_offers_is_there_and_documented(name):
    assert name in dir(harness)
    assert getattr(harness, name).__doc__


def test_what_it_does_not_offer_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        harness.train  # noqa: B018


def test_what_wants_a_cell_says_so_and_where_there_are_any(python):
    code = (
        "import harness\n"
        "for call in (harness.run_cell, lambda name: harness.load_policy(name, 'results')):\n"
        "    try: call('prisoner/dqn/seed=0')\n"
        "    except ValueError as error: print(error)"
    )
    wanted = "wants a Cell, one of load_grid(...).cells, not 'prisoner/dqn/seed=0'"

    assert python("-c", code)[0] == [f"run_cell {wanted}", f"load_policy {wanted}"]


@pytest.mark.slow
def test_a_users_script_computes_a_cell_reads_results_draws_them_and_plays_a_policy(
    python, tmp_path
):
    (tmp_path / "mine.toml").write_text(GRID)
    (tmp_path / "script.py").write_text(SCRIPT)

    lines, log = python("script.py")

    assert lines == [
        "prisoner,episodes=6,steps=0,evaluations=3,evaluation_episodes=2/dqn/seed=0 3",
        "task scenario label method variant preset seed evaluation episode step metric value",
        "False 4 0.97",
        "True",
    ]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "no policy is kept, so the cell is trained first" in log


@pytest.mark.slow
def test_the_page_shows_code_that_runs(python, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (tmp_path / "page.py").write_text("\n".join(blocks))

    lines, _ = python("page.py")

    assert len(blocks) == 5
    assert all(f"harness.{name}(" in "".join(blocks) for name in harness.__all__)
    assert "after 40 episodes" in "\n".join(lines)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_folders_of_a_users_own_shadow_nothing(tmp_path):
    for name in ("methods", "scenarios"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong one')")
    (tmp_path / "harness").mkdir()  # a folder without __init__.py is no package

    ran = subprocess.run(
        [sys.executable, "-m", "harness", "plan", "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
