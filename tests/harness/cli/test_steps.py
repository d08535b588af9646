"""Whoever waits sees how far it is, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from harness.cli import output as module
from harness.cli.output import steps


@pytest.fixture
def log():
    return Console(file=io.StringIO(), width=80)


def test_elsewhere_than_on_a_terminal_a_line_comes_at_each_heartbeat(log, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.0)

    found = [*steps(log, "abc", 3, "replaying")]

    assert found == ["a", "b", "c"]
    assert log.file.getvalue().splitlines() == [f"replaying: {n} of 3" for n in range(3)]


def test_between_heartbeats_nothing_is_said(log):
    assert [*steps(log, "abc", 3, "replaying")] == ["a", "b", "c"]
    assert not log.file.getvalue()


def test_on_a_terminal_there_is_a_bar_that_leaves_no_trace():
    log = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)

    found = [*steps(log, "abc", 3, "replaying")]

    assert found == ["a", "b", "c"]
    assert "replaying" in log.file.getvalue()
