"""The README shows results as the report has them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_line_of_the_headline_table_stands_in_the_report():
    readme = (ROOT / "README.md").read_text()
    headline = re.search(r"<!-- headline -->\n(.*)<!-- /headline -->", readme, re.DOTALL)
    report = (ROOT / "reports" / "paper.md").read_text().splitlines()

    assert headline is not None
    lines = [line for line in headline[1].splitlines() if line.startswith("|")]

    assert len(lines) > 5
    assert [line for line in lines if line not in report] == []
