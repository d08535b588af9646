"""A report's page in a real browser: no errors, tables sort and filter, curves switch.

Needs playwright (``pip install --group browser``) and a Chromium of the system's.
"""

import pytest

from harness.report import write_report
from harness.report.files import Format
from support import reported
from support.chromium import ARGUMENTS, CHROMIUM

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trial")
    report = reported.report(folder, label=reported.HOSTILE)
    (page,) = write_report(report, folder / "reports", [Format.HTML])
    return page.as_uri()


@pytest.fixture
def visit(browser, address):
    """Opens the page; at the end of a test nothing may have gone wrong in it."""
    contexts, wrong = [], []

    def open_page(width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append("a dialog") or dialog.dismiss())
        page.on(
            "request",
            lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url),
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def column(table, n):
    """What stands in a column, from the top."""
    cells = table.locator(f"tbody tr > :nth-child({n})")
    return [" ".join(text.split()) for text in cells.all_inner_texts()]


def main_table(page):
    return page.locator("h3:has-text('return') + .scroll table").first


def visible_lines(figure):
    """The keys of what a drawing shows."""
    return figure.evaluate(
        """figure => [...new Set([...figure.querySelectorAll('svg[role=img] [data-line]')]
             .filter(part => getComputedStyle(part).visibility === 'visible')
             .map(part => part.dataset.line))].sort()"""
    )


def style(page, selector, name):
    return page.eval_on_selector(selector, f"element => getComputedStyle(element).{name}")


def brightness(rgb):
    return sum(int(part) for part in rgb.strip("rgba()").split(",")[:3]) / 3


def test_it_opens_without_errors_and_asks_for_nothing_else(visit):
    page = visit()

    assert page.title() == "trial"
    assert page.locator("figure svg[role=img]").count() > 3


def test_a_click_on_a_head_sorts_up_then_down_then_as_written(visit):
    table = main_table(visit())
    head = table.locator("thead th").nth(2)
    written = column(table, 1)

    seen = [head.get_attribute("aria-sort")]
    orders = []
    for _ in range(3):
        head.locator("button").click()
        seen.append(head.get_attribute("aria-sort"))
        orders.append(column(table, 1))

    up, down, again = orders
    assert seen == ["none", "ascending", "descending", "none"]
    swept = [f"fixed LToS, selfishness={share}" for share in (0.3, 0.7)]
    assert up == ["DQN", "LToS", "VDN[1]", *swept, "DGN"]
    assert down == [*reversed(up[:-1]), "DGN"]  # what has no number is last
    assert again == written


def test_the_keyboard_sorts_too_and_one_column_at_a_time(visit):
    page = visit()
    table = main_table(page)
    first, third = (table.locator("thead th").nth(n) for n in (0, 2))

    third.locator("button").focus()
    page.keyboard.press("Enter")
    first.locator("button").focus()
    page.keyboard.press("Space")

    assert column(table, 1) == sorted(column(table, 1), key=str.lower)
    assert first.get_attribute("aria-sort") == "ascending"
    assert third.get_attribute("aria-sort") == "none"


def test_rows_of_a_claim_stay_together(visit):
    table = visit().locator("h3:has-text('Claims') + .scroll table")
    bodies = table.locator("tbody").all_inner_texts()

    table.locator("thead button").first.click()

    assert sorted(bodies) == sorted(table.locator("tbody").all_inner_texts())
    assert column(table, 1)[0] != ""


def test_the_filter_leaves_rows_with_every_word_in_all_tables(visit):
    page = visit()
    rows, search = page.locator("main tbody:visible"), page.locator("input[type=search]")
    n_rows = rows.count()

    search.fill("FIXED 0.7")

    assert 0 < rows.count() < n_rows
    assert all("selfishness=0.7" in text for text in rows.all_inner_texts())
    assert page.locator(".count").inner_text() == f"{rows.count()} of {n_rows} rows"
    search.fill("no such row")
    assert page.locator("main table:visible").count() == 0
    search.fill("")
    assert rows.count() == n_rows
    assert page.locator(".count").inner_text() == ""


def test_a_line_of_the_legend_switches_its_curve_off_and_on(visit):
    figure = visit().locator("figure").first
    line = figure.locator(".legend [data-line]").first
    key, every = line.get_attribute("data-line"), visible_lines(figure)

    line.click()
    pressed, left = line.get_attribute("aria-pressed"), visible_lines(figure)
    line.press("Enter")

    assert (pressed, left) == ("false", [other for other in every if other != key])
    assert line.get_attribute("aria-pressed") == "true"
    assert visible_lines(figure) == every


def test_all_lines_of_one_figure_can_be_switched_at_once(visit):
    page = visit()
    figure, other = page.locator("figure").nth(0), page.locator("figure").nth(1)
    every = visible_lines(figure)

    figure.get_by_role("button", name="none").click()
    assert visible_lines(figure) == []
    assert visible_lines(other) != []
    figure.get_by_role("button", name="all").click()
    assert visible_lines(figure) == every


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_until_somebody_asks_for_the_other(visit, scheme):
    page = visit(color_scheme=scheme)
    seen = []

    for _ in range(2):
        paper = brightness(style(page, "body", "backgroundColor"))
        ink = brightness(style(page, "figure svg[role=img]", "fill"))
        seen.append("dark" if paper < 60 and ink > 200 else "light" if paper > 240 > ink else "?")
        page.locator(".theme").click()

    assert seen == (["dark", "light"] if scheme == "dark" else ["light", "dark"])
    assert page.locator(".theme").get_attribute("aria-pressed") == str(scheme == "dark").lower()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("script", [True, False])
def test_only_tables_scroll_sideways(visit, width, script):
    page = visit(width, java_script_enabled=script)

    widths = page.evaluate("[document.documentElement, document.body].map(e => e.scrollWidth)")
    boxes = [box.bounding_box() for box in page.locator("figure, .scroll").all()]

    assert max(widths) <= width
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


def test_a_number_of_several_runs_opens_the_list_of_their_records(visit):
    page = visit()
    number = main_table(page).locator("button.number").first

    number.press("Enter")
    shown = page.locator(".records:popover-open")

    assert shown.locator("a").all_inner_texts() == ["seed=0", "seed=1"]
    with page.expect_navigation(url="**/trial/prisoner/dqn/seed=0.json"):
        shown.locator("a").first.click()


def test_escape_closes_the_list_of_records(visit):
    page = visit()
    main_table(page).locator("button.number").first.click()

    page.keyboard.press("Escape")

    assert page.locator(".records:popover-open").count() == 0


def test_contents_lead_to_the_places(visit):
    page = visit()

    page.get_by_role("button", name="Contents").click()
    page.locator("#contents a", has_text="prisoner").click()

    assert page.url.endswith("#at-prisoner")
    assert page.locator("#contents").is_hidden()
    assert 0 <= page.locator("#at-prisoner").bounding_box()["y"] < 150


def test_paper_shows_everything_and_no_controls(visit):
    page = visit()

    page.emulate_media(media="print")
    printed = page.pdf()

    assert printed.startswith(b"%PDF")
    assert page.locator("header").is_hidden()
    assert page.locator("main details").get_attribute("open") is not None
    assert style(page, ".scroll", "overflowX") == "visible"
