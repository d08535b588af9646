"""Reports of recorded results, with names that try to break out of wherever they are written."""

from pathlib import Path

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.report import Report, build_report
from harness.results.failure import Failure
from harness.results.files import CellFiles
from support import recorded

HOSTILE = """<script>alert("1")</script> a_b & 50 % {x}, \\end{y} $z$ 'q' [t](u) ~^|# "w" äø漢"""


def grid_of(*cells: Cell, name: str = "trial", description: str = "a trial") -> Grid:
    """A grid of just these cells."""
    return Grid(name=name, description=description, tuning=False, cells=cells)


def report(folder: Path, *, label: str = "default") -> Report:
    """A report with every kind of block: done, failed and missing runs, a sweep, shares.

    Its figures: curves of methods and of a sweep, shares, floats and hours.
    """
    cells = [recorded.cell(m, seed=s, label=label) for m in ("dqn", "ltos", "vdn") for s in (0, 1)]
    swept = [(("selfishness", share),) for share in (0.3, 0.7)]
    cells += [recorded.cell("fixed_ltos", fields=fields, label=label) for fields in swept]
    floats = {"dqn": (0.0, 0.0), "ltos": (3.0, 5.0), "vdn": (0.0, 0.0), "fixed_ltos": (2.0, 2.0)}
    for n, cell in enumerate(cells):
        acting, learning = floats[cell.method]
        method = {
            "hops": 0,
            "centralized": cell.method == "vdn",
            "parameters": 7,
            "floats_execution": acting,
            "floats_training": learning,
        }
        cost = {"steps_per_s": 1000.0, "cpu_s": 60.0 * (n + 1), "peak_memory_mb": 300.0}
        share = 0.05 if cell.method == "ltos" else None
        result = recorded.result(cell, 0.5 + n / 20, share=share, method=method, provenance=cost)
        result.save(folder / "trial")
    failed, missing = recorded.cell("dgn", label=label), recorded.cell("dgn", seed=1, label=label)
    fail(folder / "trial", failed)
    return build_report(grid_of(*cells, failed, missing), folder)


def fail(folder: Path, cell: Cell, message: str = "ValueError: a | b") -> None:
    """Leave what a failed run leaves."""
    files = CellFiles.of(folder, cell)
    files.failure.parent.mkdir(parents=True, exist_ok=True)
    failure = Failure(
        id=cell.id,
        fingerprint=cell.fingerprint,
        kind="error",
        message=message,
        traceback="",
        time="",
    )
    failure.save(files.failure)
