"""Thins the traces of stored results to what records keep since (``results.result.thin_traces``).

``python tools/thin_results.py FOLDER`` rewrites the records with traces of more steps or digits;
nothing else in them changes but their checksum. Each is read back and compared before the next.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.results.files import CellFiles, write_bytes
from harness.results.index import list_results
from harness.results.result import RunResult, load_result, thin_traces


def main(folder: Path) -> None:
    """Thin all results under a folder, and say what became of their weight."""
    weights, before, after = [], 0, 0
    for path, result in list_results(folder):
        weight = path.stat().st_size
        before += weight
        if result.trace_every == 1 and result.traces:
            thin(path, result)
            weights.append((weight, path.stat().st_size))
        after += path.stat().st_size
    print(f"{len(weights)} records rewritten; all: {before:,} bytes before, {after:,} after")
    if weights:
        old, new = (max(each) for each in zip(*weights, strict=True))
        print(f"the largest of them: {old:,} before, {new:,} after")


def thin(path: Path, result: RunResult) -> None:
    """Rewrite a record with thinned traces, unless it already has them."""
    thinned = thin_traces({name: np.array(of) for name, of in result.traces.items()})
    if thinned == {"traces": result.traces, "trace_every": result.trace_every}:
        return
    grid = path.parents[2]  # its folder has <task>/<variant>/seed=<n>.json
    if CellFiles.of(grid, result.cell).result != path:
        raise RuntimeError(f"{path}: its cell is called {result.cell.id}")
    old, wanted = path.read_bytes(), replace(result, **thinned)
    wanted.save(grid)
    if load_result(path) != wanted:
        write_bytes(path, old)
        raise RuntimeError(f"{path}: was not written as meant; it is as before")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
