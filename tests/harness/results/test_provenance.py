"""A result says which code it comes from."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.results.provenance import code_and_machine, code_state

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the source is not under git here")
def test_the_commit_of_the_code_is_found_from_where_it_lies():
    found = code_and_machine()

    assert re.fullmatch("[0-9a-f]{40}", found["commit"])
    assert found["dirty"] in (True, False)


def test_code_that_is_not_under_git_has_no_commit(tmp_path):
    assert code_state(tmp_path) == (None, None)


def test_looking_at_the_code_takes_no_lock_that_a_kill_would_leave(tmp_path):
    """git's index is written anew, under a lock, by a look that finds a file touched."""
    code = tmp_path / "harness" / "__init__.py"
    code.parent.mkdir()
    code.write_text("")
    who = ["-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "m"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    os.utime(code, (0, 0))
    before = (tmp_path / ".git" / "index").read_bytes()

    commit, dirty = code_state(tmp_path)

    assert commit
    assert not dirty
    assert (tmp_path / ".git" / "index").read_bytes() == before
