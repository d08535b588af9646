"""Build a report's pages twice, as two processors would: they must be the same byte for byte.

``python tests/build_twice.py [GRID]`` in the repository root writes all formats once as this
machine does by itself, and once with NumPy's vector units off and OpenBLAS in the kernels of
another generation. It ends with 1 and the names of files that differ.
"""

import filecmp
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

# Private, but the only list of what NumPy can be told to do without; NumPy's own tests read it.
from numpy._core._multiarray_umath import (  # type: ignore[import-not-found, unused-ignore]
    __cpu_dispatch__,
    __cpu_features__,
)

X86 = platform.machine().lower() in ("x86_64", "amd64")


def other_processor() -> dict[str, str]:
    """Return the environment in which this machine computes as an older one."""
    widest = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    found = {"NPY_DISABLE_CPU_FEATURES": " ".join(widest)} if widest else {}
    return found | ({"OPENBLAS_CORETYPE": "Haswell"} if X86 else {})


def main(grid: str) -> int:
    """Build both; return 1 where a file differs or is in one of them only."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, changes in (("as-it-is", {}), ("other", other_processor())):
            reports = Path(folder) / name
            command = [sys.executable, "-m", "harness", "report", "--grid", grid]
            command += ["--format", "md,tex,html", "--reports", str(reports)]
            subprocess.run(command, env=os.environ | changes, check=True, capture_output=True)
            found.append(reports)
        first, second = found
        names = {
            path.relative_to(reports)
            for reports in found
            for path in reports.rglob("*")
            if path.is_file()
        }
        differ = [name for name in sorted(names) if not same(first / name, second / name)]
    print(f"{len(names)} files, {len(differ)} differ under {other_processor()}")
    for name in differ:
        print(name)
    return 1 if differ or not names else 0


def same(first: Path, second: Path) -> bool:
    """Say whether both are there with the same content."""
    return first.is_file() and second.is_file() and filecmp.cmp(first, second, shallow=False)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["paper"]))
