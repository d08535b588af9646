"""Where the tracker is, and how MLflow is to behave; MLflow itself is not imported here."""

import logging
import os
from importlib.util import find_spec
from pathlib import Path

ARTIFACTS = "mlflow-artifacts"  # folder in that of the results, where no server is named
INSTALL = "pip install -e '.[mlflow]'"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_PATIENCE = {  # with a server that is down, unless the user says otherwise; MLflow's own: minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def installed() -> bool:
    """Say whether MLflow is installed, without importing it."""
    return find_spec("mlflow") is not None


def database(results: Path) -> Path:
    """Return the tracker's file where no server is named."""
    return results.absolute() / "mlflow.db"


def named_uri() -> str | None:
    """Return the tracker that the user has named in the environment."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def tracking_uri(results: Path) -> str:
    """Return where the tracker is."""
    return named_uri() or f"sqlite:///{database(results)}"


def in_use(results: Path) -> bool:
    """Say whether there is a tracker to keep up to date: one is named, or there is a file."""
    return named_uri() is not None or database(results).exists()


def quiet() -> None:
    """Make MLflow silent and quick to give up; called before it is imported."""
    os.environ.update(_SETTINGS)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
