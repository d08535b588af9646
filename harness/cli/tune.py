"""The command that searches hyperparameters."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import (
    GridOption,
    JobsOption,
    JsonOption,
    OnlyOption,
    ReportsOption,
    ResultsOption,
    TrackOption,
    n_cores,
)
from harness.errors import ConfigurationError

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


@app.command()
def tune(
    grid: GridOption = "tuning",
    only: OnlyOption = None,
    trials: TrialsOption = None,
    budget: BudgetOption = None,
    unseen: UnseenOption = 10,
    write: WriteOption = None,
    matched_snr: MatchedOption = False,
    storage: StorageOption = None,
    track: TrackOption = None,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search hyperparameters: every method of a task with the same budget, on tuning seeds.

    A study per task and learning method of a grid's cells with preset `default`. Interrupt it at
    will: the same command goes on where it stopped. The ledger of who was given what is written
    to `reports/<grid>-tuning.md`; exit code 3 says that the comparison is not fair or not complete.

    ```
    python -m harness tune --grid tuning --only 'scenario=prisoner' --trials 20
    python -m harness tune --grid tuning --write methods/hparams/tuned.toml
    python -m harness tune --grid tuning --only 'scenario=prisoner' --matched-snr
    ```
    """
    from harness.commands.request import Request
    from harness.commands.tune import tune as tune_grid
    from harness.commands.wishes import Wishes

    if trials is not None and budget is not None:
        raise ConfigurationError("--trials, --budget: give one of them; either sets the budget")
    wishes = Wishes(
        trials=trials,
        budget=budget,
        unseen=unseen,
        n_workers=jobs or n_cores(),
        storage=storage,
        write=write,
        matched_snr=matched_snr,
        track=track,
    )
    raise typer.Exit(tune_grid(Request(grid, only, results, as_json=as_json), reports, wishes))
