"""What is shipped: three packages and their data files, nothing else."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"harness", "methods", "scenarios"}
DATA = (".toml", ".json", ".csv", ".jinja", ".css", ".js")


@pytest.fixture(scope="module")
def project():
    """The table ``project`` of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", *sorted(PACKAGES)):
        (sources / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(sources)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def shipped(wheel):
    """Names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(*suffixes):
    """Files of the three packages."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_the_top_level_is_exactly_the_three_packages(shipped):
    top = {name.split("/")[0] for name in shipped}

    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.slow
def test_every_module_and_every_data_file_is_shipped(shipped):
    inside = {name for name in shipped if name.split("/")[0] in PACKAGES}

    assert inside == sources(".py", *DATA)


@pytest.mark.slow
def test_the_command_works_from_the_wheel_alone(wheel, tmp_path):
    place = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet"]
    subprocess.run([*install, "--target", str(place), str(wheel)], check=True)
    (tmp_path / "elsewhere").mkdir()

    listed = subprocess.run(
        [sys.executable, str(place / "bin" / "ltos-bench"), "list", "grids"],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
    )

    assert listed.returncode == 0, listed.stderr
    assert "quickstart" in listed.stdout


def test_every_folder_of_modules_is_a_regular_package():
    """Without ``__init__.py`` a folder of modules would be left out of the wheel."""
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


@pytest.mark.parametrize("folder", ["results", "reports", "tests"])
def test_nothing_else_looks_like_a_package(folder):
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_tested_torch_is_the_one_of_the_constraints():
    torch = importlib.import_module("torch")

    assert f"torch=={torch.__version__.split('+')[0]}" in lines("constraints.txt")


def test_every_dependency_has_a_lower_bound_and_the_lowest_constraints_are_these(project):
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    needed = [text for group in groups for text in group]

    pins = [line for line in lines("constraints-lowest.txt") if not line.startswith("#")]

    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", text) for text in needed), needed
    assert sorted(text.replace(">=", "==") for text in needed) == pins


def test_the_version_is_in_the_changelog_and_the_citation(project):
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {project['version']}" in lines("CITATION.cff")


def lines(name):
    """Lines of a file of the front."""
    return (ROOT / name).read_text().splitlines()
