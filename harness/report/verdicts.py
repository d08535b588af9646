"""Against the papers: each number that they print beside ours, and their order beside ours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from harness.published import BOUND, Published
from harness.report.comparison import papers, range_of_ranks
from harness.report.document import Block, Entry, Heading, Table, bullets
from harness.report.numbers import NOTHING, signed
from harness.report.place_runs import PlaceRuns
from harness.report.variants import Variant, title_of
from harness.stats.decision import CLOSE, verdict
from harness.stats.ranks import rank_ranges

_LEAST_ORDER = 3  # an order of two is a coin's toss


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """A printed number and our runs of the same method under a label.

    Attributes:
        entry: What the paper prints.
        row: Our runs.
        rank: The range of ranks they leave it, among the methods of the paper that were run.
        papers_rank: The range of ranks that the paper's numbers give it among the same.
    """

    entry: Published
    row: Variant
    rank: tuple[int, int]
    papers_rank: tuple[int, int]


def against_the_papers(place: PlaceRuns, metric: str) -> list[Block]:
    """Return the table of verdicts on one metric; nothing where there is nothing to compare."""
    numbers = [
        entry
        for entry in place.published
        if (entry.metric, entry.options) == (metric, place.options)
        if entry.value is not None and entry.method != BOUND
    ]
    matches = {
        (paper, label): _matches(place, metric, label, [e for e in numbers if e.paper == paper])
        for paper in dict.fromkeys(entry.paper for entry in numbers)
        for label in place.labels
    }
    if not any(matches.values()):
        return []
    head = ["method", "papers"]
    for label in place.labels:
        head += [f"{label}: verdict", "rank (papers)"]
    printed: defaultdict[tuple[str, float], list[Published]] = defaultdict(list)
    for entry in numbers:
        printed[entry.method, _value(entry)].append(entry)
    lines = [_line(place, metric, entries, matches) for entries in printed.values()]
    orders = [
        _order(place, metric, *key, found)
        for key, found in matches.items()
        if len(found) >= _LEAST_ORDER
    ]
    return [
        Heading(3, f"{metric} against the papers"),
        Table(head=tuple(head), rows=tuple(lines), left=2),
        *bullets(orders),
    ]


def _matches(
    place: PlaceRuns, metric: str, label: str, entries: Sequence[Published]
) -> list[_Match]:
    of_method = {entry.method: entry for entry in entries}  # some stand in two tables of a paper
    pairs = [
        (entry, row)
        for entry in of_method.values()
        if (row := place.row(entry.method, label)) and row.finals(label, metric).size
    ]
    ours = place.ranks(metric, label, [row for _, row in pairs])
    printed = place.sign(metric) * np.array([_value(entry) for entry, _ in pairs])
    theirs = rank_ranges(printed[:, None] > printed[None, :])
    return [
        _Match(entry=entry, row=row, rank=rank, papers_rank=papers_rank)
        for (entry, row), rank, papers_rank in zip(pairs, ours, theirs, strict=True)
    ]


def _line(
    place: PlaceRuns,
    metric: str,
    entries: Sequence[Published],
    matches: Mapping[tuple[str, str], Sequence[_Match]],
) -> tuple[str | Entry, ...]:
    """Write a number that papers print, and how our runs stand to it under each label."""
    entry, line = entries[0], list[str | Entry]()
    for label in place.labels:
        among = matches[entry.paper, label]
        match = next((match for match in among if match.entry.method == entry.method), None)
        line += (
            [NOTHING, NOTHING] if match is None else _standing(place, metric, label, match, entry)
        )
        if len(among) < 2:
            line[-1] = NOTHING
    return (title_of(entry.method), papers(entries), *line)


def _standing(
    place: PlaceRuns, metric: str, label: str, match: _Match, entry: Published
) -> tuple[Entry, Entry]:
    values = match.row.finals(label, metric)
    said = verdict(
        values,
        _value(entry),
        tolerance=entry.spread,
        margin=place.margin(metric, CLOSE),
        higher_is_better=place.sign(metric) > 0,
    )
    gap = signed(float(values.mean()) - _value(entry), place.places(metric))
    ranks = f"{range_of_ranks(match.rank)} ({range_of_ranks(match.papers_rank)})"
    records = match.row.records(label)
    return Entry(text=f"{said} ({gap})", records=records), Entry(text=ranks, records=records)


def _order(place: PlaceRuns, metric: str, paper: str, label: str, matches: Sequence[_Match]) -> str:
    """Write how our order agrees with a paper's."""
    ours = [float(match.row.finals(label, metric).mean()) for match in matches]
    tau = float(kendalltau(ours, [_value(match.entry) for match in matches]).statistic)
    fits = sum(
        match.rank[0] <= match.papers_rank[1] and match.papers_rank[0] <= match.rank[1]
        for match in matches
    )
    agreement = "not defined, all are equal" if np.isnan(tau) else signed(tau, 2)
    return (
        f"{label}, order of paper {paper}: Kendall's tau-b {agreement}, over {len(matches)} "
        f"methods; {fits} of them may have the paper's rank."
    )


def _value(entry: Published) -> float:
    if entry.value is None:
        raise ValueError(f"{entry.method}, {entry.metric}: the paper prints no number")
    return entry.value
