"""Methods over all scenarios: normalized scores, their middle, and who improves on whom."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from harness.report.baselines import SUBJECT
from harness.report.document import Block, Entry, Heading, Paragraph, Table, prose
from harness.report.numbers import NOTHING, interval_text
from harness.report.rows import PlaceRuns, title_of
from harness.stats.aggregate import (
    improvement,
    improvement_interval,
    iqm,
    iqm_interval,
    normalized,
)

_PLACES = 3
_READING = """Each scenario's first metric, 0 at its floor and 1 at its bound. `IQM`: interquartile
mean over scenarios and the seeds done at all of them. `P(LToS better)`: the chance that a run of
LToS scores higher than one of the method, mean over scenarios. Intervals: bootstrap, resampled
within each scenario."""
Scores = Float[np.ndarray, "seeds scenarios"]


def across_scenarios(places: Sequence[PlaceRuns]) -> list[Block]:
    """Return the aggregate tables, one per label; nothing for fewer than two scenarios."""
    blocks: list[Block] = []
    for label in dict.fromkeys(label for place in places for label in place.labels):
        blocks += _of_label(_scenarios(places, label), label)
    return [Heading(2, "Across scenarios"), Paragraph(prose(_READING)), *blocks] if blocks else []


def _scenarios(places: Sequence[PlaceRuns], label: str) -> list[PlaceRuns]:
    """Return the first place of each scenario that has learners' runs and both landmarks."""
    found: dict[str, PlaceRuns] = {}
    for place in places:
        ran = any(row.learns and row.results(label) for row in place.rows)
        if ran and place.margin(_first_metric(place), 1.0):
            found.setdefault(place.name, place)
    return [*found.values()]


def _first_metric(place: PlaceRuns) -> str:
    return next(iter(place.headline))


def _of_label(places: Sequence[PlaceRuns], label: str) -> list[Block]:
    if len(places) < 2:
        return []
    methods = dict.fromkeys(
        row.cell.method for place in places for row in place.rows if row.learns and row.plain
    )
    scores = {m: s for m in methods if (s := _scores(places, label, m)) is not None}
    left_out = [title_of(m) for m in methods if m not in scores]
    subject = scores.get(SUBJECT)
    records = {m: _records(places, label, m) for m in scores}
    lines = [
        _line(method, values, records[method], None if method == SUBJECT else subject)
        for method, values in scores.items()
    ]
    where = ", ".join(f"{place.place} ({_first_metric(place)})" for place in places)
    head = ("method", "seeds", "IQM [95 %]", f"P({title_of(SUBJECT)} better) [95 %]")
    missing = f" Not run at all of them: {', '.join(left_out)}." if left_out else ""
    return [
        Heading(3, f"Normalized scores, {label}"),
        Paragraph(f"Over {where}.{missing}"),
        *([Table(head=head, rows=tuple(lines))] if lines else []),
    ]


def _scores(places: Sequence[PlaceRuns], label: str, method: str) -> Scores | None:
    """Return a method's scores on the seeds that it has at every place; None without one."""
    columns = []
    for place in places:
        row, metric = place.row(method, label), _first_metric(place)
        if row is None:
            return None
        columns.append((place, metric, row.by_seed(label, metric)))
    seeds = sorted(set.intersection(*(set(values) for _, _, values in columns)))
    if not seeds:
        return None
    return np.stack(
        [
            normalized(
                np.array([values[seed] for seed in seeds]),
                place.landmarks.floor[metric],
                place.landmarks.bound[metric],
            )
            for place, metric, values in columns
        ],
        axis=1,
    )


def _records(places: Sequence[PlaceRuns], label: str, method: str) -> tuple[str, ...]:
    rows = (place.row(method, label) for place in places)
    return tuple(record for row in rows if row is not None for record in row.records(label))


def _line(
    method: str, scores: Scores, records: tuple[str, ...], subject: Scores | None
) -> tuple[str | Entry, ...]:
    middle = iqm(scores)
    text = interval_text(middle, iqm_interval(scores, np.random.default_rng(0)), _PLACES)
    chance: str | Entry = NOTHING
    if subject is not None:
        share = improvement(subject, scores)
        interval = improvement_interval(subject, scores, np.random.default_rng(0))
        chance = Entry(text=interval_text(share, interval, _PLACES), value=share, records=records)
    number = Entry(text=text, value=middle, records=records)
    return (title_of(method), str(len(scores)), number, chance)
