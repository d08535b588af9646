"""The README shows results as the report has them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]


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


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_what_a_page_shows_and_links_is_there_and_no_picture_has_a_megabyte(page):
    text, folder = (ROOT / page).read_text(), (ROOT / page).parent
    shown = [folder / name for name in re.findall(r"!\[[^\]]*\]\(([^):#]+)\)", text)]
    linked = [folder / name for name in re.findall(r"(?<!!)\[[^\]]*\]\(([^):#]+)\)", text)]

    assert [path for path in [*shown, *linked] if not path.exists()] == []
    assert [path for path in shown if large(path)] == []


def test_the_readme_has_two_screens():
    lines = (ROOT / "README.md").read_text().splitlines()

    assert len(lines) <= 120


def test_every_picture_of_the_docs_is_shown_with_the_command_that_drew_it():
    page = (ROOT / "docs" / "pictures.md").read_text()
    pictures = [path.relative_to(ROOT) for path in (ROOT / "docs" / "pictures").iterdir()]
    drawn = [path for path in pictures if not path.name.startswith("report-")]  # screenshots

    assert len(drawn) >= 3
    for path in drawn:
        assert f"({path.relative_to('docs')})" in page
        assert f"--out {path}" in page


def large(path: Path) -> bool:
    return path.stat().st_size >= 2**20
