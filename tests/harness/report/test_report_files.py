"""A report in three formats: each is written on request, and checked as what is there."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from harness.__main__ import main
from harness.errors import ConfigurationError
from harness.plotting.draw import draw
from harness.report import check_report, write_report
from harness.report.build import with_digest
from harness.report.document import Figure
from harness.report.files import Format, parse_formats
from harness.report.markdown import markdown
from support import recorded, reported

EVERY = tuple(Format)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return reported.report(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def written(report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    return folder, write_report(report, folder, EVERY)


@pytest.fixture
def reports(written, tmp_path):
    return shutil.copytree(written[0], tmp_path, dirs_exist_ok=True)  # as far from the records


def names(paths):
    return [path.name for path in paths]


def test_formats_are_read_from_a_list():
    assert parse_formats("html, md,html") == (Format.HTML, Format.MARKDOWN)


@pytest.mark.parametrize(
    ("text", "hint"), [("htm", "'html'"), ("pdf", "html, md, tex"), ("", "md")]
)
def test_an_unknown_format_is_refused_with_a_hint(text, hint):
    with pytest.raises(ConfigurationError, match=rf"--format: unknown format.*{hint}"):
        parse_formats(text)


def test_all_formats_are_written_once_and_the_same_byte_for_byte(report, written, tmp_path):
    again = write_report(report, tmp_path, EVERY)

    figures = {figure.file for figure in report.figures}
    assert names(again[:3]) == ["trial.md", "trial.tex", "trial.html"]
    assert {*names(again[3:])} == figures
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written[1]]


def test_markdown_is_what_is_written_unless_told(tmp_path):
    report = reported.build_report(reported.grid_of(recorded.cell()), tmp_path)

    assert names(write_report(report, tmp_path)) == ["trial.md"]


def test_html_alone_needs_no_figures_beside_it_and_touches_none(report, reports):
    figure = reports / "figures" / "trial" / report.figures[0].file
    figure.write_bytes(figure.read_bytes() + b"<!-- seen -->")

    assert names(write_report(report, reports, [Format.HTML])) == ["trial.html"]
    assert b"seen" in figure.read_bytes()


def test_a_report_just_written_has_no_differences(report, reports):
    assert check_report(report, reports) == []
    assert check_report(report, reports, EVERY) == []


@pytest.mark.parametrize("ending", ["md", "tex", "html"])
def test_check_looks_at_every_page_that_is_there(report, reports, ending):
    page = reports / f"trial.{ending}"
    page.write_text(page.read_text().replace("seed 1", "seed 7"))

    (difference,) = check_report(report, reports)

    assert re.fullmatch(rf"{page}: line \d+ is .*seed 7.*, the results say .*seed 1.*", difference)
    assert len(difference) < len(str(page)) + 300


def test_check_of_formats_asks_for_just_these(report, reports):
    (reports / "trial.tex").unlink()
    (reports / "trial.md").write_text("?")

    assert check_report(report, reports, [Format.HTML]) == []
    assert check_report(report, reports, [Format.LATEX])[0] == (f"{reports / 'trial.tex'}: missing")


def test_a_page_drawn_by_another_machine_is_no_difference(report, reports, monkeypatch):
    page = reports / "trial.html"
    text = page.read_text()
    otherwise = lambda plot: re.sub(rb'd="M [\d.]+', b'd="M 7.77', draw(plot))  # noqa: E731
    monkeypatch.setattr("harness.report.files.draw", otherwise)
    write_report(report, reports, [Format.HTML])

    assert page.read_text() != text
    assert check_report(report, reports) == []


@pytest.mark.parametrize("file", ["trial.html", "figures/trial/prisoner-default.svg"])
def test_a_drawing_that_was_changed_since_is_a_difference(report, reports, file):
    page = reports / file
    page.write_text(re.sub(r'd="M [\d.]+', 'd="M 7.77', page.read_text()))

    (difference,) = check_report(report, reports)

    assert difference.startswith(f"{page}: ")


def test_markdown_shows_the_main_figures_and_the_others_wait_for_latex(report, written, tmp_path):
    blocks = [block for block in report.document.blocks if isinstance(block, Figure)]
    main = [block.file for block in blocks if block.main]

    files = write_report(report, tmp_path)

    assert names(files) == ["trial.md", *main]
    assert 0 < len(main) < len(blocks)
    assert [f"figures/trial/{name}" in files[0].read_text() for name in main] == [True] * len(main)
    others = written[0] / "figures" / "trial" / "more"
    assert {f.name for f in others.iterdir()} == {b.file for b in blocks if not b.main}
    assert check_report(report, tmp_path) == []


def test_data_that_markdown_does_not_show_are_in_its_last_line(report):
    hidden = next(b for b in report.document.blocks if isinstance(b, Figure) and not b.main)
    plot = replace(hidden.plot, ylabel="other")
    other = replace(hidden, plot=plot)
    blocks = tuple(other if block is hidden else block for block in report.document.blocks)

    changed = with_digest(replace(report.document, blocks=blocks[:-1]))

    before, after = markdown(report.document).splitlines(), markdown(changed).splitlines()
    assert before[:-1] == after[:-1]
    assert before[-1].startswith("Data sha256 of all tables and")
    assert before[-1] != after[-1]


def test_other_data_in_a_page_is_a_difference(report, reports):
    page = reports / "trial.html"
    digest = report.figures[0].plot.digest
    page.write_text(page.read_text().replace(digest, "0" * 64))

    (difference,) = check_report(report, reports)

    assert digest[:20] in difference


def test_the_command_writes_what_is_asked_for_and_checks_what_is_there(tmp_path, capsys):
    places = ["--results", str(tmp_path), "--reports", str(tmp_path / "reports")]
    command = ["report", "--grid", "smoke", *places]

    for arguments, code in (
        (["--format", "html,tex", "--json"], 0),
        (["--check"], 3),
        (["--check", "--format", "html"], 0),
        (["--format", "pdf"], 2),
    ):
        with pytest.raises(SystemExit) as done:
            main([*command, *arguments])
        assert done.value.code == code

    out, err = capsys.readouterr()
    files = json.loads(out[: out.index("}") + 1])["files"]
    assert [file.rpartition(".")[2] for file in files] == ["html", "tex"]
    assert f"{tmp_path / 'reports' / 'smoke.md'}: missing" in out
    assert "error: --format: unknown format 'pdf'; valid: html, md, tex" in err


def test_records_are_found_from_wherever_the_page_lies(tmp_path):
    cell = recorded.cell()
    recorded.result(cell).save(tmp_path / "r e s" / "trial")
    report = reported.build_report(reported.grid_of(cell), tmp_path / "r e s")

    (page,) = write_report(report, tmp_path / "deep" / "reports", [Format.HTML])

    assert 'href="../../r%20e%20s/trial/prisoner/dqn/seed=0.json"' in page.read_text()
