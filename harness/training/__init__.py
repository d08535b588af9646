"""Computes cells: the training loop, worker processes, and playing a finished run again.

One thread per process: cells are what runs in parallel, and sums depend on their order. Numerical
libraries heed these variables when they are imported, not later.
"""

ONE_THREAD = {
    f"{library}_NUM_THREADS": "1"
    for library in ("OMP", "MKL", "OPENBLAS", "NUMBA", "VECLIB_MAXIMUM")
}
