"""The commands about a single cell."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import GridOption, JsonOption, ResultsOption

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
        metavar="FILE", show_default=False, help="Where to: .gif moves, .png shows one step."
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
    """Run a stored cell again and compare it with its result, bit for bit.

    The result stays as it is. Where the two part, the first evaluation that differs is named, and
    what has changed since; the exit code is then 3.

    ```
    python -m harness replay prisoner/ltos/seed=0 --grid paper
    python -m harness replay prisoner/ltos/seed=0 --grid paper --upto 5 --json
    ```
    """
    from harness.training import use_one_thread

    use_one_thread()  # as in workers: before anything numerical is imported
    from harness.commands.replay import replay as run_again
    from harness.commands.request import Request

    raise typer.Exit(run_again(Request(grid, None, results, as_json=as_json), cell, upto))


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
    """Draw an evaluation episode of a cell, as an animation or as a picture of one step.

    Where no trained policy is kept (git has none), the cell is trained again first, which gives
    the same one.

    ```
    python -m harness render prisoner/ltos/seed=0 --grid paper --out strip.png
    python -m harness render jungle/dgn/seed=0 --grid full --out jungle.gif --fps 12
    python -m harness render jungle/dgn/seed=0 --grid full --out jungle.png --episode 3 --step 90
    ```
    """
    from harness.commands.render import Order
    from harness.commands.render import render as render_episode

    order = Order(
        cell=cell, grid=grid, results=results, out=out, episode=episode, step=step, fps=fps
    )
    raise typer.Exit(render_episode(order))
