"""The commands that make something of results: a report, a comparison, files for others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from harness.cli import app
from harness.cli.output import (
    CHECK_FAILED,
    OK,
    GridOption,
    JsonOption,
    OnlyOption,
    ReportsOption,
    ResultsOption,
    console,
    open_grid,
    print_json,
    steps,
)
from harness.errors import ConfigurationError

if TYPE_CHECKING:
    from harness.config.grid import Grid
    from harness.results.compare import Comparison
    from harness.results.index import Run
    from harness.tuning.page import Publication

_NAMED = 10  # faults of the records, on the terminal

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
    bool,
    typer.Option(
        "--strict", help="Fail if a cell has no result or anything is wrong with the records."
    ),
]

FormatOption = Annotated[
    Literal["csv", "parquet", "marl-eval", "mlflow"],
    typer.Option(
        "--format", metavar="FORMAT", help="csv, parquet, marl-eval or mlflow.", show_choices=False
    ),
]

OutOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of the files. [default: exports/GRID]"),
]

RaggedOption = Annotated[
    bool,
    typer.Option(
        "--allow-ragged", help="marl-eval: cut to the methods, seeds and evaluations all have."
    ),
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


@app.command()
def report(
    grid: GridOption = "quickstart",
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
    formats: FormatsOption = None,
    check: CheckOption = False,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write tables, comparisons with the papers, learning curves.

    Whatever is wrong with the records (a seed twice, a run cut short, a method without all its
    seeds ...) is named in the report and on standard error. Of a grid that runs on tuning seeds,
    the ledger of its studies is all there is.

    \b
      python -m harness report --grid paper
      python -m harness report --grid paper --format md,tex,html
      python -m harness report --grid paper --check --strict
    """
    from harness.report import build_report, check_report, write_report
    from harness.report.files import Format, parse_formats
    from harness.results.files import check_writable

    chosen = None if formats is None else parse_formats(formats)
    loaded = open_grid(grid, results)
    ledgers = _ledgers(loaded, results, reports)
    made = None if loaded.tuning and ledgers else build_report(loaded, results)
    if check:
        lines = check_report(made, reports, chosen) if made else []
        lines += [line for one in ledgers for line in one.differences()]
    else:
        check_writable(reports)
        files = write_report(made, reports, chosen or (Format.MARKDOWN,)) if made else []
        lines = [str(path) for path in [*files, *(f for one in ledgers for f in one.write())]]
    faults = [asdict(fault) for fault in made.faults] if made else []
    unfair = [fault for one in ledgers for fault in one.ledger.faults]
    if as_json:
        kind = "differences" if check else "files"
        print_json({"grid": loaded.name, kind: lines, "faults": faults, "unfair": unfair})
    else:
        _print_report(lines, [*unfair, *map("{kind}: {where}: {detail}".format_map, faults)])
    if strict and made and made.n_missing:
        console(stderr=True).print(f"{made.n_missing} of {len(loaded.cells)} cells have no result")
    failed = unfair or (check and lines) or (strict and (faults or (made and made.n_missing)))
    raise typer.Exit(CHECK_FAILED if failed else OK)


def _ledgers(grid: "Grid", results: Path, reports: Path) -> list["Publication"]:
    """Return the tuning ledger, if anything was tuned; else Optuna stays unimported."""
    from harness.tuning import has_studies

    if not has_studies(results / grid.name):
        return []
    from harness.tuning.page import Publication

    return [Publication(grid, results, reports)]


def _print_report(lines: Sequence[str], faults: Sequence[str]) -> None:
    for line in lines:
        console().print(line, soft_wrap=True)
    for line in faults[:_NAMED]:
        console(stderr=True).print(line, soft_wrap=True)
    if more := len(faults[_NAMED:]):
        console(stderr=True).print(f"and {more} more faults, named at the report's end")


@app.command()
def export(
    form: FormatOption,
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    out: OutOption = None,
    allow_ragged: RaggedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hand results to other programs: tables, MLflow, marl-eval.

    `csv` and `parquet` are two tables: `curves`, a row per evaluation and metric, and `runs`, a
    row per cell. `mlflow` brings the tracker in line with the results; a second time it adds
    nothing.

    \b
      python -m harness export --format csv --grid paper
      python -m harness export --format mlflow --grid paper
      python -m harness export --format marl-eval --grid paper --only 'label=paper'
    """
    if allow_ragged and form != "marl-eval":
        raise ConfigurationError("--allow-ragged: goes with --format marl-eval only")
    if out is not None and form == "mlflow":
        raise ConfigurationError("--out: MLflow's place is in MLFLOW_TRACKING_URI")
    from harness.config.grid import select
    from harness.export.tables import write_marl_eval, write_tables
    from harness.results.index import State, load_runs

    loaded = open_grid(grid, results)
    runs = load_runs(replace(loaded, cells=select(loaded.cells, only)), results)
    states = Counter(str(run.state) for run in runs)
    if not states[State.DONE]:
        raise ConfigurationError(
            f"{results / loaded.name}: no valid result to export; `run --grid {grid}` makes them"
        )
    folder, content = out or Path("exports") / loaded.name, dict[str, Any]()
    if form == "mlflow":
        content, said = _to_mlflow(loaded, results, runs)
    elif form == "marl-eval":
        path, notes = write_marl_eval(runs, folder, allow_ragged=allow_ragged)
        content, said = {"files": [str(path)], "notes": notes}, [str(path), *notes]
    else:
        said = [str(path) for path in write_tables(runs, folder, form)]
        content = {"files": said}
    if as_json:
        print_json({"grid": loaded.name, "format": form, "states": states, **content})
        raise typer.Exit(OK)
    left_out = ", ".join(f"{n} {state}" for state, n in states.items() if state != State.DONE)
    for line in [*said, *([f"without a valid result: {left_out}"] if left_out else [])]:
        console().print(line, soft_wrap=True)
    raise typer.Exit(OK)


def _to_mlflow(
    grid: "Grid", results: Path, runs: Sequence["Run"]
) -> tuple[dict[str, Any], list[str]]:
    from harness.export.mlflow import INSTALL, Tracker, TrackingError, installed, variant_family
    from harness.results.index import done_by_variant

    if not installed():
        raise ConfigurationError(f"--format mlflow: MLflow is not installed: {INSTALL}")
    variants = done_by_variant(grid, [run.cell for run in runs if run.result], results)
    log, outcomes = console(stderr=True), Counter(added=0, replaced=0, kept=0)
    try:
        tracker = Tracker(grid, results)
        for members in steps(log, variants, len(variants), "exporting variants"):
            outcomes.update(tracker.update(variant_family(grid.name, members)))
    except TrackingError as error:
        raise ConfigurationError(str(error)) from error
    counts = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items())
    return {"tracker": tracker.uri, **outcomes}, [f"{tracker.uri}: {counts}"]


@app.command()
def compare(
    before: BeforeArgument,
    after: AfterArgument,
    margin: MarginOption = 0.02,
    fail: FailOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what changed beyond noise between two folders.

    Headline metrics are compared seed by seed. `worse` and `better` are shown by at least five
    seeds, with Holm's correction over all that differ; `equivalent` lies within the margin.

    \b
      python -m harness compare old/results results
      python -m harness compare old/results/paper results/paper --fail --json
    """
    from harness.results.compare import Outcome
    from harness.results.compare import compare as compare_results

    found = compare_results(before, after, margin)
    worse = any(change.outcome is Outcome.WORSE for change in found.changes)
    if as_json:
        print_json(asdict(found))
    else:
        _print_comparison(found, margin)
    raise typer.Exit(CHECK_FAILED if fail and worse else OK)


def _print_comparison(found: "Comparison", share: float) -> None:
    from rich.table import Table

    from harness.report.numbers import decimals, interval_text, number
    from harness.results.compare import Outcome

    shown = (Outcome.WORSE, Outcome.BETTER, Outcome.UNDECIDED, Outcome.EQUIVALENT)
    out, differing = console(), [change for change in found.changes if change.outcome in shown]
    if differing:
        heads = ("results", "metric", "seeds", "differ", "before", "after", "change [95 %]")
        table = Table(*heads, "margin", "", box=None, pad_edge=False)
        for change in sorted(differing, key=lambda change: shown.index(change.outcome)):
            places = decimals(change.before, change.after)
            table.add_row(
                change.where,
                change.metric,
                str(change.n),
                str(len(change.differing)),
                number(change.before, places),
                number(change.after, places),
                interval_text(change.after - change.before, change.interval, places),
                number(change.margin, places),
                change.outcome,
            )
        out.print(table)
    counts = Counter(change.outcome for change in found.changes)
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    out.print(
        f"\n{len(found.changes)} metrics in both: {said}; margin {100 * share:g} % of the way from "
        "floor to bound",
        soft_wrap=True,
    )
    if found.lost or found.new:
        out.print(
            f"{len(found.lost)} results only before, {len(found.new)} only after", soft_wrap=True
        )
