"""The rates of ``docs/statistics.md`` are those of the code, and keep what is promised."""

import re
from pathlib import Path

import numpy as np
import pytest

import error_rates
from error_rates import DISTRIBUTIONS, SIZES, TRIALS, main, rate

PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"
REPEATS = 100
SIGMAS = 5  # of a binomial share: a false alarm in a million


def written():
    """The rates on the page, by trial, distribution and number of runs; and their repeats."""
    text = PAGE.read_text()
    lines = re.findall(r"^\| (.+) \|$", text.split("<!-- simulated -->")[1], re.MULTILINE)
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    rates = {
        (row[0], *re.fullmatch(r"(\w+), n = (\d+)", column).groups()): float(value) / 100
        for row in rows
        for column, value in zip(head[2:], row[2:], strict=True)
    }
    return rates, int(re.search(r"^(\d+) trials per rate", text, re.MULTILINE)[1])


def error(share, *counts):
    """The standard error of a difference between binomial shares."""
    return np.sqrt(share * (1 - share) * sum(1 / n for n in counts))


def test_every_rate_is_on_the_page():
    rates, repeats = written()

    assert rates.keys() == {
        (name, distribution, str(n))
        for name in TRIALS
        for distribution in DISTRIBUTIONS
        for n in SIZES
    }
    assert repeats >= 1000


@pytest.mark.parametrize("name", TRIALS)
@pytest.mark.parametrize(("distribution", "n"), [("normal", 10), ("bimodal", 5)])
def test_a_rate_on_the_page_is_found_again(name, distribution, n):
    rates, repeats = written()
    stated = rates[name, distribution, str(n)]

    found = rate(name, distribution, n, REPEATS)

    pooled = (found * REPEATS + stated * repeats) / (REPEATS + repeats)
    assert abs(found - stated) <= SIGMAS * error(pooled, REPEATS, repeats) + 1e-3


@pytest.mark.parametrize("name", [n for n, (promise, _) in TRIALS.items() if "at most" in promise])
def test_alarms_between_equal_methods_are_as_rare_as_promised(name):
    rates, repeats = written()
    most = float(re.search(r"[\d.]+", TRIALS[name][0])[0]) / 100

    for distribution in DISTRIBUTIONS:
        for n in SIZES:
            stated = rates[name, distribution, str(n)]
            assert stated <= most + SIGMAS * error(most, repeats), (distribution, n)


def test_three_runs_raise_no_alarm_at_all():
    rates, _ = written()

    decisions = [value for (name, _, n), value in rates.items() if "decision" in name and n == "3"]
    assert decisions == [0.0] * len(decisions)


def test_the_command_writes_its_table_between_the_marks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(error_rates, "SIZES", (3,))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- simulated -->\nold\n<!-- /simulated -->\nafter\n")

    main(["--repeats", "1", "--write", str(page)])
    main(["--repeats", "1"])

    text = page.read_text()
    assert text.startswith("before\n<!-- simulated -->\n|  | should be | normal, n = 3 |")
    assert text.endswith("\n<!-- /simulated -->\nafter\n")
    assert "old" not in text
    assert capsys.readouterr().out in text
