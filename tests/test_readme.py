"""The README shows results as the report has them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_headline_tables_are_those_of_the_report():
    readme = (ROOT / "README.md").read_text()
    headline = re.search(r"<!-- headline -->\n(.*)<!-- /headline -->", readme, re.DOTALL)
    report = (ROOT / "reports" / "paper.md").read_text()
    section = re.search(r"^## Headline\n(.*?)^## ", report, re.DOTALL | re.MULTILINE)

    assert headline is not None
    assert section is not None
    tables = re.findall(r"(?:^\|.*\n)+", headline[1], re.MULTILINE)

    assert len(tables) == 4
    assert all(table.count("\n") == 2 + 6 for table in tables)
    assert headline[1].strip() == section[1].strip()


def test_every_picture_of_the_readme_exists_and_is_below_a_megabyte():
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())

    assert {Path(name).suffix for name in shown} >= {".gif", ".png", ".svg"}
    assert {name: (ROOT / name).stat().st_size for name in shown if large(ROOT / name)} == {}


def test_every_picture_of_the_docs_is_shown_with_the_command_that_drew_it():
    readme = (ROOT / "README.md").read_text()
    pictures = [path.relative_to(ROOT) for path in (ROOT / "docs" / "pictures").iterdir()]
    drawn = [path for path in pictures if not path.name.startswith("report-")]  # screenshots

    assert len(drawn) >= 3
    for path in drawn:
        assert f"({path})" in readme
        assert f"--out {path}" in readme


def large(path: Path) -> bool:
    return path.stat().st_size >= 2**20
