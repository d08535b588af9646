"""Drawings on one page share what they can, and every line of a legend finds what it stands for."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.plotting.draw import draw
from harness.plotting.plot import Curve, Level, Plot, Point, Stated
from harness.report.html import Drawings

X = (1.0, 2.0, 3.0)
CURVE = Curve(
    name="DQN", method="dqn", x=X, mean=(0.1, 0.2, 0.3), least=(0.0,) * 3, most=(0.5,) * 3
)
POINT = Point(name="VDN", method="vdn", x=0.0, x_most=3.0, mean=0.5, least=0.4, most=0.6)
PLOT = Plot(
    title="<all> & kinds",
    ylabel="return",
    curves=(CURVE, replace(CURVE, name="LToS", method="ltos")),
    points=(POINT, replace(POINT, name="_x", method="mine")),
    levels=(Level(name="random", value=0.25),),
    stated=(Stated(method="ltos", x=2.0, y=0.3),),
    by_method=True,
)


@pytest.fixture(scope="module")
def svg():
    return draw(PLOT)


@pytest.fixture(scope="module")
def drawing(svg):
    return Drawings().add(PLOT, svg)


def lines(drawing):
    return {e.get("data-line") for e in ElementTree.fromstring(drawing.svg).iter()} - {None}


def test_every_line_of_the_legend_finds_what_it_stands_for(drawing):
    keys = {entry.key for entry in PLOT.legend}

    assert lines(drawing) == drawing.samples.keys() == keys
    assert keys == {"curve0", "curve1", "point0", "point1", "level0", "stated"}


def test_bands_and_ranges_go_with_their_lines(drawing):
    root = ElementTree.fromstring(drawing.svg)

    parts = [e.get("data-line") for e in root.iter() if e.get("data-line")]
    assert (parts.count("curve0"), parts.count("level0")) == (2, 1)
    assert parts.count("point0") == 3  # the marker, the range, what is sent while learning


def test_a_sample_has_the_color_of_its_line(drawing):
    assert 'stroke="#56b4e9"' in drawing.samples["curve0"]
    assert 'stroke="#d55e00"' in drawing.samples["curve1"]
    assert 'stroke="#555555"' in drawing.samples["level0"]


def test_title_and_legend_are_left_to_the_page(svg, drawing):
    assert b"<!-- DQN -->" in svg
    assert drawing.svg.count("<g ") < svg.count(b"<g ")
    assert "legend" not in drawing.svg
    assert 'fill="#ffffff"' not in drawing.svg
    assert 'aria-label="&lt;all&gt; &amp; kinds"' in drawing.svg


def test_what_drawings_share_is_kept_once_and_nothing_refers_to_what_is_not_there(svg):
    drawings = Drawings()
    other = replace(PLOT, title="other", curves=PLOT.curves[:1])

    found = [drawings.add(PLOT, svg), drawings.add(other, draw(other))]

    kept = re.findall(r'\bid="([^"]+)"', drawings.shared)
    texts = [d.svg + "".join(d.samples.values()) for d in found]
    assert len(kept) == len(set(kept))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', "".join(texts))) <= set(kept)
    assert not re.search(r'\bid="|style="|<style', "".join(texts))


def test_definitions_of_the_same_name_are_the_same(svg):
    alone, both = Drawings(), Drawings()
    other = replace(PLOT, levels=(), points=PLOT.points[:1])
    both.add(PLOT, svg)

    alone.add(other, draw(other))
    before = dict(re.findall(r'<(\w+ (?:[^<>]* )?id="[^"]+")([^<]*)', both.shared))

    after = dict(re.findall(r'<(\w+ (?:[^<>]* )?id="[^"]+")([^<]*)', alone.shared))
    assert before.keys() & after.keys()
    assert all(before[name] == after[name] for name in before.keys() & after.keys())


def test_small_scales_survive_the_loss_of_digits(drawing):
    assert "scale(0.09 -0.09)" in drawing.svg
    assert not re.search(r"\d\.\d{5,}", re.sub(r'(stroke|fill|href)[^"]*="[^"]*"', "", drawing.svg))


def test_the_same_drawing_gives_the_same_text(svg, drawing):
    assert Drawings().add(PLOT, svg) == drawing
