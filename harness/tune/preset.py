"""Writes preset ``tuned``: the best trial of every finished study, as it differs from default."""

import json
from collections.abc import Iterable
from pathlib import Path

from harness.atomic import write_text
from harness.errors import ConfigurationError
from harness.tune.row import Row
from harness.tuned import Tuned, read_tuned

_HEAD = """\
# Preset `tuned`, over preset `default`: what studies found. Made by `python -m harness tune
# --write`; do not edit. As methods/hparams/tuned.toml it is read by `run` and `report`.
"""


def write_preset(path: Path, rows: Iterable[Row]) -> list[str]:
    """Write what finished studies found; what the file says of other pairs stays.

    Args:
        path: The file; made if it is missing.
        rows: Studies.

    Returns:
        The pairs written, as ``<method>.<scenario>``.

    Raises:
        ConfigurationError: There is nothing to write, two studies of a pair, or the file is
            something else.
        OSError: The file cannot be written.
    """
    done = [row for row in rows if row.finished and row.best is not None]
    if not done:
        raise ConfigurationError(f"--write {path}: no study is finished; tune first")
    content, written = read_tuned(path), dict[str, Row]()
    for row in done:
        pair = f"{row.plan.method}.{row.plan.cell.scenario}"
        if pair in written:
            raise ConfigurationError(
                f"--write {path}: {row.plan.method} was tuned at {written[pair].plan.place} and at "
                f"{row.plan.place}; a preset has one set of values for {row.plan.cell.scenario}: "
                "choose with --only 'place=...'"
            )
        written[pair] = row
        content.setdefault(row.plan.method, {})[row.plan.cell.scenario] = _entry(row)
    tables = [
        _table(f"{method}.{scenario}", entry)
        for method, entries in sorted(content.items())
        for scenario, entry in sorted(entries.items())
    ]
    write_text(path, "\n".join([_HEAD, *tables]))
    return list(written)


def _entry(row: Row) -> Tuned:
    assert row.found is not None  # the study is finished
    return Tuned(
        study=row.plan.name,
        date=max(trial.ended for trial in row.trials)[:19] + "Z",
        trials=len(row.trials),
        budget=row.budget,
        seeds=list(row.plan.seeds),
        score=row.found,
        values=dict(row.values),
    )


def _table(name: str, entry: Tuned) -> str:
    facts = entry.model_dump()
    values = facts.pop("values")
    lines = [f"{key} = {_toml(value)}" for key, value in facts.items()]
    lines += ["", f"[{name}.values]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join([f"[{name}]", *lines, ""])


def _toml(value: object) -> str:
    """Write a number, a text, true, false or a list of these: JSON and TOML agree on them."""
    return json.dumps(value, allow_nan=False)
