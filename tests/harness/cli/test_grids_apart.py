"""Grids of one name are kept apart, and what a user is told can be pasted and read."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from harness.config.grid import load_grid
from support.tasks import QUICK_GRID

ROOT = Path(__file__).parents[3]
SNIPPETS = [
    pytest.param(text, id=f"{page.name}-{k}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for k, text in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL))
    if "[[sweep]]" in text
]


@pytest.mark.parametrize("text", SNIPPETS)
def test_a_grid_in_the_docs_works_as_printed(text, here):
    if "pettingzoo" in text:
        pytest.importorskip("mpe2")
    path = here / "printed.toml"
    if "cities/" in text:  # its own files stand for a user's
        text = re.sub(r"^options.(roadnet|flow) = .*\n", "", text, flags=re.MULTILINE)
    path.write_text(text)

    assert load_grid(path).cells


def test_two_files_of_one_name_do_not_share_results(call, here):
    (here / "other").mkdir()
    shutil.copy(here / "mine.toml", here / "other" / "mine.toml")
    assert call("run", "--grid", "mine.toml", "--only", "method=random")[0] == 0

    for command in ("run", "plan", "status", "report"):
        code, _, log = call(command, "--grid", "other/mine.toml")
        assert code == 2
        assert "other/mine.toml: results/mine holds the results of another grid" in log
        assert "mine.toml; rename one of them" in log
    assert call("status", "--grid", "other/mine.toml", "--results", "elsewhere")[0] == 0


def test_results_that_move_with_their_grid_stay_theirs(call, here, monkeypatch):
    call("run", "--grid", "mine.toml", "--only", "method=random")
    (here / "moved").mkdir()
    for name in ("mine.toml", "results"):
        shutil.move(here / name, here / "moved" / name)
    monkeypatch.chdir(here / "moved")

    assert call("status", "--grid", "mine.toml")[0] == 0


def test_a_file_cannot_have_the_name_of_a_grid_that_comes_along(call, here):
    (here / "paper.toml").write_text(QUICK_GRID)

    code, _, log = call("plan", "--grid", "paper.toml")

    assert code == 2
    assert "paper.toml: paper is a grid that comes with the harness" in log


def test_strict_misses_cells(call):
    code, _, log = call("report", "--grid", "mine.toml", "--strict")
    assert code == 3
    assert "2 of 2 cells have no result" in log
    call("run", "--grid", "mine.toml", "--only", "method=random")
    code, _, log = call("report", "--grid", "mine.toml", "--strict")
    assert code == 3
    assert "1 of 2 cells have no result" in log
    call("run", "--grid", "mine.toml")
    assert call("report", "--grid", "mine.toml", "--strict")[0] == 0


def test_what_is_told_to_do_next_can_be_pasted(call, here):
    (here / "my grids").mkdir()
    shutil.copy(here / "mine.toml", here / "my grids" / "mine.toml")
    _, _, log = call("run", "--grid", "my grids/mine.toml", "--results", "my results")

    (told,) = re.findall(r"next: python -m harness (.*)", log)
    assert call(*shlex.split(told))[0] == 0
    page = (here / "reports" / "mine.md").read_text()
    assert "python -m harness report --grid 'my grids/mine.toml'" in page


def test_run_says_what_it_will_cost_before_it_starts(call):
    _, _, log = call("run", "--grid", "mine.toml")

    assert log.startswith("2 cells, 2 to run, about ")


def test_names_are_not_cut_where_they_differ(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    _, out, _ = call("status", "--grid", "paper", "--results", str(ROOT / "results"))
    column = "".join(line[:10].strip() for line in out.splitlines())

    assert "…" not in out
    assert "lanes=true" in column


def test_a_pattern_without_a_key_is_answered_with_the_form(call):
    code, _, log = call("plan", "--grid", "mine.toml", "--only", "method")

    assert code == 2
    assert "'method' is not key=pattern, as method=dqn and task=jungle* are" in log
