"""The command that draws an episode."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from harness.commands.obtain import obtain
from harness.commands.request import INTERRUPTED, OK, console
from harness.config.cell import Cell
from harness.config.grid import Grid, load_grid
from harness.errors import ConfigurationError
from harness.plotting import animation
from harness.results.files import (
    CellFiles,
    StorageError,
    check_writable,
    storage_errors,
    write_bytes,
)
from harness.results.index import State, look
from harness.results.result import load_result
from harness.training.replay import differences, record
from scenarios.pictures import Episode, Picture, load_picture

PNG, GIF = ".png", ".gif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user wants to see: see the argument and options of the same names."""

    cell: str
    grid: str
    results: Path
    out: Path
    episode: int
    step: int | None
    fps: float | None


def render(order: Order) -> int:
    """Draw an evaluation episode of a cell.

    Raises:
        ConfigurationError: The order cannot be carried out as given.
    """
    grid, log = load_grid(order.grid), console(stderr=True)
    cell = _find_cell(order, grid)
    try:
        _check(order, cell)
        picture = _picture(cell)
        episode = _play(order, grid, cell, log)
        content = _draw(order, picture, episode, cell, log)
        with storage_errors(order.out):
            write_bytes(order.out, content)
    except StorageError as error:
        raise ConfigurationError(str(error)) from None
    except KeyboardInterrupt:
        log.print("interrupted: no picture was written", soft_wrap=True)
        return INTERRUPTED
    console().print(str(order.out), soft_wrap=True)
    return OK


def _find_cell(order: Order, grid: Grid) -> Cell:
    cells = {cell.id: cell for cell in grid.cells}
    if order.cell not in cells:
        (close,) = difflib.get_close_matches(order.cell, cells, n=1, cutoff=0.0)
        raise ConfigurationError(
            f"{order.cell}: grid {grid.name} has no such cell; did you mean {close!r}? `status "
            f"--grid {order.grid} --json` lists all"
        )
    cell = cells[order.cell]
    if cell.unavailable is not None:
        raise ConfigurationError(f"{cell.id}: {cell.unavailable}")
    return cell


def _check(order: Order, cell: Cell) -> None:
    """Find out before anything is computed what cannot be."""
    suffix, n_episodes = order.out.suffix, cell.budget.evaluation_episodes
    if suffix not in (PNG, GIF):
        raise ConfigurationError(f"--out {order.out}: a picture is a {PNG} or a {GIF} file")
    if suffix == GIF and order.step is not None:
        raise ConfigurationError(f"--step: goes with {PNG}; a {GIF} shows the whole episode")
    if suffix == PNG and order.fps is not None:
        raise ConfigurationError(f"--fps: goes with {GIF}; a {PNG} does not move")
    if order.episode >= n_episodes:
        raise ConfigurationError(
            f"--episode {order.episode}: an evaluation of {cell.id} has {n_episodes} episodes, "
            f"0 to {n_episodes - 1}"
        )
    if order.out.is_dir():
        raise ConfigurationError(f"--out {order.out}: is a folder")
    check_writable(order.out.parent)


def _picture(cell: Cell) -> Picture:
    try:
        return load_picture(cell.scenario)
    except ValueError as error:
        raise ConfigurationError(f"{cell.id}: {error}") from None


def _play(order: Order, grid: Grid, cell: Cell, log: Console) -> Episode:
    """Play the episode again, and say so where it is not the one of the stored result."""
    folder = order.results / grid.name
    training = obtain(grid, cell, folder, log)
    torch.set_num_threads(1)  # as in the workers that make the results
    episode = record(training, order.episode)
    (status,) = look([cell], folder)
    if status.state is State.DONE:
        result = load_result(CellFiles.of(folder, cell).result)
        for name, (there, here) in differences(result, order.episode, episode).items():
            log.print(
                f"note: {name} is {here:.6g} here and {there:.6g} in the stored result: another "
                "machine, or another release of a library, computes other digits",
                soft_wrap=True,
            )
    return episode


def _draw(order: Order, picture: Picture, episode: Episode, cell: Cell, log: Console) -> bytes:
    title = f"{cell.id}, evaluation episode {order.episode}"
    if order.out.suffix == GIF:
        steps = animation.steps_shown(episode)
        log.print(f"drawing {len(steps)} of {episode.n_steps + 1} timesteps", soft_wrap=True)
        watched = track(steps, "", console=log, transient=True, disable=not log.is_terminal)
        return animation.gif(picture, episode, title, watched, order.fps or picture.fps)
    step = round(picture.still * episode.n_steps) if order.step is None else order.step
    if step > episode.n_steps:
        raise ConfigurationError(
            f"--step {step}: episode {order.episode} of {cell.id} ends after step {episode.n_steps}"
        )
    return animation.png(picture, episode, title, step)
