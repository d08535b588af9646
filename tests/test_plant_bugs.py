"""The planted bugs can be planted: the sources still have the text that each of them changes."""

import pytest

from plant_bugs import BUGS, ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_the_source_has_what_the_bug_changes(bug):
    assert bug.right in (ROOT / bug.file).read_text()
    assert bug.right != bug.wrong
