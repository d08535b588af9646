"""Checks that every registered scenario passes, and the toy one that methods are checked on.

The checks themselves are in ``harness.checks``, so that `doctor` can run them on a user's scenario.
"""

import functools
import re

import pytest

import diary
from harness.checks.base import NotApplicable
from harness.checks.registry import SCENARIO_CHECKS
from scenarios import SCENARIOS
from support import tasks
from support.toys import Line

CHECKED = {
    **{name: functools.partial(tasks.build, name) for name in SCENARIOS},
    "toy line": Line,
    "toy drawn graph": functools.partial(Line, n_neighbors=2, masked=True),
}


@pytest.mark.parametrize("check", SCENARIO_CHECKS)
@pytest.mark.parametrize("name", sorted(CHECKED))
def test_it_passes(name, check):
    try:
        SCENARIO_CHECKS[check](CHECKED[name])
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_diary_replays_exactly(name):
    """A scenario without a diary fails here: ``python tests/diary.py NAME`` writes it."""
    golden = (diary.GOLDEN / f"{name}.txt").read_text()
    tasks.skip_unless_recorded_here(name, dict(re.findall(r"(?m)^(\w+): sha256 (\w+)$", golden)))

    assert diary.write(name) == golden
