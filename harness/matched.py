"""Results of the same cells in two folders, metric by metric."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from harness.errors import ConfigurationError
from harness.landmarks import landmarks
from harness.result import DamagedResult, RunResult, load_result, rounded
from scenarios import SCENARIOS

Seeds = Mapping[int, RunResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A headline metric of one variant, on the seeds that both folders have.

    Attributes:
        where: Path of the variant's results in both folders.
        metric: Which.
        before: Final values in the first folder, by seed.
        after: Final values in the second.
        sign: 1 where higher is better, else -1.
        margin: Difference below which there is none in practice.
        differing: Seeds whose runs do not agree bit for bit in all that was evaluated.
    """

    where: str
    metric: str
    before: Float[np.ndarray, "seeds"]
    after: Float[np.ndarray, "seeds"]
    sign: int
    margin: float
    differing: tuple[int, ...]

    @property
    def gaps(self) -> Float[np.ndarray, "seeds"]:
        """What was added from the first folder to the second."""
        return self.after - self.before


def load_results(folder: Path) -> dict[str, dict[int, RunResult]]:
    """Return the results under a folder by the path of their variant, then by seed.

    Raises:
        ConfigurationError: There is no such folder, or a record in it is damaged.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder of results")
    found: defaultdict[str, dict[int, RunResult]] = defaultdict(dict)
    for path in sorted(folder.rglob("seed=*.json")):
        if path.name.endswith(".failed.json"):
            continue
        try:
            result = load_result(path)
        except DamagedResult as error:
            raise ConfigurationError(f"{error}; move it away, or run its cell again") from None
        found[path.parent.relative_to(folder).as_posix()][result.cell.seed] = result
    return dict(found)


def match(where: str, before: Seeds, after: Seeds, share: float) -> Iterator[Matched]:
    """Yield the headline metrics of a variant; nothing where no seed stands in both folders.

    Args:
        where: Path of the variant's results.
        before: Its results in the first folder.
        after: Its results in the second.
        share: The margin, as a share of the way from floor to bound.

    Raises:
        ConfigurationError: The results are of a scenario that is not known here.
    """
    seeds = sorted(before.keys() & after.keys())
    if not seeds:
        return
    cell = before[seeds[0]].cell
    if cell.scenario not in SCENARIOS:
        raise ConfigurationError(f"{where}: results of an unknown scenario {cell.scenario!r}")
    differing = tuple(seed for seed in seeds if _figures(before[seed]) != _figures(after[seed]))
    known, ends = SCENARIOS[cell.scenario].metric_info, landmarks(cell)
    for metric in (name for name, info in known.items() if info.headline):
        yield Matched(
            where=where,
            metric=metric,
            before=np.array([rounded(before[seed].final(metric)) for seed in seeds]),
            after=np.array([rounded(after[seed].final(metric)) for seed in seeds]),
            sign=1 if known[metric].higher_is_better else -1,
            margin=ends.share_of_way(metric, share),
            differing=differing,
        )


def _figures(result: RunResult) -> tuple[object, object]:
    return result.curve, result.episodes
