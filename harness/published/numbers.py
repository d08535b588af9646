"""The papers' own results, as data: ``harness/published/<scenario>.toml``."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from harness.config.toml import Table, Value, checked, read_toml
from harness.errors import ConfigurationError, nearest
from scenarios import SCENARIOS

BOUND = "bound"  # stands in place of a method for the best value a paper states

Options: TypeAlias = dict[str, bool | int | float | str]


class _Source(Table):
    metric: str
    paper: str
    source: str
    runs: int | None = Field(default=None, ge=1)
    spread: float = Field(default=0.0, ge=0)
    options: Options = Field(default_factory=dict)


class Published(_Source):
    """One result that a paper states.

    Attributes:
        method: A key of ``methods.METHODS``, also of one not built yet, or ``bound``.
        metric: A key of the scenario's ``metric_info``.
        value: The number, in the metric's unit; absent where the paper gives words only.
        text: The paper's words, shortened; shown instead of the number.
        paper: Which paper: "000" or "001"; "code" for what the authors print with their code.
        source: Section, table or figure.
        runs: Training runs behind it, where stated.
        spread: How far the true value may lie off, where the paper says so or rounds coarsely.
        options: Options of the scenario that are not at their defaults.
    """

    method: str
    value: float | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Published":
        if self.value is None and self.text is None:
            raise ValueError("neither value nor text; give at least one")
        return self

    @property
    def shown(self) -> str:
        """What a table prints: the words where there are words, else the number."""
        return self.text if self.text is not None else f"{self.value:g}"


class Row(_Source):
    """A row of a paper's table: a value per method, the rest as in ``Published``."""

    values: Annotated[dict[str, float], Field(min_length=1)]


_TABLES: Mapping[str, type[Published] | type[Row]] = {"result": Published, "row": Row}


def load_published(scenario: str, folder: Traversable | None = None) -> tuple[Published, ...]:
    """Return what the papers state for a scenario: its ``[[result]]``s, then its ``[[row]]``s.

    Args:
        scenario: Name of the file; nothing without a file.
        folder: Where the files lie; those of this package unless given.

    Raises:
        ConfigurationError: A file that is not TOML, an unknown key, metric or option, a missing
            or wrong value.
    """
    file = (folder or resources.files("harness") / "published") / f"{scenario}.toml"
    if not file.is_file():
        return ()
    name, entries = f"harness/published/{scenario}.toml", list[Published]()
    tables = read_toml(file, name)
    for key in tables.keys() - _TABLES.keys():
        raise ConfigurationError(f"{name}: unknown key {key!r}; {nearest(key, _TABLES)}")
    for kind, model in _TABLES.items():
        for n, values in enumerate(tables.get(kind, []), start=1):
            where = f"{name}: [[{kind}]] number {n}"
            entry = checked(model, values, where)
            check_task(where, scenario, entry.metric, entry.options)
            if isinstance(entry, Published):
                entries.append(entry)
                continue
            assert isinstance(entry, Row)  # the other of the two
            shared = entry.model_dump(exclude={"values"})
            entries += [Published(method=m, value=v, **shared) for m, v in entry.values.items()]
    return tuple(entries)


def find_published(
    entries: Sequence[Published], method: str, metric: str, options: Mapping[str, Value]
) -> tuple[Published, ...]:
    """Return the entries that speak of a method and metric under just these options."""
    return tuple(
        entry
        for entry in entries
        if (entry.method, entry.metric, entry.options) == (method, metric, dict(options))
    )


def check_task(where: str, scenario: str, metric: str, options: Iterable[str]) -> None:
    """Refuse a headline metric or an option that a scenario does not have.

    Raises:
        ConfigurationError: With the nearest one.
    """
    if scenario not in SCENARIOS:
        raise ConfigurationError(
            f"{where}: unknown scenario {scenario!r}; {nearest(scenario, SCENARIOS)}"
        )
    known = [name for name, m in SCENARIOS[scenario].metric_info.items() if m.headline]
    if metric not in known:
        raise ConfigurationError(
            f"{where}: unknown headline metric {metric!r}; {nearest(metric, known)}"
        )
    names = inspect.signature(SCENARIOS[scenario]).parameters
    for name in (name for name in options if name not in names):
        raise ConfigurationError(f"{where}: unknown option {name!r}; {nearest(name, names)}")
