"""Preset ``tuned``: ``methods/hparams/tuned.toml``, which ``tune --write`` makes."""

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.errors import ConfigurationError
from harness.seeding import TUNING_SEEDS

TUNED_FILE = "methods/hparams/tuned.toml"


class Tuned(BaseModel):
    """What a study found.

    Attributes:
        study: Its name.
        date: When its last trial ended [UTC, ISO 8601].
        trials: Trials that ended in order, the pruned ones included.
        budget: What it might spend [environment steps].
        seeds: Tuning seeds of every trial.
        score: The best trial's mean over them.
        values: Hyperparameters that differ from preset ``default``.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    study: str
    date: str
    trials: int
    budget: int
    seeds: Annotated[list[Annotated[int, Field(ge=TUNING_SEEDS)]], Field(min_length=1)]
    score: float
    values: dict[str, Any]


_FILE = TypeAdapter(dict[str, dict[str, Tuned]])


def find_tuned(method: str, scenario: str) -> Tuned | None:
    """Return what was found for a method on a scenario; None where nothing was tuned.

    Raises:
        ConfigurationError: The file is not what ``tune --write`` makes.
    """
    return _shipped().get(method, {}).get(scenario)


def read_tuned(path: Path) -> dict[str, dict[str, Tuned]]:
    """Read a file that ``tune --write`` has made: by method and scenario; {} where there is none.

    Raises:
        ConfigurationError: It is something else.
    """
    if not path.exists():
        return {}
    try:
        return _FILE.validate_python(tomllib.loads(path.read_text()))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{path}: {key}: {first['msg']}, not {first['input']!r}; `tune --write` makes this file"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path}: not a file of tuned values ({error}); `tune --write` makes it"
        ) from None


@cache
def _shipped() -> dict[str, dict[str, Tuned]]:
    return read_tuned(Path(str(resources.files("methods") / "hparams" / "tuned.toml")))
