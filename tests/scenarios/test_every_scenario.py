"""Laws that hold in every registered scenario, and in the toy one the other laws rest on.

The laws themselves are in ``harness.checks``, so that `doctor` can hold a user's scenario to them.
"""

import functools
import re

import pytest

import diary
from harness.checks.base import NotApplicable
from harness.checks.registry import SCENARIO_LAWS
from scenarios import SCENARIOS
from support import places
from support.toys import Line

LAW_ABIDING = {
    **{name: functools.partial(places.build, name) for name in SCENARIOS},
    "toy line": Line,
    "toy drawn graph": functools.partial(Line, n_neighbors=2, masked=True),
}


@pytest.mark.parametrize("law", SCENARIO_LAWS)
@pytest.mark.parametrize("name", sorted(LAW_ABIDING))
def test_it_obeys(name, law):
    try:
        SCENARIO_LAWS[law](LAW_ABIDING[name])
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_diary_replays_exactly(name):
    """A scenario without a diary fails here: ``python tests/diary.py NAME`` writes it."""
    golden = (diary.GOLDEN / f"{name}.txt").read_text()
    places.skip_unless_recorded_here(name, dict(re.findall(r"(?m)^(\w+): sha256 (\w+)$", golden)))

    assert diary.write(name) == golden
