"""Writes the ledger: a page, its data and its figures, all a function of the studies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.atomic import write_text
from harness.figure_folder import figure_differences, write_figures
from harness.grid import Grid
from harness.tune.drawing import draw
from harness.tune.ledger import ledger
from harness.tune.matching import MATCHED, matches, outcome, panels
from harness.tune.matching_page import matching_text
from harness.tune.page import Section, page
from harness.tune.pictures import Picture, digest, history, importances
from harness.tune.plan import Plan, plans
from harness.tune.row import Row
from harness.tune.study_files import FOLDER
from harness.tune.tables import study_tables


class Publication:
    """The ledger of a grid, and where it goes.

    Args:
        grid: Whose studies.
        results: Folder of the results of all grids.
        reports: Folder of reports.
        url: A database in place of the journals.

    Attributes:
        ledger: What there is to say.

    Raises:
        ConfigurationError: A study is damaged or of something else.
    """

    def __init__(self, grid: Grid, results: Path, reports: Path, url: str | None = None) -> None:
        self.ledger = ledger(grid, results, url)
        asked, stem = plans(grid, grid.cells), f"{grid.name}-tuning"
        self._figures = reports / "figures" / stem
        folder = results / grid.name / FOLDER / MATCHED
        sections = [
            section
            for place in dict.fromkeys(plan.place for plan in asked)
            for section in _sections(place, asked, self.ledger.rows, folder)
        ]
        self._pictures = {n: p for s in sections for n, p in s.pictures.items()}
        self._texts = {
            reports / f"{stem}.md": page(grid, self.ledger, sections, f"figures/{stem}"),
            reports / f"{stem}.json": self.ledger.text(),
        }

    def write(self) -> list[Path]:
        """Write everything; figures that there are no more are removed.

        Returns:
            The files, the page first.

        Raises:
            OSError: The folder cannot be written.
        """
        written = [write_text(path, text) for path, text in self._texts.items()]
        drawings = {name: draw(picture) for name, picture in self._pictures.items()}
        return written + write_figures(self._figures, drawings)

    def differences(self) -> list[str]:
        """Say in what the files that there are differ from what the studies say; a line each."""
        found = [
            f"{path}: {'not what the studies say' if path.exists() else 'missing'}"
            for path, text in self._texts.items()
            if not path.exists() or path.read_text() != text
        ]
        digests = {name: digest(picture) for name, picture in self._pictures.items()}
        return found + figure_differences(self._figures, digests, "studies")


def _sections(
    place: str, asked: Sequence[Plan], rows: Sequence[Row], folder: Path
) -> list[Section]:
    """Return what there is to say of a place: its studies, and both methods matched."""
    found, here = list[Section](), [row for row in rows if row.plan.place == place]
    if here:
        found.append(Section(text=study_tables(here), pictures=_pictures(place, here)))
    for match in matches([plan for plan in asked if plan.place == place]).get(place, []):
        if scores := outcome(match, folder):
            text, name = matching_text(match, scores), f"{place}-matched.svg"
            found.append(Section(text=text, pictures={name: panels(match, scores)}))
            break
    return found


def _pictures(place: str, rows: Sequence[Row]) -> Mapping[str, Picture]:
    risen = history(f"{place}: tuning", rows)
    mattered = importances(f"{place}: what mattered", rows)
    found: dict[str, Picture] = {f"{place}-history.svg": risen} if risen.lines else {}
    return found | ({f"{place}-importances.svg": mattered} if mattered.shares else {})
