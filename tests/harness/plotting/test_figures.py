"""Figures are a function of their data, and carry its hash."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.plotting.draw import axes_box, draw, stored_digest
from harness.plotting.plot import Curve, Level, Plot, Point, Stated


def curve(name="DQN", method="dqn", end=0.49):
    return Curve(
        name=name,
        method=method,
        x=(100.0, 200.0, 300.0),
        mean=(0.2, 0.3, end),
        least=(0.1, 0.2, end),
        most=(0.3, 0.4, end),
    )


def plot(*curves, levels=(), by_method=True):
    return Plot(
        title="prisoner, paper",
        ylabel="return [reward]",
        curves=curves or (curve(),),
        levels=levels,
        by_method=by_method,
    )


@pytest.fixture(scope="module")
def drawing():
    return draw(plot())


def test_the_same_data_give_the_same_file(drawing):
    assert draw(plot()) == drawing


def test_somebodys_own_matplotlib_settings_change_nothing(drawing):
    import matplotlib

    with matplotlib.rc_context({"axes.facecolor": "red", "lines.markeredgewidth": 9.0}):
        assert draw(plot()) == drawing


def test_the_hash_of_the_data_stands_in_the_file(drawing, tmp_path):
    path = tmp_path / "figure.svg"
    path.write_bytes(drawing)

    assert stored_digest(path) == plot().digest


@pytest.mark.parametrize("name", ["defect", "drawing sha256: 0"])
def test_a_drawing_that_was_changed_is_told_from_one_that_was_not(tmp_path, name):
    path = tmp_path / "figure.svg"
    path.write_bytes(draw(plot(curve(name=name))))
    assert stored_digest(path) == plot(curve(name=name)).digest

    path.write_bytes(path.read_bytes().replace(b' d="M ', b' d="M 1', 1))

    assert stored_digest(path) == ""


def test_coordinates_have_three_decimals_at_most(drawing):
    shown = re.sub(rb"scale\([^)]*\)", b"", drawing)
    geometry = b"".join(re.findall(rb'\s(?:d|x|y|transform)="[^"]*"', shown))

    assert re.search(rb"\d\.\d", geometry)
    assert not re.search(rb"\d\.\d{4}", geometry)


def test_other_data_have_another_hash():
    digests = {
        plot().digest,
        plot(curve(end=0.5)).digest,
        plot(curve(name="dqn")).digest,
        plot(levels=(Level(name="cooperate", value=0.97),)).digest,
        replace(plot(), ylabel="return").digest,
    }

    assert len(digests) == 5


def test_a_drawing_of_somebody_else_has_no_hash(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_bytes(b"<svg/>")

    assert stored_digest(path) is None


def test_hostile_names_give_a_well_formed_figure():
    names = ("<script>alert(1)</script>", "_hidden", "$\\frac{1}", "a & b", "%s {0}")
    curves = tuple(curve(name=name, method=f"user{n}") for n, name in enumerate(names))

    drawing = draw(replace(plot(*curves), title="<b>&</b>"))

    ElementTree.fromstring(drawing)
    assert b"<script" not in drawing
    assert drawing.count(b"<!-- _hidden -->") == 1  # a legend would drop it


def test_lines_are_listed_from_the_top_as_they_lie():
    curves = (curve("low", end=0.1), curve("high", "ltos", end=0.9))

    drawing = draw(plot(*curves, levels=(Level(name="between", value=0.5),))).decode()

    assert drawing.index("-- high --") < drawing.index("-- between --") < drawing.index("-- low --")


def test_more_variants_than_styles_can_be_drawn():
    many = tuple(curve(f"s={n}", "fixed_ltos") for n in range(25))

    drawing = draw(plot(*many, by_method=False))

    assert b"-- s=24 --" in drawing


def test_a_name_that_is_too_long_leaves_room_for_the_axes():
    drawing = draw(plot(curve("x" * 300)))

    assert f"-- {'x' * 43}… --" in drawing.decode()


def test_a_method_keeps_its_color_whoever_stands_beside_it():
    alone, beside = draw(plot(curve())), draw(plot(curve("LToS", "ltos"), curve()))

    assert b"#56b4e9" in alone
    assert b"#56b4e9" in beside
    assert b"#d55e00" not in alone


def test_a_title_that_is_too_long_is_broken_into_lines():
    drawing = draw(replace(plot(), title="x" * 100)).decode()

    assert f"<!-- {'x' * 84} -->" in drawing
    assert f"<!-- {'x' * 16} -->" in drawing


@pytest.fixture(scope="module")
def study():
    return replace(
        plot(curve("LToS", "ltos"), curve("bound", "bound", end=0.97)),
        xlabel="n_agents",
        ticks=(100.0, 200.0, 300.0),
        stated=(Stated(method="ltos", x=200.0, y=0.8), Stated(method="bound", x=200.0, y=0.9)),
    )


def test_a_study_has_a_tick_at_each_value_and_a_hollow_marker_at_each_stated_one(study):
    drawing = draw(study).decode()
    without = draw(replace(study, stated=())).decode()

    assert [f"<!-- {tick} -->" in drawing for tick in (100, 150, 200, 250, 300)] == [1, 0, 1, 0, 1]
    assert "<!-- n_agents -->" in drawing
    for color in ("#d55e00", "#555555"):
        assert f"fill-opacity: 0; stroke: {color}" in drawing
        assert f"fill-opacity: 0; stroke: {color}" not in without
    assert "<!-- hollow: stated by the papers -->" in drawing
    assert "hollow" not in without


def test_what_the_papers_state_is_part_of_the_data(study):
    other = replace(study, stated=(Stated(method="ltos", x=200.0, y=0.81), *study.stated[1:]))

    assert len({study.digest, other.digest, replace(study, stated=()).digest}) == 3


def point(name, x, mean=0.5, x_most=None, method="dqn"):
    return Point(
        name=name,
        method=method,
        x=float(x),
        x_most=float(x if x_most is None else x_most),
        mean=mean,
        least=mean - 0.1,
        most=mean + 0.1,
    )


def over(*points, xscale="linear"):
    return replace(plot(), curves=(), points=points, xscale=xscale)


def spots(drawing, *keys):
    """Where the markers of points lie [points]."""
    root = ElementTree.fromstring(drawing)
    groups = {group.get("id"): group for group in root.iter("{http://www.w3.org/2000/svg}g")}
    uses = (groups[key].find(".//{http://www.w3.org/2000/svg}use") for key in keys)
    return [(float(use.get("x")), float(use.get("y"))) for use in uses]


def test_points_at_the_same_spot_stand_side_by_side_and_all_are_inside():
    drawing = draw(over(point("a", 1), point("b", 1), point("c", 1, 0.9), point("d", 2, 0.9)))

    a, b, c, d = spots(drawing, "point0", "point1", "point2", "point3")
    assert (b[0] - a[0], b[1] - a[1]) == pytest.approx((7, 0))
    assert c[0] == pytest.approx(a[0])
    assert d[0] > b[0]
    left, right = 0.72 * 72, (0.72 + 4.1) * 72
    assert all(left < x < right for x, _ in (a, b, c, d))


def test_costs_from_zero_to_thousands_have_room_on_one_axis():
    drawing = draw(over(point("a", 0), point("b", 1), point("c", 2000, 0.9), xscale="symlog"))

    a, b, c = spots(drawing, "point0", "point1", "point2")
    assert b[0] - a[0] > 14
    assert c[0] - b[0] > 100
    assert [f"<!-- {tick} -->".encode() in drawing for tick in ("0", "1", "1,000")] == [True] * 3


def test_what_is_taken_in_all_is_inside_too():
    drawing = draw(over(point("a", 1, x_most=500), point("b", 2), xscale="symlog"))

    assert b"<!-- 100 -->" in drawing


def test_axes_are_at_the_same_place_in_every_figure():
    few = plot(curve())
    many = replace(few, title="x" * 90, curves=tuple(curve(f"s={n}") for n in range(30)))

    assert axes_box(few)[0] == axes_box(many)[0] == 0
    assert axes_box(few)[2] == axes_box(many)[2]
    assert axes_box(many)[3] > axes_box(few)[3]


def test_a_letter_without_a_glyph_is_no_trouble():
    assert "<!-- \u6f22 -->" in draw(plot(curve("\u6f22"))).decode()
