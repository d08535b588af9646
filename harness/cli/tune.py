"""``tune``: search hyperparameters, every method of a task with the same budget."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import app
from harness.cli.output import (
    CHECK_FAILED,
    INTERRUPTED,
    OK,
    SOME_FAILED,
    GridOption,
    JobsOption,
    JsonOption,
    OnlyOption,
    ReportsOption,
    ResultsOption,
    TrackOption,
    console,
    n_cores,
    print_json,
    steps,
)
from harness.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.config.grid import Grid
    from harness.tuning.ledger import Row
    from harness.tuning.page import Publication
    from harness.tuning.plan import Plan
    from harness.tuning.study import StudyStore

CHECKPOINT_EVERY_S = 120.0  # of cells at matched levels
_LEFT = -1  # no exit code: to another process that works on the same studies
_ENDINGS = {
    INTERRUPTED: "interrupted: the same command goes on from here",
    _LEFT: "the process that ends last writes the ledger",
}


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

HeldOutOption = Annotated[
    int,
    typer.Option(
        "--unseen",
        min=0,
        metavar="N",
        help="Held-out seeds, on which what was found is compared with the defaults.",
    ),
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

StorageOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A database for the studies, in place of journal files."),
]


@app.command()
def tune(
    grid: GridOption = "tuning",
    only: OnlyOption = None,
    trials: TrialsOption = None,
    budget: BudgetOption = None,
    held_out: HeldOutOption = 10,
    write: WriteOption = None,
    matched_snr: MatchedOption = False,
    storage: StorageOption = None,
    track: TrackOption = None,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search hyperparameters, with equal budgets, on tuning seeds.

    A study per task and learning method of a grid's cells with preset `default`. Interrupt it at
    will: the same command goes on where it stopped. The ledger of who was given what is written
    to `reports/<grid>-tuning.md`; exit code 3 says that the comparison is not fair or not complete.

    \b
      python -m harness tune --grid tuning --only 'scenario=prisoner' --trials 20
      python -m harness tune --grid tuning --write methods/hparams/tuned.toml
      python -m harness tune --grid tuning --only 'scenario=prisoner' --matched-snr
    """
    from harness.config.grid import load_grid, select
    from harness.export.mlflow import INSTALL, installed
    from harness.results.files import check_writable
    from harness.tuning.page import Publication
    from harness.tuning.plan import plans
    from harness.tuning.study import StudyStore

    tunes = trials is not None or budget is not None
    if trials is not None and budget is not None:
        raise ConfigurationError("--trials, --budget: give one of them; either sets the budget")
    if track and not installed():
        raise ConfigurationError(f"--track: MLflow is not installed: {INSTALL}")
    if not (tunes or write or matched_snr or track):
        raise ConfigurationError(
            "tune: give --trials or --budget, or --write, --matched-snr or --track after tuning"
        )
    asked, log, code = load_grid(grid), console(stderr=True), OK
    chosen, n_workers = plans(asked, select(asked.cells, only)), jobs or n_cores()
    check_writable(results / asked.name)
    if tunes:
        store = StudyStore(asked, results, storage)
        budgets = [(plan, _budget(plan, trials, budget)) for plan in chosen]
        log.print(f"grid {asked.name}: {len(chosen)} studies", soft_wrap=True)
        code = _search(store, budgets, held_out, n_workers, log)
    if matched_snr and code != INTERRUPTED:
        code = max(code, _match(asked, chosen, results, held_out, n_workers, log))
    if code in _ENDINGS:
        log.print(_ENDINGS[code], soft_wrap=True)
        raise typer.Exit(max(code, OK))
    published = Publication(asked, results, reports, storage)
    code = max(code, _publish(published, chosen, write, as_json, log))
    _track(asked, published.ledger.rows, results, track, log)
    raise typer.Exit(code)


def _budget(plan: "Plan", trials: int | None, budget: int | None) -> int:
    """Return the budget of a study [environment steps], of which one of both is given.

    Raises:
        ConfigurationError: It does not pay for one trial.
    """
    if trials is not None:
        return trials * plan.trial_steps
    assert budget is not None  # one of both is given
    if budget < plan.trial_steps:
        raise ConfigurationError(
            f"--budget {budget}: a trial of {plan.name} may take {plan.trial_steps:,} environment "
            f"steps ({len(plan.seeds)} seeds, {plan.run_steps:,} each); give that much for every "
            "trial"
        )
    return budget


def _search(
    store: "StudyStore",
    chosen: Sequence[tuple["Plan", int]],
    n_held_out: int,
    n_workers: int,
    log: "Console",
) -> int:
    """Tune, each plan with its budget; see ``_LEFT`` for what it returns beside exit codes."""
    from harness.training.pool import interrupts
    from harness.tuning.progress import open_view
    from harness.tuning.runner import Session, StudyRunner, scoring_workers

    for plan, _ in chosen:
        if plan.parent is not None:
            store.parent(plan)  # that there is none is better known before others take hours
    budgets = {f"{plan.task}/{plan.method}": budget for plan, budget in chosen}
    with (
        interrupts() as signals,
        scoring_workers(n_workers, lambda: bool(signals)) as team,
        open_view(log, budgets, team.size) as view,
    ):
        runners = [StudyRunner(plan, store, view, budget, n_held_out) for plan, budget in chosen]
        Session(runners, team, view, signals).run()
    if signals:
        return INTERRUPTED
    if any(runner.elsewhere for runner in runners):
        return _LEFT
    return OK if all(runner.finished for runner in runners) else SOME_FAILED


def _match(
    grid: "Grid",
    chosen: Sequence["Plan"],
    results: Path,
    n_seeds: int,
    n_workers: int,
    log: "Console",
) -> int:
    """Run fixed LToS and NeurComm at matched levels, wherever both are."""
    from harness.results.index import look, to_run
    from harness.training.pool import Job, execute
    from harness.training.progress import Board, watch
    from harness.tuning import FOLDER
    from harness.tuning.matching import MATCHED, matches

    found = matches(chosen)
    if not found:
        raise ConfigurationError(
            f"--matched-snr: grid {grid.name} has no task with both fixed_ltos and neurcomm"
        )
    folder = results / grid.name / FOLDER / MATCHED
    cells = [cell for first, *_ in found.values() for cell in first.cells(n_seeds)]
    runs = to_run(look(cells, folder), "stale")
    jobs = [Job(cell=run.cell, expected_s=1.0, replaces=run.modified_ns) for run in runs]
    log.print(f"matched levels: {len(cells)} cells, {len(jobs)} to run", soft_wrap=True)
    if not jobs:
        return OK
    with watch(Board(jobs, folder, n_workers), log) as view:
        summary = execute(
            jobs,
            folder,
            view,
            n_workers=n_workers,
            checkpoint_every=CHECKPOINT_EVERY_S,
            time_limit=None,
        )
    if summary.obstacle:
        raise StorageError(summary.obstacle)
    return INTERRUPTED if summary.interrupted else SOME_FAILED if summary.failures else OK


def _publish(
    published: "Publication",
    chosen: Sequence["Plan"],
    preset: Path | None,
    as_json: bool,
    log: "Console",
) -> int:
    """Write ledger and preset, and say whether the comparison is fair."""
    from harness.tuning.ledger import write_preset

    ledger = published.ledger
    for path in published.write():
        log.print(f"written: {path}", soft_wrap=True)
    if preset is not None:
        names = {plan.name for plan in chosen}
        pairs = write_preset(preset, [row for row in ledger.rows if row.plan.name in names])
        log.print(f"written: {preset}: {', '.join(pairs)}", soft_wrap=True)
    if as_json:
        print_json(ledger.record())
    for fault in ledger.faults:
        log.print(f"check: {fault}", style="yellow", soft_wrap=True)
    return CHECK_FAILED if ledger.faults else OK


def _track(
    grid: "Grid", rows: Sequence["Row"], results: Path, wanted: bool | None, log: "Console"
) -> None:
    """Show studies in MLflow; a tracker that fails costs nothing but what it would show."""
    from harness.export.mlflow import Tracker, TrackingError, in_use
    from harness.tuning.mlflow import PART, study_family

    if not (in_use(results) if wanted is None else wanted):
        return
    outcomes = Counter(added=0, replaced=0, kept=0)
    try:
        tracker = Tracker(grid, results, PART)
        for row in steps(log, rows, len(rows), "tracking studies"):
            outcomes.update(tracker.update(study_family(grid.name, row)))
    except TrackingError as error:
        log.print(f"not tracked: {error}; `tune --track` catches up", soft_wrap=True)
        return
    counts = ", ".join(f"{n} {what}" for what, n in outcomes.items())
    log.print(f"{tracker.uri}: trials: {counts}", soft_wrap=True)
