"""Options of the command line that several commands have, or that need many words."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Rerun(StrEnum):
    """What `run` computes besides cells without a result."""

    FAILED = "failed"
    STALE = "stale"
    ALL = "all"


class Kind(StrEnum):
    """What `list` can list."""

    METHODS = "methods"
    SCENARIOS = "scenarios"
    GRIDS = "grids"


GridOption = Annotated[
    str,
    typer.Option(
        "--grid", metavar="NAME|FILE", help="A grid that comes with the harness, or a .toml file."
    ),
]
OnlyOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=PATTERN,...",
        help="Only cells that match: keys scenario, place, method, variant, preset, label, seed; "
        "patterns with * and ?; a key given twice means either.",
    ),
]
ResultsOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of results.")]
ReportsOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of reports.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, for other programs.")
]
RerunOption = Annotated[
    Rerun | None,
    typer.Option(
        metavar="failed|stale|all",
        show_choices=False,
        help="Also compute cells that failed, whose result is stale (settings or code version "
        "changed), or all. An old result stays until the new one is whole.",
    ),
]


JobsOption = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, metavar="N", help="Cells at a time. [default: all cores]"),
]
CheckpointOption = Annotated[
    float,
    typer.Option(min=0, metavar="SECONDS", help="Least time between two checkpoints of a cell."),
]
TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        min=0.001, metavar="SECONDS", help="A cell that takes longer in one go has failed."
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, like `plan`.")
]
FormatsOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="md,tex,html",
        help="Formats to write: Markdown, LaTeX, HTML. [default: md; with --check, all there are]",
    ),
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; fail if a report is not what results say.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Fail if anything is wrong with the records themselves.")
]
BeforeArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS_A", help="Folder of results: before.")
]
AfterArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS_B", help="Folder of the same form: after.")
]
MarginOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Difference that is none in practice, as a share of the way from a metric's floor to "
        "its bound.",
    ),
]
FailOption = Annotated[bool, typer.Option("--fail", help="Exit with 3 if a metric got worse.")]
KindArgument = Annotated[
    Kind | None, typer.Argument(metavar="[methods|scenarios|grids]", help="What to list.")
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The scenario whose sizes `list methods` counts with. [default: prisoner]",
    ),
]
