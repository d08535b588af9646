"""The papers' claims: which hold, which do not, and which these seeds cannot decide."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import kendalltau

from harness.published.claims import Claim
from harness.published.numbers import BOUND, Published
from harness.report.comparison import papers, range_of_ranks
from harness.report.document import Block, Bullets, Entry, Heading, Table
from harness.report.numbers import NOTHING, interval_text, signed
from harness.report.rows import TaskRuns, Variant, differences, title_of
from harness.stats.decision import CLOSE, MARGIN, Decision, decide, seeds_to_decide, verdict
from harness.stats.intervals import mean_interval, rank_ranges
from harness.stats.paired import MOST_SEEDS
from harness.stats.rounding import stable_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the runs say of one pair of methods in a claim.

    Attributes:
        method: The method that the claim speaks of.
        baseline: The other, with the options of its scenario where these differ.
        decision: What the runs say; None where a method of the pair has no runs.
        figures: How much better the method is, unless the claim holds, with its interval, and how
            many seeds would decide what is undecided.
    """

    method: str
    baseline: str
    decision: Decision | None
    figures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the runs under a label say of a claim, pair by pair."""

    claim: Claim
    label: str
    pairs: tuple[Pair, ...]


def findings(
    task: TaskRuns, claims: Iterable[Claim], tasks: Sequence[TaskRuns]
) -> tuple[Finding, ...]:
    """Examine the claims on a task under each label; those without any runs are left out.

    Args:
        task: Where the methods that the claims speak of were run.
        claims: All claims.
        tasks: All tasks: a claim may compare with runs elsewhere.
    """
    found = [
        Finding(claim=claim, label=label, pairs=tuple(_pairs(task, label, claim, tasks)))
        for claim in claims
        if (claim.scenario, claim.options) == (task.name, task.options)
        for label in task.labels
    ]
    return tuple(f for f in found if any(pair.decision for pair in f.pairs))


def tally(found: Iterable[Finding], label: str) -> str:
    """Count the pairs under a label: ``5 hold, 2 do not, 1 undecided``."""
    counts = Counter(pair.decision for f in found if f.label == label for pair in f.pairs)
    names = {Decision.HOLDS: "hold", Decision.FAILS: "do not", Decision.UNDECIDED: "undecided"}
    said = [f"{counts[decision]} {name}" for decision, name in names.items() if counts[decision]]
    return ", ".join(said) or NOTHING


def _pairs(task: TaskRuns, label: str, claim: Claim, tasks: Sequence[TaskRuns]) -> Iterator[Pair]:
    """Yield what the runs say of each pair; a baseline's are elsewhere if its game is another."""
    for method in claim.methods:
        mine = _values(task, method, label, claim)
        for baseline, options in claim.baselines:
            elsewhere = [t for t in tasks if (t.name, t.options) == (task.name, options)]
            where = [task] if options == task.options else elsewhere
            found = (_values(one, baseline, label, claim) for one in where)
            theirs = next(filter(None, found), {})  # seen in several ways: the first
            name = title_of(baseline)
            if options != claim.options:
                name += f" ({', '.join(f'{key}={value}' for key, value in options.items())})"
            gaps = task.sign(claim.metric) * differences(mine, theirs)
            decision, figures = _judged(task, claim, gaps) if len(gaps) else (None, "not run")
            yield Pair(method=title_of(method), baseline=name, decision=decision, figures=figures)


def _values(task: TaskRuns, method: str, label: str, claim: Claim) -> Mapping[int, float]:
    row = task.row(method, label)
    return row.by_seed(label, claim.metric, claim.when) if row is not None else {}


def _judged(task: TaskRuns, claim: Claim, gaps: Float[np.ndarray, "pairs"]) -> tuple[Decision, str]:
    margin = task.reference_values.share_of_way(claim.metric, MARGIN)
    decision = decide(claim.relation, gaps, margin, np.random.default_rng(0))
    if decision is Decision.HOLDS:
        return decision, ""
    advantage = interval_text(stable_mean(gaps), mean_interval(gaps), task.places(claim.metric))
    if decision is Decision.FAILS:
        return decision, advantage
    seeds = seeds_to_decide(claim.relation, gaps, margin)
    needed = f"{seeds} seeds" if seeds is not None else f"over {MOST_SEEDS} seeds"
    return decision, f"{advantage}, needs {needed if len(gaps) > 1 else 'more seeds'}"


_HEAD = ("claim", "source", "settings", "holds", "does not hold", "undecided")


def claims_table(found: Sequence[Finding]) -> list[Block]:
    """Return the table of claims; nothing where none has been examined."""
    if not found:
        return []
    metrics = {finding.claim.metric for finding in found}
    lines: list[tuple[str, ...]] = []
    before = None
    for finding in found:
        claim, columns = finding.claim, (_column(finding, decision) for decision in Decision)
        new = claim is not before  # a claim's other labels leave its words out
        words = f"{claim.words} ({claim.metric})" if len(metrics) > 1 else claim.words
        source = f"{claim.paper}, {claim.source}"
        lines.append((words if new else "", source if new else "", finding.label, *columns))
        before = claim
    return [
        Heading(3, "Claims of the papers"),
        Table(head=_HEAD, rows=tuple(lines), left=len(_HEAD)),
    ]


def _column(finding: Finding, decision: Decision) -> str:
    """Write the pairs of one decision: ``LToS better than DQN, DGN``, with figures if not so.

    What was not run stands with the undecided.
    """
    by_method: dict[str, list[str]] = {}
    for pair in finding.pairs:
        if (pair.decision or Decision.UNDECIDED) is decision:
            figures = f" ({pair.figures})" if pair.figures else ""
            by_method.setdefault(pair.method, []).append(pair.baseline + figures)
    relation = finding.claim.relation
    said = (f"{method} {relation} {', '.join(others)}" for method, others in by_method.items())
    return "; ".join(said) or NOTHING


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


def against_the_papers(task: TaskRuns, metric: str) -> list[Block]:
    """Return the table of verdicts on one metric; nothing where there is nothing to compare."""
    numbers = [
        entry
        for entry in task.published
        if (entry.metric, entry.options) == (metric, task.options)
        if entry.value is not None and entry.method != BOUND
    ]
    matches = {
        (paper, label): _matches(task, metric, label, [e for e in numbers if e.paper == paper])
        for paper in dict.fromkeys(entry.paper for entry in numbers)
        for label in task.labels
    }
    if not any(matches.values()):
        return []
    head = ["method", "papers"]
    for label in task.labels:
        head += [f"{label}: verdict", "rank (papers)"]
    printed: defaultdict[tuple[str, float], list[Published]] = defaultdict(list)
    for entry in numbers:
        printed[entry.method, _value(entry)].append(entry)
    lines = [_line(task, metric, entries, matches) for entries in printed.values()]
    orders = [
        _order(task, metric, *key, found)
        for key, found in matches.items()
        if len(found) >= _LEAST_ORDER
    ]
    return [
        Heading(3, f"{metric} against the papers"),
        Table(head=tuple(head), rows=tuple(lines), left=2),
        *([Bullets(tuple(orders))] if orders else []),
    ]


def _matches(task: TaskRuns, metric: str, label: str, entries: Sequence[Published]) -> list[_Match]:
    of_method = {entry.method: entry for entry in entries}  # some stand in two tables of a paper
    pairs = [
        (entry, row)
        for entry in of_method.values()
        if (row := task.row(entry.method, label)) and row.finals(label, metric).size
    ]
    ours = task.ranks(metric, label, [row for _, row in pairs])
    printed = task.sign(metric) * np.array([_value(entry) for entry, _ in pairs])
    theirs = rank_ranges(printed[:, None] > printed[None, :])
    return [
        _Match(entry=entry, row=row, rank=rank, papers_rank=papers_rank)
        for (entry, row), rank, papers_rank in zip(pairs, ours, theirs, strict=True)
    ]


def _line(
    task: TaskRuns,
    metric: str,
    entries: Sequence[Published],
    matches: Mapping[tuple[str, str], Sequence[_Match]],
) -> tuple[str | Entry, ...]:
    """Write a number that papers print, and how our runs stand to it under each label."""
    entry, line = entries[0], list[str | Entry]()
    for label in task.labels:
        among = matches[entry.paper, label]
        match = next((match for match in among if match.entry.method == entry.method), None)
        if match is None:
            line += [NOTHING, NOTHING]
            continue
        values, records = match.row.finals(label, metric), match.row.records(label)
        said = verdict(
            values,
            _value(entry),
            tolerance=entry.spread,
            margin=task.reference_values.share_of_way(metric, CLOSE),
            higher_is_better=task.sign(metric) > 0,
        )
        gap = signed(stable_mean(values) - _value(entry), task.places(metric))
        ranks = f"{range_of_ranks(match.rank)} ({range_of_ranks(match.papers_rank)})"
        line.append(Entry(text=f"{said} ({gap})", records=records))
        line.append(Entry(text=ranks, records=records) if len(among) > 1 else NOTHING)
    return (title_of(entry.method), papers(entries), *line)


def _order(task: TaskRuns, metric: str, paper: str, label: str, matches: Sequence[_Match]) -> str:
    """Write how our order agrees with a paper's."""
    ours = [stable_mean(match.row.finals(label, metric)) for match in matches]
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
