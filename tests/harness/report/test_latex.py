"""LaTeX sets what a report says: nothing in it is a command, every row has its columns."""

import re
import shutil
import subprocess

import pytest

from harness.report.document import Code, Document, Entry, Figure, Heading, Paragraph, Strong, Table
from harness.report.latex import escape, latex
from support import reported


def table_of(*rows, head=("x", "y"), left=1):
    text = latex(Document(name="t", blocks=(Table(head=head, rows=rows, left=left),)))
    return text.split(r"\begin{document}")[1]


def columns(line):
    return len(re.split(r"(?<!\\)&", line))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    return latex(reported.report(folder, label=reported.HOSTILE).document)


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("50 % & #1", r"50 \% \& \#1"),
        ("a_b^2 ~ $x$", r"a\_b\textasciicircum{}2 \textasciitilde{} \$x\$"),
        (r"\end{x}", r"\textbackslash{}end\{x\}"),
        ("a<b>|`", r"a\textless{}b\textgreater{}\textbar{}\textasciigrave{}"),
        ("--grid ,, ''", r"-{}-grid ,{}, '{}'"),
        ("-0.5 to 2-3", r"$-$0.5 to 2-3"),
        ("[x]", r"{}[x]"),
        ("*x*", r"{}*x*"),
        ("", ""),
        ("\u2191 \u221e \u2020", r"$\uparrow$ $\infty$ \textdagger{}"),
        ("\u00e9\u6f22\x07", r"é\texttt{U+6F22}\texttt{U+0007}"),
        ("a\n\nb", "a b"),
    ],
)
def test_text_is_set_as_it_is(plain, written):
    assert escape(plain) == written


def test_a_table_has_rules_heads_and_bold_entries():
    lines = table_of(("a", Entry(text="1", strong=True)), ("b", "-2")).splitlines()

    assert r"\begin{longtable}{@{}lr@{}}" in lines
    assert r"\textbf{x} & \textbf{y} \\" in lines
    assert [line for line in lines if line.endswith("rule")] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]
    assert lines[-5:-2] == [r"a & \textbf{1} \\", r"b & $-$2 \\", r"\end{longtable}}"]


def test_columns_of_long_text_share_the_room_that_is_left():
    wide = table_of(("a", "x" * 400, "y" * 400, "1"), head=("a", "b", "c", "d"), left=3)

    (kinds,) = re.findall(r"begin\{longtable\}\{@\{\}(.*)@\{\}\}", wide)
    widths = [float(w) for w in re.findall(r"p\{([\d.]+)\\linewidth\}", kinds)]
    assert (kinds[0], kinds[-1]) == ("l", "r")
    assert widths[0] == widths[1]
    assert 0.9 < sum(widths) < 1


def test_a_column_of_long_text_takes_no_more_than_it_needs():
    (width,) = re.findall(r"p\{([\d.]+)\\linewidth\}", table_of(("z" * 38, "1")))

    assert float(width) == pytest.approx(38 / 190)


def test_hostile_names_leave_every_brace_and_environment_closed(text):
    bare = re.sub(r"\\[\\{}]", "", text)

    assert bare.count("{") == bare.count("}")
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(begun) == sorted(re.findall(r"(?<!textbackslash)\\end\{(\w+)\}", text))
    assert text.isascii() or set(filter(lambda c: not c.isascii(), text)) <= set("äø")


def test_every_row_has_its_columns(text):
    for table in re.findall(r"\\begin\{longtable\}.*?\\end\{longtable\}", text, re.DOTALL):
        rows = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert len({columns(row) for row in rows}) == 1


def test_headings_and_pieces_are_written_each_in_its_way():
    pieces = (Strong("2"), " of ", Code("a_b"), ".")
    blocks = (Heading(1, "t"), Heading(2, "s"), Heading(3, "u_"), Paragraph(pieces))

    text = latex(Document(name="t", blocks=blocks))

    assert "\\section{t}\n\n\\subsection{s}\n\n\\subsubsection{u\\_}" in text
    assert r"\textbf{2} of \texttt{a\_b}." in text


def test_figures_are_shown_by_their_file_with_caption_and_hash(tmp_path):
    report = reported.report(tmp_path)

    text = latex(report.document)

    for block in report.document.blocks:
        if isinstance(block, Figure):
            assert rf"\reportfigure{{figures/trial/{block.path}}}{{" in text
            assert block.plot.digest in text


def test_a_file_whose_name_is_not_safe_is_named_only(tmp_path):
    report = reported.report(tmp_path)

    text = latex(Document(name="50%", blocks=report.document.blocks))

    assert r"\reportfigure{" not in text.split(r"\begin{document}")[1]
    assert rf"\texttt{{figures/50\%/{report.figures[0].file}}}" in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_accepts_the_report(text, tmp_path):
    (tmp_path / "t.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
