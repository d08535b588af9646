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
CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; fail if a report is not what results say.")
]
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
TrialsOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Budget of every study: what so many whole trials may take."
    ),
]
BudgetOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="ENV_STEPS", help="Budget of every study in environment steps."),
]
UnseenOption = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Seeds on which what was found is compared with the defaults."
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A database for the studies, in place of journal files."),
]
WriteOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write preset `tuned` of the finished studies to a file."),
]
MatchedOption = Annotated[
    bool,
    typer.Option(
        "--matched-snr",
        help="Run fixed LToS and NeurComm at the same self-neighbor ratios and self shares.",
    ),
]
