"""Drawings as parts of one HTML page: bare SVG, shared definitions, a sample per legend line.

matplotlib names glyphs, markers and clips by their content, so that what has the same name in two
drawings is the same: it is kept once for the page, and no name occurs twice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from harness.agent_plot import AgentPlot
from harness.figures import LEGEND, SAMPLE, TITLE, axes_box
from harness.plot import Plot

_KEY = re.compile(r"((?:curve|point|level)\d+|stated)(?:-.*)?")
_NUMBER = re.compile(r"-?\d+\.\d+")
_UNWANTED = {TITLE, LEGEND, "patch_1", "patch_2"}  # the latter: white behind figure and axes
_SAMPLE_SIZE = (36.0, 11.0)
_GEOMETRY = ("d", "x", "y", "transform")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing without its title and legend, which the page writes itself.

    Attributes:
        svg: The axes with what they show; what a legend line stands for has its key in
            ``data-line``.
        samples: By the key of a legend line, how it looks.
    """

    svg: str
    samples: Mapping[str, str]


class Drawings:
    """Prepares the drawings of a page and gathers what they share."""

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}

    @property
    def shared(self) -> str:
        """Definitions that the drawings made so far refer to."""
        return "".join(self._shared.values())

    def add(self, plot: Plot | AgentPlot, svg: bytes) -> Drawing:
        """Prepare the drawing that ``harness.figures.draw`` made of a plot."""
        root = ElementTree.fromstring(svg)
        for element in root.iter():
            _simplify(element)
        for definitions in root.iter("defs"):
            for element in definitions:
                if "id" in element.attrib:  # not the style sheet
                    self._shared.setdefault(element.attrib["id"], _text(element))
        groups = {group.get("id", ""): group for group in root.iter("g")}
        samples = {
            name.removeprefix(SAMPLE): _sample(group)
            for name, group in groups.items()
            if name.startswith(SAMPLE)
        }
        return Drawing(_text(_axes(groups["figure_1"], plot)), samples)


def _axes(figure: Element, plot: Plot | AgentPlot) -> Element:
    left, top, width, height = axes_box(plot)
    drawing = Element(
        "svg",
        {
            "viewBox": f"{left:g} {top:g} {width:g} {height:g}",
            "role": "img",
            "aria-label": plot.title,
            # What matplotlib says in a style sheet, which would win over every other attribute.
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
        },
    )
    drawing.extend(_bare(figure))
    return drawing


def _simplify(element: Element) -> None:
    """Drop namespaces, blanks and needless digits; styles become attributes."""
    element.tag = element.tag.rpartition("}")[2]
    element.text = element.tail = None
    for name in [name for name in element.attrib if "}" in name]:
        element.set(name.rpartition("}")[2], element.attrib.pop(name))
    style = element.attrib.pop("style", "")
    for declaration in filter(None, map(str.strip, style.split(";"))):
        name, _, value = declaration.partition(":")
        element.set(name.strip(), value.strip())
    for name in _GEOMETRY:
        if name in element.attrib:
            element.set(name, _short(element.attrib[name]))


def _bare(element: Element) -> list[Element]:
    """Return the children to be shown, by key where they have one; groups say nothing else."""
    found: list[Element] = []
    for child in element:
        name = child.attrib.pop("id", "")
        if name in _UNWANTED or child.tag == "defs":
            continue
        key = _KEY.fullmatch(name)
        if key:
            child.set("data-line", key[1])
        child[:] = _bare(child)
        found += child if child.tag == "g" and not child.attrib else [child]
    return found


def _sample(group: Element) -> str:
    """Return the sample of a line, cut out of the drawing's legend."""
    uses = [(use.get("x", "0"), use.get("y", "0")) for use in group.iter("use")]
    drawn = re.findall(r"[ML] (\S+) (\S+)", " ".join(p.get("d", "") for p in group.iter("path")))
    spots = uses or drawn
    x, y = (sum(float(spot[n]) for spot in spots) / len(spots) for n in (0, 1))
    width, height = _SAMPLE_SIZE
    box = f"{x - width / 2:.4g} {y - height / 2:.4g} {width:g} {height:g}"
    sample = Element("svg", {"viewBox": box, "aria-hidden": "true"})
    sample.extend(_bare(group))
    return _text(sample)


def _short(geometry: str) -> str:
    """Keep four digits: a tenth of a point at most, on drawings of some hundred points."""
    return " ".join(_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", geometry).split())


def _text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")
