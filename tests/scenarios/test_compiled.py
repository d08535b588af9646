"""Compiled kernels are made anew when the source of any kernel changes, and only then."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scenarios
from scenarios import compiled

PACKAGE = Path(scenarios.__file__).parent
CALLED = """
from scenarios.compiled import inlined

ADDED = {added}

@inlined
def called(x):
    return {factor} * x + ADDED
"""
CALLER = """
from scenarios.compiled import kernel
from scenarios.called import ADDED, called

@kernel
def caller(x):
    return called(x) + 100 * ADDED
"""
RUN = """
from scenarios.caller import caller
stats = getattr(caller, "stats", None)
print(caller(1), len(stats.cache_hits) if stats else "uncompiled", stats and stats.cache_path)
"""


@pytest.fixture
def package(tmp_path):
    """Two kernel files of a small package, one of which calls the other."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    shutil.copy(compiled.__file__, folder)
    (folder / "called.py").write_text(CALLED.format(added=1, factor=2))
    (folder / "caller.py").write_text(CALLER)
    return folder


def run(package, **environment):
    """What the kernel returns in a new process, whether it was kept, and where."""
    result = subprocess.run(
        [sys.executable, "-c", RUN], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(package.parent)} | environment, cwd=package.parent,
    )  # fmt: skip
    value, kept, folder = result.stdout.split()
    return int(value), kept, Path(folder), result.stderr


def kept_files(folder):
    return sorted(file.name for file in folder.iterdir() if file.suffix in (".nbi", ".nbc"))


def test_an_edit_of_another_kernel_file_is_seen_and_leaves_nothing_behind(package):
    first = run(package)
    files = kept_files(package / "__pycache__")
    second = run(package)

    (package / "called.py").write_text(CALLED.format(added=1, factor=3))
    edited = run(package)
    (package / "called.py").write_text("\n\n" + CALLED.format(added=4, factor=3))
    moved = run(package)

    assert first[:3] == (103, "0", package / "__pycache__")
    assert second[:2] == (103, "1")
    assert edited[:2] == (104, "0")
    assert moved[:2] == (407, "0")
    assert len(kept_files(package / "__pycache__")) == len(files) > 0


def test_where_the_package_cannot_be_written_kernels_are_kept_elsewhere(package, tmp_path):
    (package / "__pycache__").touch()  # no folder can be made here: as read-only as for anybody
    caches = {"XDG_CACHE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path / "home")}

    users = run(package, **caches)
    named = run(package, **caches, NUMBA_CACHE_DIR=str(tmp_path / "named"))
    (tmp_path / "nowhere").touch()
    nowhere = run(package, XDG_CACHE_HOME=str(tmp_path / "nowhere"), HOME=str(tmp_path / "nowhere"))

    assert users[:2] == (103, "0")
    assert users[2].is_relative_to(tmp_path / "home")
    assert named[:2] == (103, "0")
    assert named[2].is_relative_to(tmp_path / "named")
    assert nowhere[:3] == (103, "0", Path("None"))
    assert "NUMBA_CACHE_DIR" in nowhere[3]


def test_without_compilation_kernels_are_python_functions(package):
    assert run(package, NUMBA_DISABLE_JIT="1")[:2] == (103, "uncompiled")
    assert not list(package.rglob("*.nbi"))


def test_kernel_files_import_nothing_else_of_the_package():
    """Or an edit of what a kernel takes from there would not be seen."""
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    imports = {
        path: {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "scenarios"
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
            if (PACKAGE.parent / f"{name.replace('.', '/')}.py").is_file()
        }
        for path, tree in trees.items()
    }
    marked = {path for path, names in imports.items() if "scenarios.compiled" in names}

    for path in marked:
        for name in imports[path] - {"scenarios.compiled"}:
            source = PACKAGE.parent / f"{name.replace('.', '/')}.py"
            assert source in marked, f"{path} imports {name}, which is no kernel file"
    with_numba = {path for path, tree in trees.items() if "njit" in ast.dump(tree)}
    assert with_numba == {PACKAGE / "compiled.py"}
    assert len(marked) > 8
