"""A page holds the whole report, safely, in one file, and leads to the records."""

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from harness.plotting.draw import draw
from harness.report import build_report
from harness.report.document import (
    Bullets,
    Code,
    Document,
    Entry,
    Heading,
    Note,
    Notes,
    Paragraph,
    Strong,
    Table,
)
from harness.report.html import drawings_are_whole, html, without_drawings
from methods.dqn import DQN
from support import recorded, reported

VOID = {"meta", "link", "input", "wbr"}


class Parsed(HTMLParser):
    """Elements of a page with their attributes and what is written in them."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def texts(self, tag, **wanted):
        return [
            " ".join("".join(text).replace("\u00a0", " ").split())
            for name, attributes, text in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]

    def values(self, name):
        return [a[name] for _, a, _ in self.elements if a.get(name) is not None]


def drawn(report):
    return {figure.file: draw(figure.plot) for figure in report.figures}


def page_of(report):
    return html(report.document, drawn(report), "../trial")


def page_with(*blocks):
    return html(Document(name="t", blocks=blocks), {}, "../r")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return reported.report(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def page(report):
    return page_of(report)


@pytest.fixture(scope="module")
def parsed(page):
    return Parsed(page)


def test_the_same_report_gives_the_same_bytes(report, page):
    assert page_of(report) == page


def test_nothing_comes_from_elsewhere(page, parsed):
    addresses = parsed.values("href") + parsed.values("src")

    assert {urlsplit(a).scheme for a in addresses} <= {"", "data"}
    assert {a for a in addresses if not a.startswith(("#", "../trial/"))} == {"data:,"}
    assert set(re.findall(r"url\((.)", page)) == {"#"}
    assert "@import" not in page


def test_names_are_unique_and_whatever_refers_to_one_finds_it(page, parsed):
    names = Counter(parsed.values("id"))
    referred = {a[1:] for a in parsed.values("href") if a.startswith("#")}
    referred |= {*parsed.values("popovertarget"), *re.findall(r"url\(#([^)]*)\)", page)}

    assert [name for name, n in names.items() if n > 1] == []
    assert referred <= names.keys()


def test_only_the_pages_own_script_and_style_may_be_used(parsed):
    (policy,) = [a["content"] for t, a, _ in parsed.elements if "http-equiv" in a]

    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        ((_, _, text),) = [element for element in parsed.elements if element[0] == tag]
        digest = hashlib.sha256("".join(text).encode()).digest()
        assert f"{rule} 'sha256-{base64.b64encode(digest).decode()}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert parsed.values("style") == []
    assert not [name for _, a, _ in parsed.elements for name in a if name.startswith("on")]


def test_hostile_names_are_text_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(DQN, "title", reported.HOSTILE)
    report = reported.report(tmp_path, label=reported.HOSTILE)

    parsed = Parsed(page_of(report))

    assert len(parsed.texts("script")) == 1
    assert reported.HOSTILE in parsed.texts("th", scope="row")
    assert f"{reported.HOSTILE}: mean [95 %]" in parsed.texts("th", scope="col")
    assert reported.HOSTILE in parsed.texts("button")
    assert f"prisoner, {reported.HOSTILE}" in parsed.texts("p", **{"class": "title"})
    assert f"prisoner, {reported.HOSTILE}" in parsed.values("aria-label")


def test_every_cell_stands_under_its_head(parsed):
    counts, rows = [], []
    for tag, _, _ in parsed.elements:
        if tag == "tr":
            rows.append(0)
        elif tag in {"th", "td"}:
            rows[-1] += 1
        elif tag == "table" and rows:
            counts.append({*rows})
            rows = []

    assert all(len(widths) == 1 for widths in [*counts, {*rows}])


def test_a_number_leads_to_its_records(tmp_path):
    cells = [recorded.cell("dqn"), *(recorded.cell("ltos", seed=n) for n in (0, 1))]
    files = [recorded.result(cell).save(tmp_path / "results" / "trial") for cell in cells]
    report = build_report(reported.grid_of(*cells), tmp_path / "results")

    text = html(report.document, {}, "../results/trial")
    parsed = Parsed(text)

    reports = tmp_path / "reports"
    found = {(reports / unquote(a)).resolve() for a in parsed.values("href") if a[0] == "."}
    assert found == {file.resolve() for file in files}
    assert '<a href="../results/trial/prisoner/dqn/seed=0.json">0.970</a>' in text
    (name,) = re.findall(r'popovertarget="([^"]+)">0.970 \[0.970, 0.970\]', text)[:1]
    (listed,) = parsed.texts("div", id=name)
    assert listed == "prisoner/ltos seed=0 seed=1"


def test_addresses_are_quoted():
    entry = Entry(text="1", records=("p/m,x=a%20b/seed=0",))

    text = page_with(Table(head=("h",), rows=((entry,),)))

    assert 'href="../r/p/m,x=a%2520b/seed=0.json"' in text


def test_notes_are_numbered_and_entries_lead_to_them():
    row = ("DQN", Entry(text="1/3", notes=("runs", "unknown")), Entry(text="x", notes=("other",)))
    table = Table(head=("method", "seeds", "y"), rows=(row,))
    notes = Notes((Note("other", "first"), Note("runs", "second"), Note("runs", "third")))

    text = page_with(table, notes)

    assert '1/3<sup><a href="#note-2">[2]</a></sup><sup><a href="#note-3">[3]</a></sup>' in text
    assert 'x<sup><a href="#note-1">[1]</a></sup>' in text
    assert Parsed(text).texts("li", id="note-3", value="3") == ["third"]


def test_missing_runs_and_capabilities_have_footnotes(parsed):
    rows = [" ".join(text.split()) for text in parsed.texts("tr")]

    assert any(row.startswith("VDN[1]") for row in rows)
    assert parsed.texts("li", id="note-1") == [
        "VDN: acting or learning needs more than neighbors exchange"
    ]
    (dgn,) = [row for row in rows if row.startswith("DGN") and "failed" in row]
    numbers = re.findall(r"\[(\d+)\]", dgn)
    notes = [note for n in numbers for note in parsed.texts("li", id=f"note-{n}")]
    assert notes == [
        "DGN (default), seed 0: failed (error: ValueError: a | b)",
        "DGN (default), seed 1: not run yet",
    ]


def test_rows_without_a_first_entry_stay_with_the_row_above():
    rows = (("a", "1"), ("", "2"), ("b", "3"))

    text = page_with(Table(head=("x", "y"), rows=rows))

    bodies = [re.findall(r">(\d)</td>", body) for body in text.split("<tbody>")[1:]]
    assert bodies == [["1", "2"], ["3"]]


def test_what_an_entry_sorts_by_stands_beside_it():
    rows = ((Entry(text="two"), Entry(text="2.00", value=1.996)), ("three", "3"))

    text = page_with(Table(head=("x", "y"), rows=rows))

    assert '<td data-value="1.996">2.00</td>' in text
    assert "<td>3</td>" in text


def test_headings_of_the_same_words_have_different_names():
    blocks = [Heading(2, text) for text in ("A b", "a-b", "a b 2", "漢", "漢", "A b")]

    names = [name for name in Parsed(page_with(*blocks)).values("id") if name.startswith("at")]

    assert len(set(names)) == len(names) == len(blocks)
    assert names[0] == "at-a-b"


def test_pieces_of_text_are_written_each_in_its_way():
    pieces = (Strong("2 < 3"), " of ", Code("a_b"), ".")

    text = page_with(Paragraph(pieces), Bullets(("x",), "more"))

    assert "<p><strong>2 &lt; 3</strong> of <code>a_b</code>.</p>" in text
    assert "<summary>more</summary>" in text


def test_every_figure_has_its_drawing_its_legend_and_the_hash_of_its_data(report, parsed):
    drawings = [a for tag, a, _ in parsed.elements if tag == "svg" and a.get("role") == "img"]
    captions = parsed.texts("figcaption")

    assert [a["aria-label"] for a in drawings] == [f.plot.title for f in report.figures]
    for figure, caption in zip(report.figures, captions, strict=True):
        assert caption == f"{figure.caption} Data sha256: {figure.plot.digest}."
    switches = [a for _, a, _ in parsed.elements if a.get("aria-pressed") == "true"]
    assert len(switches) == sum(len(figure.plot.legend) for figure in report.figures)


def test_a_page_without_drawings_is_the_same_but_for_them(report, page):
    blank = html(report.document, {}, "../trial")

    assert without_drawings(blank) == without_drawings(page)
    assert "<path" not in without_drawings(page)
    assert drawings_are_whole(page)
    assert not drawings_are_whole(page.replace(' d="M', ' d="M 7 7 M', 1))
    assert report.figures[0].plot.digest in without_drawings(page)


def test_a_page_is_small(page):
    assert len(page.encode()) < 400_000


def test_a_grid_never_run_has_a_page(tmp_path):
    report = build_report(reported.grid_of(recorded.cell()), tmp_path)

    parsed = Parsed(page_of(report))

    assert any("There is no result to report yet" in text for text in parsed.texts("p"))
    assert parsed.texts("figure") == []


def test_a_scenario_where_every_run_failed_has_a_page(tmp_path):
    cells = [recorded.cell(seed=seed) for seed in (0, 1)]
    for cell in cells:
        reported.fail(tmp_path / "trial", cell, reported.HOSTILE)

    parsed = Parsed(page_of(build_report(reported.grid_of(*cells), tmp_path)))

    (row,) = [text for text in parsed.texts("tr") if text.startswith("DQN")]
    assert "failed" in row
    assert any(reported.HOSTILE in note for note in parsed.texts("li"))


def test_a_grid_of_nothing_has_a_page(tmp_path):
    report = build_report(reported.grid_of(), tmp_path)

    assert Parsed(page_of(report)).texts("h1") == ["trial"]
