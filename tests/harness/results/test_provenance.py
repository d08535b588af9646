"""A result says which code it comes from."""

import re
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
