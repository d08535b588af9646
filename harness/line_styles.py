"""Which color, dash and marker each line of a figure has."""

from typing import NamedTuple

from harness.published import BOUND

Dash = tuple[float, ...]  # lengths of strokes and gaps, empty for a solid line

_DASHES: dict[str, Dash] = {
    "solid": (),
    "dashed": (5, 2),
    "dotted": (1.2, 1.5),
    "dashdot": (6, 2, 1.2, 2),
}
_LEVEL_DASHES: tuple[Dash, ...] = ((8, 3), (3, 3), (8, 3, 2, 3), (14, 6), (1.5, 4))
_METHODS = {  # color (Okabe and Ito's, safe for the color-blind), dash, marker
    "ltos": ("#D55E00", "solid", "o"),
    "fixed_ltos": ("#E69F00", "dashed", "s"),
    "dgn": ("#0072B2", "solid", "^"),
    "dqn": ("#56B4E9", "dashed", "v"),
    "joint_dqn": ("#009E73", "solid", "D"),
    "coco_q": ("#CC79A7", "solid", "P"),
    "qmix": ("#009E73", "dashed", "X"),
    "vdn": ("#009E73", "dotted", "p"),
    "consenet": ("#000000", "dashed", "<"),
    "neurcomm": ("#000000", "solid", ">"),
    "ia2c": ("#000000", "dotted", "h"),
    "ip": ("#CC79A7", "dashed", "*"),
    "lio": ("#B8A800", "solid", "d"),
    "ippo": ("#7A5195", "dashed", "H"),
    "mappo": ("#7A5195", "solid", "8"),
    "team_dqn": ("#56B4E9", "dotted", "1"),
    "team_dgn": ("#0072B2", "dotted", "2"),
    "inequity_dqn": ("#56B4E9", "dashdot", "3"),
    "inequity_dgn": ("#0072B2", "dashdot", "4"),
    BOUND: ("#555555", "dashed", "D"),
}
_SPARE = ("#7F7F7F", "dashdot", "x")  # a method that is not ours: told apart by its legend
_SWEEP = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#B8A800")
_SWEEP_MARKERS = "osD^vP<>Xp*"


class LineStyle(NamedTuple):
    """Color, dash and marker, as matplotlib knows them."""

    color: str
    dash: tuple[int, Dash]
    marker: str


def method_style(method: str) -> LineStyle:
    """Return a method's style, the same in every figure."""
    color, dash, marker = _METHODS.get(method, _SPARE)
    return LineStyle(color, (0, _DASHES[dash]), marker)


def sweep_style(n: int) -> LineStyle:
    """Return the style of the n-th variant of a method."""
    dashes = tuple(_DASHES.values())
    marker = _SWEEP_MARKERS[n % len(_SWEEP_MARKERS)]
    return LineStyle(_SWEEP[n % len(_SWEEP)], (0, dashes[n % len(dashes)]), marker)


def level_style(n: int) -> LineStyle:
    """Return the style of the n-th fixed policy, a gray line without markers."""
    return LineStyle("#555555", (0, _LEVEL_DASHES[n % len(_LEVEL_DASHES)]), "")
