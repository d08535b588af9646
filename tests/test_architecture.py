"""The house is as docs/architecture.md says: one reading path, no circles, modules of one idea."""

import ast
import re
from functools import cache
from pathlib import Path

import grimp
import networkx
import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("harness", "methods", "scenarios")

MOST_LINES, MOST_FILES = 400, 8
LONGEST_MODULE, LONGEST_FUNCTION = 450, 60
LONGER = {"harness/export/mlflow.py": 470}  # one idea all the same: what a tracker is told, and how


def reading_path() -> list[tuple[str, list[str], int]]:
    """Return file, names and lines of each row of the page's table, the sum left out."""
    table = re.search(r"<!-- reading path -->\n(.*)<!-- /reading path -->", PAGE.read_text(), re.S)
    assert table is not None
    cells = [[c.strip() for c in row.split("|")[1:-1]] for row in table[1].splitlines()[2:]]
    return [(a.strip("`"), re.findall(r"`([^`]+)`", b), int(n)) for a, b, n in cells]


@cache
def definitions(file: str) -> dict[str, ast.AST]:
    """Return functions, classes and methods of a module by dotted name."""
    found = {}
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef):
                    found[f"{node.name}.{inner.name}"] = inner
    return found


def n_lines(node) -> int:
    return node.end_lineno - node.lineno + 1 + len(node.decorator_list)


def modules() -> list[Path]:
    return [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def test_the_reading_path_has_the_lines_that_the_page_says():
    *rows, (what, _, total) = reading_path()

    found = [sum(n_lines(definitions(file)[n]) for n in names) for file, names, _ in rows]
    assert found == [lines for *_, lines in rows]
    assert what == "together"
    assert total == sum(found) <= MOST_LINES
    assert len({file for file, *_ in rows}) <= MOST_FILES


def test_each_step_of_the_reading_path_is_taken_by_an_earlier_one():
    steps = [(file, name) for file, names, _ in reading_path()[:-1] for name in names]

    seen = ast.unparse(definitions(steps[0][0])[steps[0][1]])
    for file, name in steps[1:]:
        assert re.search(rf"\b{name.rpartition('.')[2]}\b", seen), f"nobody mentions {name}"
        seen += ast.unparse(definitions(file)[name])


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    imports = networkx.DiGraph(
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    )

    assert [c for c in networkx.strongly_connected_components(imports) if len(c) > 1] == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_and_its_functions_are_not_too_long_to_read(path):
    text = path.read_text()
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]

    assert text.count("\n") <= LONGER.get(path.relative_to(ROOT).as_posix(), LONGEST_MODULE)
    assert [n.name for n in nodes if n_lines(n) > LONGEST_FUNCTION] == []
