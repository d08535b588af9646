"""The commands about a single cell: play it again and compare, or draw an episode of it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import app
from harness.cli.output import (
    CHECK_FAILED,
    INTERRUPTED,
    OK,
    SOME_FAILED,
    GridOption,
    JsonOption,
    ResultsOption,
    console,
    find_cell,
    open_grid,
    print_json,
    steps,
)
from harness.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.config.cell import Cell
    from harness.results.result import RunResult
    from harness.training.replay import Difference
    from scenarios.pictures import Episode, Picture

PNG, GIF, REPLAY = ".png", ".gif", ".txt"
STALE = "stale: settings, data or code version changed since this result was computed"

CellArgument = Annotated[
    str, typer.Argument(metavar="CELL", help="Name of the cell, as `status --json` shows it.")
]

UptoOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Compare the first N evaluations only. [default: all]"),
]

PictureOption = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="Where to: .gif moves, .png shows one step, .txt is for CityFlow's viewer.",
    ),
]

EpisodeOption = Annotated[
    int, typer.Option(min=0, metavar="K", help="Which episode of an evaluation, from 0.")
]

StepOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="T",
        help="The step a .png shows. [default: what suits the scenario, mostly the middle]",
    ),
]

FpsOption = Annotated[
    float | None,
    typer.Option(
        min=0.1, max=50, metavar="F", help="Frames of a .gif per second. [default: by scenario]"
    ),
]


@app.command()
def replay(
    cell: CellArgument,
    grid: GridOption = "quickstart",
    results: ResultsOption = Path("results"),
    upto: UptoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a stored cell again, and compare bit for bit.

    The result stays as it is. Where the two part, the first evaluation that differs is named, and
    what has changed since; the exit code is then 3.

    \b
      python -m harness replay prisoner/ltos/seed=0 --grid paper
      python -m harness replay prisoner/ltos/seed=0 --grid paper --upto 5 --json
    """
    from harness.results.files import CellFiles
    from harness.results.index import State, find
    from harness.training.replay import changes
    from harness.training.replay import replay as run_again

    loaded, log = open_grid(grid, results), console(stderr=True)
    chosen = find_cell(loaded, cell)
    run = find(chosen, results / loaded.name)
    if run.stored is None:
        path = CellFiles.of(results / loaded.name, chosen).result
        remedy = run.reason if run.state is State.DAMAGED else "no result to compare with"
        raise ConfigurationError(f"{path}: {remedy}; `run` makes it")
    result = run.stored
    stale, n_stored = run.state is State.STALE, len(result.curve)
    n = n_stored if upto is None else min(upto, n_stored)
    if stale:
        log.print(STALE, soft_wrap=True)
    took = f"all of them took {result.provenance['wall_s']:,.0f} s when it was computed"
    log.print(f"{chosen.id}: {n} of {n_stored} evaluations; {took}", soft_wrap=True)
    found = next((d for d in steps(log, run_again(result, n), n, "replaying") if d), None)
    changed = changes(result)
    if as_json:
        print_json(
            {
                "id": chosen.id,
                "equal": found is None,
                "stale": stale,
                "evaluations": n,
                "difference": asdict(found) if found else None,
                "changed": {k: {"stored": a, "now": b} for k, (a, b) in changed.items()},
            }
        )
    else:
        _print_verdict(result, n, found, changed)
    raise typer.Exit(CHECK_FAILED if found else OK)


def _print_verdict(
    result: "RunResult",
    n: int,
    found: "Difference | None",
    changed: Mapping[str, tuple[Any, Any]],
) -> None:
    verdict = f"equal bit for bit: {n} of {len(result.curve)} evaluations"
    if found is not None:
        row = result.curve[found.evaluation - 1]
        verdict = (
            f"differs at evaluation {found.evaluation} (training episode {row['episode']}, step "
            f"{row['step']}): {found.figure} was {found.stored!r}, now is {found.now!r}"
        )
    lines = [f"changed since: {name}: {a} -> {b}" for name, (a, b) in changed.items()]
    nothing = "settings, versions and machine are those of the record"
    for line in [verdict, *(lines or [nothing])]:
        console().print(line, soft_wrap=True)


@app.command()
def render(
    cell: CellArgument,
    out: PictureOption,
    grid: GridOption = "quickstart",
    results: ResultsOption = Path("results"),
    episode: EpisodeOption = 0,
    step: StepOption = None,
    fps: FpsOption = None,
) -> None:
    """Draw an evaluation episode of a cell.

    A .gif is an animation, a .png a picture of one step. Of traffic there can be a .txt, too: a
    replay, second by second, for CityFlow's viewer; the roads are beside it, in a .roadnet.json.

    Where no trained policy is kept (git has none), the cell is trained again first, which gives
    the same one.

    \b
      python -m harness render prisoner/ltos/seed=0 --grid paper --out strip.png
      python -m harness render jungle/dgn/seed=0 --grid full --out jungle.gif --fps 12
      python -m harness render jungle/dgn/seed=0 --grid full --out jungle.png --episode 3 --step 90
    """
    from harness.results.files import check_writable, write_bytes
    from harness.training.replay import TrainingError
    from scenarios.pictures import load_picture

    loaded, log = open_grid(grid, results), console(stderr=True)
    chosen = find_cell(loaded, cell)
    if chosen.unavailable is not None:
        raise ConfigurationError(f"{chosen.id}: {chosen.unavailable}")
    _check(chosen, out, episode, step, fps)
    check_writable(out.parent)
    try:
        picture = None if out.suffix == REPLAY else load_picture(chosen.scenario)
    except ValueError as error:
        raise ConfigurationError(f"{chosen.id}: {error}") from None
    try:
        replay_file = None if picture else out
        played = _play(chosen, results / loaded.name, episode, log, replay_file)
        if picture:
            title = f"{chosen.id}, evaluation episode {episode}"
            content = _draw(picture, played, title, out.suffix, step, fps, log)
            write_bytes(out, content)
    except TrainingError as error:
        log.print(str(error), style="bold red", soft_wrap=True)
        raise typer.Exit(SOME_FAILED) from None
    except KeyboardInterrupt:
        log.print("interrupted: no picture was written", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console().print(str(out), soft_wrap=True)
    raise typer.Exit(OK)


def _check(cell: "Cell", out: Path, episode: int, step: int | None, fps: float | None) -> None:
    """Find out before anything is computed what cannot be."""
    from scenarios import SCENARIOS
    from scenarios.pictures import Replayable

    n_episodes = cell.budget.evaluation_episodes
    if out.suffix not in (PNG, GIF, REPLAY):
        raise ConfigurationError(
            f"--out {out}: a picture is a {PNG} or a {GIF} file, a replay a {REPLAY}"
        )
    if out.suffix != PNG and step is not None:
        raise ConfigurationError(f"--step: goes with {PNG}; a {out.suffix} has the whole episode")
    if out.suffix != GIF and fps is not None:
        raise ConfigurationError(f"--fps: goes with {GIF}; a {out.suffix} has no frames")
    if out.suffix == REPLAY and not issubclass(SCENARIOS[cell.scenario], Replayable):
        raise ConfigurationError(f"--out {out}: there are replays of traffic only; try {GIF}")
    if episode >= n_episodes:
        raise ConfigurationError(
            f"--episode {episode}: an evaluation of {cell.id} has {n_episodes} episodes, 0 to "
            f"{n_episodes - 1}"
        )
    if out.is_dir():
        raise ConfigurationError(f"--out {out}: is a folder")


def _play(
    cell: "Cell", folder: Path, k: int, log: "Console", replay_file: Path | None
) -> "Episode":
    """Play the episode again, and say so where it is not the one of the stored result."""
    import torch

    from harness.results.index import find
    from harness.training.replay import differences, load_policy, record
    from scenarios.pictures import Replayable

    training = load_policy(cell, folder)
    torch.set_num_threads(1)  # as in the workers that make the results
    scenario = training.scenario
    if replay_file and isinstance(scenario, Replayable):
        try:
            scenario.save_replay(replay_file.with_suffix(".roadnet.json"), replay_file)
            episode = record(training, k)
        except ValueError as error:
            raise StorageError(f"{cell.id}: {error}") from error
    else:
        episode = record(training, k)
    result = find(cell, folder).result
    for name, (there, here) in (differences(result, k, episode) if result else {}).items():
        log.print(
            f"note: {name} is {here:.6g} here and {there:.6g} in the stored result: another "
            "machine, or another release of a library, computes other digits",
            soft_wrap=True,
        )
    return episode


def _draw(
    picture: "Picture",
    episode: "Episode",
    title: str,
    suffix: str,
    step: int | None,
    fps: float | None,
    log: "Console",
) -> bytes:
    from rich.progress import track

    from harness.plotting import animation

    if suffix == GIF:
        shown = animation.steps_shown(episode)
        log.print(f"drawing {len(shown)} of {episode.n_steps + 1} timesteps", soft_wrap=True)
        watched = track(shown, "", console=log, transient=True, disable=not log.is_terminal)
        return animation.gif(picture, episode, title, watched, fps or picture.fps)
    at = round(picture.still * episode.n_steps) if step is None else step
    if at > episode.n_steps:
        raise ConfigurationError(f"--step {at}: {title}, ends after step {episode.n_steps}")
    return animation.png(picture, episode, title, at)
