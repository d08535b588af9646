"""Computes cells: the training loop, worker processes, and playing a finished run again."""
