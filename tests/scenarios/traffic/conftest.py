"""Let the tests of this folder import its oracle and its recordings by name."""

import logging
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _quiet():
    """Keep the report on dropped routes out of the tests' output."""
    logging.getLogger("scenarios.traffic.engine.simulation").setLevel(logging.ERROR)
