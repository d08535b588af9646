"""The papers' own results, as data: ``harness/published/<scenario>.toml``."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.cell import Value
from harness.errors import ConfigurationError, nearest
from scenarios import SCENARIOS

BOUND = "bound"  # stands in place of a method for the best value a paper states


class Published(BaseModel):
    """One result that a paper states.

    Attributes:
        method: A key of ``methods.METHODS``, also of one not built yet, or ``bound``.
        metric: A key of the scenario's ``metric_info``.
        value: The number, in the metric's unit; absent where the paper gives words only.
        text: The paper's words or a short rendering of them; shown instead of the number.
        paper: Which paper: "000" or "001".
        source: Section, table or figure.
        runs: Training runs behind it; absent where none is stated.
        options: Options of the scenario it holds for; the others are at their defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: str
    metric: str
    value: float | None = None
    text: str | None = None
    paper: str
    source: str
    runs: int | None = Field(default=None, ge=1)
    options: dict[str, bool | int | float | str] = {}

    @model_validator(mode="after")
    def _says_something(self) -> "Published":
        if self.value is None and self.text is None:
            raise ValueError("neither value nor text; give at least one")
        return self

    @property
    def shown(self) -> str:
        """What a table prints: the words where there are words, else the number."""
        return self.text if self.text is not None else f"{self.value:g}"


def load_published(scenario: str, folder: Traversable | None = None) -> tuple[Published, ...]:
    """Return what the papers state for a scenario, in file order; nothing without a file.

    Args:
        scenario: A key of ``scenarios.SCENARIOS``.
        folder: Where the files lie; those of this package unless given.

    Raises:
        ConfigurationError: A file that is not TOML, an unknown key or metric, a missing or
            wrong value.
    """
    file = (folder or resources.files("harness") / "published") / f"{scenario}.toml"
    if not file.is_file():
        return ()
    name = f"harness/published/{scenario}.toml"
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: not valid TOML: {error}") from None
    for key in tables.keys() - {"result"}:
        raise ConfigurationError(f"{name}: unknown key {key!r}; {nearest(key, ['result'])}")
    return tuple(
        _entry(values, scenario, f"{name}: [[result]] number {n}")
        for n, values in enumerate(tables.get("result", []), start=1)
    )


def find_published(
    entries: Sequence[Published], method: str, metric: str, options: Mapping[str, Value]
) -> tuple[Published, ...]:
    """Return the entries that speak of a method and metric under just these options."""
    return tuple(
        entry
        for entry in entries
        if (entry.method, entry.metric, entry.options) == (method, metric, dict(options))
    )


def _entry(values: Mapping[str, object], scenario: str, where: str) -> Published:
    try:
        entry = Published.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "entry"
        hint = nearest(key, Published.model_fields) if first["type"] == "extra_forbidden" else ""
        remedy = f"unknown key; {hint}" if hint else first["msg"]
        raise ConfigurationError(f"{where}: {key}: {remedy}") from None
    known = SCENARIOS[scenario].metric_info
    if entry.metric not in known:
        raise ConfigurationError(
            f"{where}: unknown metric {entry.metric!r}; {nearest(entry.metric, known)}"
        )
    return entry
