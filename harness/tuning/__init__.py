"""Tuning: every method searched with the same budget, on seeds that are never reported."""

from pathlib import Path

FOLDER = "tune"  # in a grid's folder of results


def has_studies(results: Path) -> bool:
    """Say whether a grid's folder of results has journals, without importing Optuna.

    Of studies in a database only ``tune`` knows.
    """
    return any((results / FOLDER).glob("*/*.log"))
