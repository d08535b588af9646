"""The command behind the tables of the data sheets."""

import pytest

from scenarios import calibration


def test_the_jungle_tables_are_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    calibration.main(["jungle", "--episodes", "20"])

    bounds, policies = capsys.readouterr().out.strip().split("\n\n")
    assert [row.split(" | ")[-1] for row in bounds.splitlines()[2:]] == [
        "0.93 |", "0.95 |", "0.96 |", "0.96 |", "0.97 |",
    ]  # fmt: skip
    assert len(policies.splitlines()) == 2 + 5 * 2
    for line in (bounds + "\n" + policies).splitlines():
        assert line.startswith("| ")
        assert line.endswith(" |")
