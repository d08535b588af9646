"""The papers' claims: which hold, which do not, and which these seeds cannot decide."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from harness.claims import Claim
from harness.published import Options
from harness.report.numbers import NOTHING, interval_text
from harness.report.place_runs import PlaceRuns, differences
from harness.report.variants import title_of
from harness.stats.decision import MARGIN, Decision, decide, seeds_to_decide
from harness.stats.interval import mean_interval
from harness.stats.power import MOST_SEEDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the runs say of one pair of methods in a claim.

    Attributes:
        method: The method that the claim speaks of.
        rival: The other, with the options of its scenario where these differ.
        decision: What the runs say; None where a method of the pair has no runs.
        advantage: How much better the method is, with its interval.
        needed: How many seeds would decide what is undecided.
    """

    method: str
    rival: str
    decision: Decision | None = None
    advantage: str = ""
    needed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the runs under a label say of a claim, pair by pair."""

    claim: Claim
    label: str
    pairs: tuple[Pair, ...]


def findings(
    place: PlaceRuns, claims: Iterable[Claim], places: Sequence[PlaceRuns]
) -> tuple[Finding, ...]:
    """Examine the claims on a place under each label; those without any runs are left out.

    Args:
        place: Where the methods that the claims speak of were run.
        claims: All claims.
        places: All places: a claim may compare with runs elsewhere.
    """
    found = [
        Finding(claim=claim, label=label, pairs=tuple(_pairs(place, label, claim, places)))
        for claim in claims
        if (claim.scenario, claim.options) == (place.name, place.options)
        for label in place.labels
    ]
    return tuple(f for f in found if any(pair.decision for pair in f.pairs))


def tally(found: Iterable[Finding], label: str) -> str:
    """Count the pairs under a label: ``5 hold, 2 do not, 1 undecided``."""
    counts = Counter(pair.decision for f in found if f.label == label for pair in f.pairs)
    names = {Decision.HOLDS: "hold", Decision.FAILS: "do not", Decision.UNDECIDED: "undecided"}
    said = [f"{counts[decision]} {name}" for decision, name in names.items() if counts[decision]]
    return ", ".join(said) or NOTHING


def _pairs(
    place: PlaceRuns, label: str, claim: Claim, places: Sequence[PlaceRuns]
) -> Iterator[Pair]:
    for method in claim.methods:
        mine = _values(place, method, label, claim)
        for rival, options in claim.rivals:
            theirs = _rival_values(place, places, rival, options, label, claim)
            name = title_of(rival)
            if options != claim.options:
                name += f" ({', '.join(f'{key}={value}' for key, value in options.items())})"
            pair = Pair(method=title_of(method), rival=name)
            yield _judged(place, claim, pair, differences(mine, theirs))


def _rival_values(
    place: PlaceRuns,
    places: Sequence[PlaceRuns],
    rival: str,
    options: Options,
    label: str,
    claim: Claim,
) -> Mapping[int, float]:
    """Return a rival's values: here if its game is the same, else where that one was run."""
    if options == place.options:
        return _values(place, rival, label, claim)
    there = [p for p in places if (p.name, p.options) == (place.name, options)]
    found = (_values(p, rival, label, claim) for p in there)  # the same game, seen in several ways
    return next((values for values in found if values), {})


def _judged(place: PlaceRuns, claim: Claim, pair: Pair, gaps: Float[np.ndarray, "pairs"]) -> Pair:
    if not len(gaps):
        return pair
    gaps = place.sign(claim.metric) * gaps
    margin = place.margin(claim.metric, MARGIN)
    mean, interval = float(gaps.mean()), mean_interval(gaps)
    return replace(
        pair,
        decision=decide(claim.relation, gaps, margin, np.random.default_rng(0)),
        advantage=interval_text(mean, interval, place.places(claim.metric)),
        needed=_needed(seeds_to_decide(claim.relation, gaps, margin), len(gaps)),
    )


def _values(place: PlaceRuns, method: str, label: str, claim: Claim) -> Mapping[int, float]:
    row = place.row(method, label)
    return row.by_seed(label, claim.metric, claim.when) if row is not None else {}


def _needed(seeds: int | None, n: int) -> str:
    if n < 2:
        return "needs more seeds"
    return f"needs {seeds} seeds" if seeds is not None else f"needs over {MOST_SEEDS} seeds"
