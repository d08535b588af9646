"""A report says what the results say, and says what is missing."""

import re
from dataclasses import replace

import pytest

from harness.config.grid import Grid
from harness.config.seeding import seeds_text
from harness.errors import ConfigurationError
from harness.report import build_report, check_report, write_report
from harness.report.markdown import code, escape
from harness.report.numbers import decimals, number, range_text, rough
from harness.results.failure import Failure
from harness.results.files import CellFiles
from support import recorded


def write(grid, results, reports):
    return write_report(build_report(grid, results), reports)


def check(grid, results, reports):
    return check_report(build_report(grid, results), reports)


def grid(*cells, tuning=False, name="trial"):
    return Grid(name=name, description="a trial", tuning=tuning, cells=cells)


def seeds(n, method="dqn", **kwargs):
    return tuple(recorded.cell(method, seed=seed, **kwargs) for seed in range(n))


def save(tmp_path, *results):
    for result in results:
        result.save(tmp_path / "trial")


def row(text, start):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [part.strip() for part in line.strip("|").split(" | ")]


def main_row(text, start):
    """A row of the first table of the first place."""
    return row(text.split("### ")[1], start)


def test_a_row_has_the_paper_beside_mean_interval_range_and_seeds(tmp_path):
    cells = seeds(3)
    finals = zip(cells, (0.48, 0.49, 0.50), strict=True)
    save(tmp_path, *(recorded.result(cell, final) for cell, final in finals))

    text = build_report(grid(*cells), tmp_path).text

    # mean .49, sd .01: half width 4.302653 * .01 / sqrt(3) = .0248
    assert main_row(text, "DQN") == [
        "DQN",
        "about 0.5 (000, 001)",
        "0.490 [0.465, 0.515]",
        "0.480 to 0.500",
        "3/3",
        "1",
        "0",
        "1,400",
    ]
    assert "### return ↑ (reward)" in text
    assert "Bound 0.970 (papers: 1 (001)), floor 0.490." in text
    assert "001, Sec 5.1 / Fig 3a, 5 runs" in text


def test_one_run_has_no_interval(tmp_path):
    save(tmp_path, recorded.result(recorded.cell(), 0.49))

    text = build_report(grid(recorded.cell()), tmp_path).text

    assert main_row(text, "DQN")[2:5] == ["0.490", "0.490", "1/1"]


def test_labels_stand_side_by_side_and_a_method_need_not_have_both(tmp_path):
    paper, default = seeds(2, preset="paper"), seeds(3)
    only = seeds(2, "dgn", preset="paper")
    save(tmp_path, *(recorded.result(cell, 0.49) for cell in (*paper, *only)))
    save(tmp_path, *(recorded.result(cell, 0.97) for cell in default))

    text = build_report(grid(*paper, *default, *only), tmp_path).text

    assert "paper: mean [95 %] | min to max | seeds | rank | default: mean [95 %]" in text
    assert main_row(text, "DQN")[2:10] == [
        "0.490 [0.490, 0.490]",
        "0.490",
        "2/2",
        "1-2",
        "0.970 [0.970, 0.970]",
        "0.970",
        "3/3",
        "1",
    ]
    assert "| 2/2 | 1-2 |  |  |  |  |" in text


def test_presets_under_one_label_are_never_averaged_together(tmp_path):
    cells = (recorded.cell(label="all"), recorded.cell(preset="paper", label="all"))
    save(tmp_path, recorded.result(cells[0], 0.97), recorded.result(cells[1], 0.49))

    text = build_report(grid(*cells), tmp_path).text

    assert main_row(text, "DQN (default)")[2] == "0.970"
    assert main_row(text, "DQN (paper)")[2] == "0.490"


def test_runs_that_are_in_no_mean_are_counted_and_explained(tmp_path):
    done, stale, damaged, failed, missing = cells = seeds(5)
    save(tmp_path, recorded.result(done, 0.49), recorded.result(stale, 9.0, fingerprint="0" * 64))
    path = recorded.result(damaged, 9.0).save(tmp_path / "trial")
    path.write_text(path.read_text()[:300])
    Failure(
        id=failed.id,
        fingerprint=failed.fingerprint,
        kind="error",
        message="ValueError: a | b",
        traceback="",
        time="",
    ).save(CellFiles.of(tmp_path / "trial", failed).failure)

    text = build_report(grid(*cells), tmp_path).text

    assert "**5 runs: 1 done, 1 stale, 1 damaged, 1 failed, 1 missing.**" in text
    assert main_row(text, "DQN")[2:5] == ["0.490", "0.490", "1/5 (1 failed, 1 damaged, 1 stale)"]
    assert "- DQN (default), seed 1: stale" in text
    assert "- DQN (default), seed 2: damaged (not readable as JSON" in text
    assert r"- DQN (default), seed 3: failed (error: ValueError: a \| b)" in text
    assert f"- DQN (default), seed {missing.seed}: not run yet" in text


@pytest.mark.parametrize("word", ["stale", "damaged", "failed"])
def test_a_variant_without_a_single_good_run_says_why(tmp_path, word):
    cell = recorded.cell()
    if word == "failed":
        files = CellFiles.of(tmp_path / "trial", cell)
        files.failure.parent.mkdir(parents=True)
        failure = Failure(
            id=cell.id,
            fingerprint=cell.fingerprint,
            kind="killed",
            message="by signal 9",
            traceback="",
            time="",
        )
        failure.save(files.failure)
    else:
        path = recorded.result(cell, fingerprint="0" * 64).save(tmp_path / "trial")
        if word == "damaged":
            path.write_text("{}")

    text = build_report(grid(cell), tmp_path).text

    assert main_row(text, "DQN")[2:5] == [word, "-", "0/1"]


def test_a_grid_never_run_has_a_report_that_says_so(tmp_path):
    report = build_report(grid(*seeds(2)), tmp_path)

    assert "There is no result to report yet: `python -m harness run --grid trial`" in report.text
    assert main_row(report.text, "DQN")[1:5] == ["about 0.5 (000, 001)", "not run", "-", "0/2"]
    assert report.figures == ()
    assert "not run yet" not in report.text


def test_what_cannot_be_run_is_listed_with_its_reason(tmp_path):
    cells = seeds(2)
    lost = [replace(cell, unavailable="QMIX is not here") for cell in seeds(2, "qmix")]

    text = build_report(grid(*cells, *lost), tmp_path).text

    assert main_row(text, "QMIX")[1:5] == [
        "cooperates eventually, slowly (001)",
        "unavailable",
        "-",
        "0/2",
    ]
    assert "- QMIX is not here (2 runs): prisoner (qmix)" in text


def test_a_grid_of_which_nothing_can_be_run_has_a_report(tmp_path):
    lost = [replace(cell, unavailable="lost") for cell in seeds(2, "qmix")]

    report = build_report(grid(*lost), tmp_path)

    assert "**2 runs: 2 unavailable.**" in report.text
    assert "## prisoner" not in report.text


def test_collapse_of_sharing_is_flagged(tmp_path):
    cells = seeds(3, "ltos", preset="paper")
    shares = zip(cells, (0.02, 0.05, 0.45), strict=True)
    save(tmp_path, *(recorded.result(cell, 0.49, share=share) for cell, share in shares))

    text = build_report(grid(*cells), tmp_path).text

    assert main_row(text, "LToS")[2] == "0.490 [0.490, 0.490] †"
    assert (
        "- † LToS (paper): sharing collapsed (final mean self weight below 0.1) in 2 of 3" in text
    )


def test_learned_shares_have_a_table_with_the_extreme_agents(tmp_path):
    cells = seeds(2, "ltos")
    save(tmp_path, *(recorded.result(c, share=s) for c, s in zip(cells, (0.4, 0.5), strict=True)))

    text = build_report(grid(*cells), tmp_path).text

    # the recorded agents keep half and three halves of the share
    assert row(text.split("### Learned sharing")[1].split("###")[0], "LToS") == [
        "LToS",
        "default",
        "0.450 [-0.185, 1.085]",
        "0.400 to 0.500",
        "0.225",
        "0.200 to 0.250",
        "0.600 to 0.750",
        "0/2",
    ]


def test_methods_that_share_nothing_have_no_sharing_table(tmp_path):
    save(tmp_path, recorded.result(recorded.cell()))

    text = build_report(grid(recorded.cell()), tmp_path).text

    assert "Learned sharing" not in text
    assert "†" not in text


def test_references_stand_under_the_name_of_their_policy(tmp_path):
    cell = recorded.cell("reference", fields=(("policy", "cooperate"),))
    only = recorded.result(cell, 0.97).curve[-1] | {"evaluation": 1}
    save(tmp_path, recorded.result(cell, curve=(only,)))

    report = build_report(grid(cell, recorded.cell()), tmp_path)

    assert main_row(report.text, "cooperate (reference)")[2] == "0.970"


def test_swept_fields_have_rows_beside_their_method_and_a_figure_of_their_own(tmp_path):
    cells = (
        recorded.cell("fixed_ltos"),
        recorded.cell(),
        recorded.cell("fixed_ltos", fields=(("selfishness", 0.7),)),
    )
    save(tmp_path, *map(recorded.result, cells))

    report = build_report(grid(*cells), tmp_path)

    titles = re.findall(r"^\| (fixed LToS[^|]*|DQN) \|", report.text, re.MULTILINE)
    assert titles[:3] == ["fixed LToS", "fixed LToS, selfishness=0.7", "DQN"]
    assert "cooperates eventually" in main_row(report.text, titles[0])[1]
    assert main_row(report.text, titles[1])[1] == ""  # the papers did not run it
    assert [f.file for f in report.figures] == [
        "prisoner-default.svg",
        "prisoner-default-fixed_ltos.svg",
    ]
    assert [c.name for c in report.figures[0].plot.curves] == ["fixed LToS", "DQN"]
    assert [c.name for c in report.figures[1].plot.curves] == titles[:2]


def shown_together(tmp_path, *cells):
    save(tmp_path, *map(recorded.result, cells))
    report = build_report(grid(*cells), tmp_path)
    return {f.file: [curve.name for curve in f.plot.curves] for f in report.figures}


def test_methods_that_the_papers_compare_have_a_figure_and_the_others_the_next(tmp_path):
    cells = (
        recorded.cell("mappo"),
        recorded.cell("dqn"),
        recorded.cell("vdn"),
        recorded.cell("ltos"),
        recorded.cell("random"),
    )

    assert shown_together(tmp_path, *cells) == {
        "prisoner-default.svg": ["DQN", "LToS"],
        "prisoner-default-others.svg": ["MAPPO", "VDN"],
    }


@pytest.mark.parametrize("methods", [("dqn", "ltos"), ("mappo", "vdn")])
def test_methods_of_one_kind_share_one_figure(tmp_path, methods):
    figures = shown_together(tmp_path, *map(recorded.cell, methods))

    assert list(figures) == ["prisoner-default.svg"]


def test_where_the_papers_compare_nothing_all_methods_share_one_figure(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.report.curves.load_published", lambda scenario: ())

    figures = shown_together(tmp_path, recorded.cell("dqn"), recorded.cell("vdn"))

    assert figures == {"prisoner-default.svg": ["DQN", "VDN"]}


def test_a_methods_only_variant_stands_beside_the_other_methods(tmp_path):
    cells = (recorded.cell("dqn"), recorded.cell("ltos", fields=(("tau", 0.5),)))

    assert shown_together(tmp_path, *cells) == {"prisoner-default.svg": ["DQN", "LToS, tau=0.5"]}


def test_a_curve_has_mean_and_band_at_the_mean_episode(tmp_path):
    cells = seeds(3)
    save(tmp_path, recorded.result(cells[0], 0.49), recorded.result(cells[1], 0.97))

    (figure,) = build_report(grid(*cells), tmp_path).figures
    (curve,) = figure.plot.curves

    assert (curve.least[-1], curve.mean[-1], curve.most[-1]) == (0.49, 0.73, 0.97)
    assert curve.x[0] == 100.5  # seed 0 had played 100 episodes, seed 1 had played 101
    assert curve.name == "DQN (2/3)"
    assert "mean over 2 seeds" in figure.caption


def test_the_same_results_give_the_same_files_byte_for_byte(tmp_path):
    cells = (*seeds(2), *seeds(2, "ltos"))
    save(tmp_path, *(recorded.result(c, share=0.4) for c in cells))

    first = write(grid(*cells), tmp_path, tmp_path / "a")
    second = write(grid(*cells), tmp_path, tmp_path / "b")

    names = ["trial.md", "prisoner-default.svg", "prisoner-sharing.svg"]
    assert [path.name for path in first] == names
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_figures_are_where_the_page_points_and_the_caption_has_their_hash(tmp_path):
    save(tmp_path, recorded.result(recorded.cell()))

    page, figure = write(grid(recorded.cell()), tmp_path, tmp_path / "reports")

    (target,) = re.findall(r"!\[.*\]\((.*)\)", page.read_text())
    assert page.parent / target == figure
    (digest,) = re.findall(r"Data sha256: ([0-9a-f]{64})", page.read_text())
    assert digest in figure.read_text()


@pytest.fixture
def written(tmp_path):
    """A grid of two seeds, its results and a report that is up to date."""
    cells = seeds(2)
    save(tmp_path, *map(recorded.result, cells))
    write(grid(*cells), tmp_path, tmp_path / "reports")
    return grid(*cells), tmp_path, tmp_path / "reports"


def test_a_fresh_report_checks(written):
    assert check(*written) == []


def test_check_finds_a_changed_word(written):
    page = written[2] / "trial.md"
    page.write_text(page.read_text().replace("0.970", "0.999"))

    (line,) = check(*written)

    assert re.search(r"trial\.md: line \d+ is .*0\.999.*, the results say .*0\.970", line)


def test_check_finds_other_line_ends(written):
    page = written[2] / "trial.md"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))

    assert len(check(*written)) == 1


def test_check_finds_missing_extra_and_outdated_figures(written):
    _, results, reports = written
    figure = reports / "figures" / "trial" / "prisoner-default.svg"
    figure.rename(figure.with_name("old.svg"))
    assert [line.split(": ")[1][:7] for line in check(*written)] == ["extra, ", "missing"]

    write(*written)
    recorded.result(recorded.cell(seed=0), 0.49).save(results / "trial")
    (of_page, of_figure) = check(*written)

    assert "trial.md: line" in of_page
    assert of_figure == f"{figure}: shows other data than the results"
    assert not figure.with_name("old.svg").exists()


def test_check_finds_that_nothing_was_written(tmp_path):
    assert check(grid(recorded.cell()), tmp_path, tmp_path) == [f"{tmp_path / 'trial.md'}: missing"]


def test_a_figure_that_is_not_ours_is_left_alone(written):
    own = written[2] / "figures" / "trial" / "sketch.svg"
    own.write_text("<svg/>")

    write(*written)

    assert own.exists()
    assert check(*written) == []


def test_a_run_that_never_reported_the_metric_is_not_counted_as_a_figure(tmp_path):
    row_of_another_metric = {"evaluation": 1, "episode": 1, "step": 1, "train": {}}
    curve = ({**row_of_another_metric, "metrics": {"steps": 3.0}},)
    path = recorded.result(recorded.cell()).save(tmp_path / "trial")
    recorded.reseal(path, lambda record: record.update(curve=curve))

    report = build_report(grid(recorded.cell()), tmp_path)

    assert main_row(report.text, "DQN")[2:5] == ["damaged", "-", "0/1"]
    assert report.figures == ()


def test_tuning_grids_are_refused(tmp_path):
    tuned = grid(recorded.cell(seed=1000), tuning=True)

    with pytest.raises(ConfigurationError, match=r"'trial'.*tuning seeds.*below 1000"):
        write(tuned, tmp_path, tmp_path)
    with pytest.raises(ConfigurationError, match="tuning seeds"):
        check(tuned, tmp_path, tmp_path)


def test_hostile_labels_stay_inside_their_cells(tmp_path):
    label = "a|b <script>alert(1)</script> *x* _y_ [z](http://x) `c` $d$ ../e"
    cell = recorded.cell(label=label)
    save(tmp_path, recorded.result(cell))

    page, figure = write(grid(cell), tmp_path, tmp_path / "reports")
    text = page.read_text()

    assert "<script>" not in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in table]
    assert bars[0] == bars[1] == bars[2]
    assert re.fullmatch(r"[A-Za-z0-9._=,-]+", figure.name)
    assert figure.parent == tmp_path / "reports" / "figures" / "trial"
    assert check(grid(cell), tmp_path, tmp_path / "reports") == []


def test_labels_that_differ_have_figures_that_differ(tmp_path):
    cells = (recorded.cell(seed=0, label="a b"), recorded.cell(seed=1, label="a_b"))
    save(tmp_path, *map(recorded.result, cells))

    report = build_report(grid(*cells), tmp_path)

    assert len({figure.file for figure in report.figures}) == 2


def test_several_places_are_told_apart_in_an_overview(tmp_path):
    cells = (recorded.cell(), recorded.cell(options=(("max_steps", 20),)))
    save(tmp_path, recorded.result(cells[0]))

    text = build_report(grid(*cells), tmp_path).text

    overview = text.split("\n## ")[0]
    assert row(overview, "prisoner") == ["prisoner", "1", "0"]
    assert row(overview, "prisoner,max_steps=20") == ["prisoner,max_steps=20", "0", "1"]
    assert main_row(text.split("## prisoner,max_steps=20")[1], "DQN")[1] == ""


def test_where_results_lie_does_not_reach_the_report(tmp_path):
    cell, texts = recorded.cell(), []
    for folder in (tmp_path / "x", tmp_path / "y"):
        path = CellFiles.of(folder / "trial", cell).result
        path.parent.mkdir(parents=True)
        path.mkdir()  # not even a file
        texts.append(build_report(grid(cell), folder).text)

    assert texts[0] == texts[1]
    assert "damaged" in texts[0]


@pytest.mark.parametrize(
    ("reference_values", "expected"),
    [
        ((0.97, 0.49), 3),
        ((98.6, 300.0), 2),
        ((311.0,), 1),
        ((2570.0, 0.0), 0),
        ((0.03,), 4),
        ((0.0, 0.0), 3),
        ((1.0, -4.0), 3),
    ],
)
def test_decimals_suit_the_size_of_a_metric(reference_values, expected):
    assert decimals(*reference_values) == expected


def test_numbers_are_written_by_one_rule():
    assert number(-0.0001, 3) == "0.000"
    assert number(-0.05, 3) == "-0.050"
    assert range_text([0.4901, 0.4899], 3) == "0.490"
    assert range_text([0.5, -0.5], 1) == "-0.5 to 0.5"
    assert [rough(x) for x in (0.0, 0.0371, 0.5, 7.04, 99.6, 1383.0)] == [
        "0",
        "0.037",
        "0.50",
        "7.0",
        "100",
        "1,400",
    ]
    assert seeds_text([4, 0, 1, 2, 7]) == "seeds 0-2, 4, 7"
    assert seeds_text([3]) == "seed 3"


def test_escaping_keeps_names_readable_and_harmless():
    assert escape("reward_per_step") == "reward_per_step"
    assert escape("_a_ *b* a|b\n<i>") == r"\_a\_ \*b\* a\|b &lt;i&gt;"
    assert code("harness run") == "`harness run`"
    assert code("a`b") == r"a\`b"
