"""Where a result comes from: code, packages, machine. Incidental, never part of identity."""

import platform
import re
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("ltos-bench", "torch", "numpy", "numba")
_SOURCE = Path(__file__).parents[2]


@cache
def code_and_machine() -> dict[str, Any]:
    """Return commit, package versions and machine, looked up once per process."""
    commit, dirty = code_state(_SOURCE)
    try:
        model = re.search(r"^model name.*?:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    return {
        "commit": commit,
        "dirty": dirty,
        "packages": {"python": platform.python_version()}
        | {n: installed_version(n) for n in _PACKAGES},
        "cpu": model[1].strip() if model else platform.processor() or platform.machine(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }


def code_state(source: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the source tree and whether its code differs from it.

    Results and reports do not count as code. Both are None where the source is not under git.
    """
    tracked = _git(source, "ls-files", "--error-unmatch", "harness/__init__.py")
    commit = _git(source, "rev-parse", "HEAD")
    if tracked is None or commit is None:
        return None, None
    changes = _git(source, "status", "--porcelain", "--", "harness", "methods", "scenarios")
    return commit, changes != ""


def installed_version(package: str) -> str | None:
    """Return the version of an installed package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(source: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            # Killed in between, a look at the index would leave its lock, which stops all commits.
            ["git", "--no-optional-locks", "-C", str(source), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
