"""Computes cells: the training loop, worker processes, and playing a finished run again."""

import os

# Cells are what runs in parallel, and sums depend on their order.
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1"
    for library in ("OMP", "MKL", "OPENBLAS", "NUMBA", "VECLIB_MAXIMUM")
}


def use_one_thread() -> None:
    """Tell numerical libraries to use one thread; heeded by those not yet imported."""
    os.environ.update(ONE_THREAD)
