"""Which cells of a grid: ``--only 'scenario=prisoner,method=ltos*,seed=0'``."""

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase

from harness.cell import Cell
from harness.errors import ConfigurationError, nearest

KEYS = ("scenario", "place", "method", "variant", "preset", "label", "seed")


def select(cells: Iterable[Cell], only: str | None) -> tuple[Cell, ...]:
    """Return the cells that match every key of a selection, each by any of its patterns.

    Args:
        cells: What to select from.
        only: ``key=pattern`` pairs with commas between; a key may be given several times. A
            pattern is text with ``*``, ``?`` and ``[0-9]``; ``?`` stands in for a comma.

    Raises:
        ConfigurationError: A pair or key that cannot be, or a selection of nothing.
    """
    patterns: defaultdict[str, list[str]] = defaultdict(list)
    for pair in only.split(",") if only is not None else ():
        key, equals, pattern = pair.strip().partition("=")
        if not equals or key not in KEYS:
            raise ConfigurationError(
                f"--only {only}: {pair.strip()!r} is not key=pattern; {nearest(key, KEYS)} (write "
                "? for a comma inside a pattern)"
            )
        patterns[key].append(pattern)
    chosen = tuple(
        cell
        for cell in cells
        if all(
            any(fnmatchcase(str(getattr(cell, key)), pattern) for pattern in choices)
            for key, choices in patterns.items()
        )
    )
    if not chosen:
        raise ConfigurationError(f"--only {only}: matches no cell; `plan` lists what there is")
    return chosen
