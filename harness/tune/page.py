"""The ledger as a page for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from harness.grid import Grid
from harness.report.markdown import code, escape
from harness.report.numbers import sentence
from harness.tune.ledger import TOLERANCE, Ledger
from harness.tune.pictures import Picture, digest
from harness.tune.plan import searched
from harness.tune.verdict import LEVEL

_READING = f"""\
A trial trains one setting from each tuning seed; its score is the headline metric of greedy play,
mean over the last tenth of training and over the seeds. Every method of a place may spend the same
number of environment steps; the check fails where what they spent differs by more than
{TOLERANCE:.0%}. `pruned`: given up after some seeds, worse than the best on all of them. `cut`: at
the end the budget paid for some of the seeds only; never the best. `searched`: how many
hyperparameters.

`paper`, `default` and `tuned` (the best trial) are scores on the tuning seeds; with `unseen`, means
over seeds that no choice rests on. `gain` is tuned less default on those, in the direction that is
good; `p`, the chance of such a gain between equal settings (paired permutation test, one-sided).
`tuned is` better or worse at p up to {LEVEL}: of twenty that are equally good, one is called
better. `optimism`: by how much the score on the tuning seeds flatters the best trial. A
method that inherits takes over all that it shares with the other from that one's best trial; its
`paper` and `default` are those presets' sharing over that, its `default, unseen` is plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        text: Tables and what goes with them.
        pictures: Figures below it, by name of file.
    """

    text: str
    pictures: Mapping[str, Picture]


def page(grid: Grid, content: Ledger, sections: Sequence[Section], folder: str) -> str:
    """Write the ledger.

    Args:
        grid: Whose studies.
        content: The ledger.
        sections: Its parts.
        folder: Where figures lie, as seen from the page.
    """
    command = code(f"python -m harness report --grid {grid.name}")
    parts = [
        f"# {escape(grid.name)}: tuning",
        f"{escape(sentence(grid.description))} Made by {command}; do not edit.",
        _verdict(content),
        _READING,
    ]
    for section in sections:
        parts.append(section.text)
        for name, picture in section.pictures.items():
            address = quote(f"{folder}/{name}")
            parts.append(f"![{escape(picture.title)}]({address})")
            parts.append(f"*Data sha256: {digest(picture)}.*")
    known = (cell for cell in grid.cells if cell not in grid.unavailable)
    if idle := sorted({cell.method for cell in known if not searched(cell)}):
        parts.append(f"Without anything to search, hence not tuned: {escape(', '.join(idle))}.")
    return "\n\n".join(parts) + "\n"


def _verdict(content: Ledger) -> str:
    if not content.rows:
        return "**No study was begun.**"
    if not content.faults:
        return f"**{len(content.rows)} studies, all finished, at equal budgets.**"
    lines = "\n".join(f"- {escape(fault)}" for fault in content.faults)
    return f"**The comparison is not complete or not fair:**\n\n{lines}"
