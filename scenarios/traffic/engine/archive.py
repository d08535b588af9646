"""Snapshots of a simulation (specification, section 10)."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scenarios.traffic.engine.saved import Saved
from scenarios.traffic.engine.state import State
from scenarios.traffic.entries import NetworkError
from scenarios.traffic.flow import VehicleModel
from scenarios.traffic.roadnet import Roadnet

if TYPE_CHECKING:
    from scenarios.traffic.engine.engine import Engine

_FORMAT = 1


class Archive:
    """A copy of everything a step changes.

    As in CityFlow two things are not part of it: which flows proved to have no route, and the
    number of vehicles pushed by hand. The file format is our own (NumPy's .npz, no pickles):
    CityFlow's JSON does not bring numbers back bit for bit.

    Args:
        engine: the engine to copy.
    """

    def __init__(self, engine: Engine) -> None:
        self._network = _identity(engine.simulation.net)
        self._saved = engine.simulation.copy()

    def restore(self, engine: Engine) -> None:
        """Put the copy back into an engine.

        Raises:
            ValueError: the engine runs another network.
        """
        if _identity(engine.simulation.net) != self._network:
            raise ValueError("the snapshot is of another network")
        engine.simulation.resume(self._saved)

    def dump(self, path: str | Path) -> None:
        """Write the snapshot to a file."""
        models = [astuple(model) for model in self._saved.models]
        with Path(path).open("wb") as file:
            np.savez(
                file,
                format=np.array(_FORMAT),
                network=np.array(self._network),
                vehicle_models=np.array(models, dtype=np.float64).reshape(-1, _n_numbers()),
                stored_routes=self._saved.routes,
                **self._saved.state._asdict(),
            )

    @classmethod
    def read(cls, path: str | Path) -> Archive:
        """Return a snapshot written by `dump`.

        Raises:
            NetworkError: the file is unreadable or is not a snapshot.
        """
        archive = cls.__new__(cls)
        try:
            with np.load(path, allow_pickle=False) as file:
                if int(file["format"]) != _FORMAT:
                    raise NetworkError(f"{path}: snapshot: format {file['format']} is unknown")
                archive._network = str(file["network"])
                archive._saved = Saved(
                    models=[VehicleModel(**_named(row)) for row in file["vehicle_models"].tolist()],
                    routes=file["stored_routes"],
                    state=State(**{name: file[name] for name in State._fields}),
                )
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise NetworkError(f"{path}: snapshot: cannot be read: {error}") from error
        return archive


def _identity(net: Roadnet) -> str:
    """Return a digest of what the numbers in a snapshot refer to."""
    return hashlib.sha256("\n".join(net.drivable_ids).encode()).hexdigest()


def _n_numbers() -> int:
    return len(fields(VehicleModel))


def _named(row: list[float]) -> dict[str, float]:
    return {field.name: value for field, value in zip(fields(VehicleModel), row, strict=True)}
