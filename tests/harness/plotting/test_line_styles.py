"""Every method has a line of its own: told apart without color, and seen in the dark."""

import re
from importlib import resources

import pytest

from harness.plotting.draw import level_style, method_style, sweep_style
from methods import METHODS

LEARNERS = [name for name, method in METHODS.items() if method.learns]
STYLE_SHEET = (resources.files("harness.report") / "page.css").read_text()


def luminance(color):
    parts = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dim = sorted(map(luminance, (one, other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def in_the_dark(color, what):
    found = re.search(
        rf'\[{what}="{color.lower()}"\] {{ {what}: light-dark\(#\w+, (#\w+)\); }}', STYLE_SHEET
    )
    return found[1] if found else color


def test_no_two_methods_have_dash_and_marker_in_common():
    styles = {name: method_style(name)[1:] for name in LEARNERS}

    assert len(set(styles.values())) == len(LEARNERS)
    assert method_style("somebody's own")[1:] not in styles.values()


def test_neighboring_variants_of_a_sweep_differ_in_color_dash_and_marker():
    for n in range(12):
        pairs = zip(sweep_style(n), sweep_style(n + 1), strict=True)
        assert all(here != there for here, there in pairs)


def test_neighboring_levels_differ_in_their_dash():
    assert all(level_style(n).dash != level_style(n + 1).dash for n in range(12))


@pytest.mark.parametrize(
    "color", {s.color for s in [*map(method_style, METHODS), *map(sweep_style, range(8))]}
)
@pytest.mark.parametrize("what", ["stroke", "fill"])
def test_colors_can_be_seen_on_dark_paper(color, what):
    (paper,) = re.findall(r"--paper: light-dark\(#\w+, (#\w+)\)", STYLE_SHEET)

    assert contrast(in_the_dark(color, what), paper) >= 4.0
