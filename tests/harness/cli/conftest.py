"""A folder with a quick grid, and the command line called in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.__main__ import main
from support.tasks import QUICK_GRID as GRID


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mine.toml").write_text(GRID)
    return tmp_path


@pytest.fixture
def call(here, capsys) -> Callable[..., tuple[int, str, str]]:
    """Call the command line in this process; returns exit code, answer and log."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        out, log = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, log

    return call
